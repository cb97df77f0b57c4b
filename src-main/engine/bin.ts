/** The bin: deleted VMs with all their files, until they are restored, deleted from disk, or too old. */
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import { BIN_DAYS, keptUntilMs, VM_LIMITS, type Vm } from '../../shared/model/vm.ts';
import { refOf } from '../inventory/inventory.ts';
import { vmNamed } from './admission.ts';
import { checkNoSystem } from './host-systems.ts';
import type { Engine } from './engine.ts';
import { checkHere } from './kept-off.ts';
import type { TaskContext } from './task-runner.ts';

type Context = Pick<Engine, 'inventory' | 'power' | 'files'>;

export async function moveToBin({ inventory, power }: Context, id: VmId): Promise<void> {
  await inventory.transact(edit => {
    const vm = edit.vm(id);
    checkHere(vm);
    if (vm.powerState !== 'poweredOff') throw new EngineError('wrong-state', say`${vm.spec.name} must be powered off before it can be deleted.`);
    checkNoSystem(vm, edit);
    edit.put('vm', { ...vm, deletedMs: Date.now() });
    edit.event({ severity: 'info', type: 'vm.deleted', message: say`${vm.spec.name} was deleted. It is in the bin for ${BIN_DAYS} days.`, target: refOf(vm) });
  });
  power.forget(id);
}

export async function restore({ inventory }: Context, id: VmId): Promise<void> {
  await inventory.transact(edit => {
    const { deletedMs: _, ...vm } = edit.deletedVm(id), name = freeName(vm.spec.name, [...edit.vms]), restored: Vm = { ...vm, spec: { ...vm.spec, name } };
    edit.put('vm', restored);
    edit.event({ severity: 'info', type: 'vm.restored', message: name === vm.spec.name ? say`${vm.spec.name} was restored.` : say`${vm.spec.name} was restored as ${name}, as another VM has its name.`, target: refOf(restored) });
  });
}

/** The name itself, or with a number behind it. */
function freeName(name: string, all: readonly Vm[]): string {
  for (let n = 1; ; n++) {
    const suffix = n === 1 ? '' : ` (${n})`, candidate = `${name.slice(0, VM_LIMITS.nameLength - suffix.length)}${suffix}`;
    if (vmNamed(candidate, all) === undefined) return candidate;
  }
}

/** The entry goes first: files without one are found and removed when the engine starts after it was killed. Images that are the operator's files stay. */
export async function deleteFromDisk({ inventory, files }: Context, id: VmId): Promise<void> {
  await inventory.transact(edit => {
    const vm = edit.deletedVm(id), clone = cloneOf(vm, edit.allVms);
    if (clone !== undefined) throw new EngineError('held', clone.deletedMs === undefined ? say`The disks of ${clone.spec.name}, a linked clone, stand on a snapshot of ${vm.spec.name}.` : say`The disks of ${clone.spec.name}, a linked clone in the bin, stand on a snapshot of ${vm.spec.name}.`);
    edit.remove({ kind: 'vm', id });
    edit.event({ severity: 'info', type: 'vm.deletedFromDisk', message: say`${vm.spec.name} was deleted from disk.`, target: refOf(vm) });
  });
  await files.remove(id);
}

const cloneOf = (vm: Vm, all: readonly Vm[]): Vm | undefined => all.find(({ base }) => base?.vmId === vm.id);
/** Linked clones go before what they stand on. */
const newestFirst = (vms: readonly Vm[]): readonly Vm[] => vms.toSorted((a, b) => b.createdMs - a.createdMs);

/** One after the other, as clones go before what they stand on. Cancelled between two VMs, it leaves the rest. */
export async function emptyBin(context: Context, { parts }: TaskContext): Promise<void> {
  await parts(newestFirst(context.inventory.deletedVms).map(vm => ({ name: say`Delete virtual machine from disk`, target: refOf(vm), work: () => deleteFromDisk(context, vm.id), options: { alone: 'bin' } })));
}

export async function deleteExpired(context: Context): Promise<void> {
  for (const vm of newestFirst(context.inventory.deletedVms)) if (keptUntilMs(vm) < Date.now() && cloneOf(vm, context.inventory.allVms) === undefined) await deleteFromDisk(context, vm.id);
}
