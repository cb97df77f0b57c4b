/** Puts right what an engine left behind that was killed: nothing it was doing goes on, and files of nothing go. */
import type { NewEvent, Write } from '../inventory/database.ts';
import { refOf } from '../inventory/inventory.ts';
import type { Store } from '../inventory/store.ts';
import { removeLeftovers } from './leftovers.ts';
import type { VmFiles } from './vm-files.ts';
import type { Host } from '../../shared/model/host.ts';
import { saying, type Task } from '../../shared/model/task.ts';
import { cut } from '../../shared/model/boot-watchdog.ts';
import { withProblem, type Vm } from '../../shared/model/vm.ts';
import { messageFields, say } from '../../shared/base/phrase.ts';

const TASK_ERROR = say`The engine stopped while this task ran.`;
const VM_PROBLEM = say`The engine stopped while this VM ran.`;

/** Updates the store's contents too. Files go before the tasks that left them are ended, so that a second kill changes nothing. */
export async function recover(store: Store, files: VmFiles): Promise<void> {
  const { objects, unfinished } = store.contents, vms = objects.flatMap(({ kind, object }) => (kind === 'vm' ? [object] : []));
  const mended = vms.flatMap(vm => mend(vm, files)), interrupted = new Set(unfinished.map(({ target }) => target.id));
  // Only then was something under way: an inventory that is new, or older than its folder, must not cost VMs their disks.
  if (unfinished.length > 0) await files.removeOthers(new Set(vms.map(({ id }) => id)));
  const entering = objects.flatMap(({ kind, object }) => (kind === 'host' && object.maintenance === 'entering' ? [object] : []));
  for (const vm of vms) if (interrupted.has(vm.id)) await files.endMove(vm.id);
  for (const vm of vms) if (interrupted.has(vm.id)) await removeLeftovers(mended.find(({ id }) => id === vm.id) ?? vm, files);
  if (mended.length + unfinished.length + entering.length === 0) return;
  const nowMs = Date.now();
  await store.commit([
    ...unfinished.map(task => failed(task, nowMs)), ...entering.map(notEntered), ...mended.map((object): Write => ({ kind: 'object', after: { kind: 'vm', object } })),
    ...mended.flatMap((vm): Write[] => (vm.powerState === 'poweredOff' ? [{ kind: 'event', event: poweredOff(vm, nowMs) }] : [])),
  ]);
  await store.reload();
}

/** A VM that was on is off, or, when its state is whole and the guest has not run since, suspended. */
function mend(vm: Vm, files: VmFiles): Vm[] {
  if (vm.powerState === 'poweredOff' || vm.powerState === 'suspended') return [];
  return [files.isSuspended(vm.id) ? { ...vm, powerState: 'suspended' } : { ...withProblem(bootCut(vm), VM_PROBLEM), powerState: 'poweredOff' }];
}

/** Nobody saw how its boot ended. */
const bootCut = (vm: Vm): Vm => (vm.boot === undefined ? vm : { ...vm, boot: cut(vm.boot) });

function failed(task: Task, nowMs: number): Write {
  return { kind: 'task', after: { ...saying(task, { error: TASK_ERROR }), state: 'error', cancelable: false, completedMs: nowMs } };
}

/** Nobody waits any more for its VMs to be off. */
const notEntered = (host: Host): Write => ({ kind: 'object', after: { kind: 'host', object: { ...host, maintenance: 'none' } } });

const poweredOff = (vm: Vm, atMs: number): NewEvent => ({ atMs, severity: 'warning', type: 'vm.poweredOff', ...messageFields(say`${vm.spec.name} was powered off: the engine stopped while it ran.`), target: refOf(vm) });
