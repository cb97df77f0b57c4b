/** Changes a VM's settings: all of them while it is off, while it is on what `hardware-change.ts` lets through. */
import { isDeepStrictEqual } from 'node:util';
import { EngineError } from '../../shared/base/errors.ts';
import type { TaskId, VmId } from '../../shared/base/ids.ts';
import { fileName, keptDisk, runningChange } from '../../shared/model/hardware-change.ts';
import { undone } from '../../shared/model/settings-change.ts';
import type { Task } from '../../shared/model/task.ts';
import { VM_LIMITS, type DiskRequest, type DiskSpec, type Vm, type VmRequest, type VmSpec } from '../../shared/model/vm.ts';
import type { RunningVm } from '../hypervisor/vm-launch.ts';
import { refOf, type Edit } from '../inventory/inventory.ts';
import { checkDisks, checkFits, checkName, checkNotHeld } from './admission.ts';
import { checkAllocations, checkVmReservations } from './allocations.ts';
import type { Engine } from './engine.ts';
import { changeMedium } from './hardware.ts';
import { withNewDisks } from './new-disks.ts';
import type { TaskContext } from './task-runner.ts';

type Context = Pick<Engine, 'inventory' | 'tasks' | 'power' | 'files' | 'oneAtATime'>;

/** What is wrong with the wish is said at once, not by a task. */
export function reconfigure(engine: Context, id: VmId, wanted: VmRequest): Promise<TaskId> {
  const vm = engine.inventory.vm(id);
  checkWish(engine, vm, wanted);
  return engine.tasks.run('Reconfigure virtual machine', refOf(vm), context => engine.oneAtATime.run(vm, 'Another change of the settings', async () => {
    const before = engine.inventory.vm(id);
    await checkNotHeld(before, wanted);
    try {
      if (before.powerState === 'poweredOff') await whileOff(engine, id, wanted, context);
      else await whileOn(engine, id, wanted, context);
    } finally {
      const after = engine.inventory.vm(id).spec;
      if (!isDeepStrictEqual(before.spec, after)) context.changed({ before: before.spec, after });
    }
  }), { cancelable: true, alone: id });
}

/** Undoes what a task changed, part of it or all. Images that it made stay in the VM's folder. */
export function revertChange(engine: Context, { name, target, state, change }: Task): Promise<TaskId> {
  if (change === undefined || target.kind !== 'vm' || state === 'running') throw new EngineError('not-revertible', `The task "${name}" cannot be reverted.`);
  const vm = engine.inventory.vm(target.id as VmId), { spec, conflicts } = undone(vm.spec, change);
  if (conflicts.length > 0) throw new EngineError('changed-since', `The change of ${vm.spec.name} cannot be reverted, as this was changed again since: ${conflicts.join('; ')}.`);
  return reconfigure(engine, vm.id, spec);
}

function checkWish({ inventory }: Context, vm: Vm, wanted: VmRequest): void {
  checkName(wanted.name, inventory.vms, vm);
  if (vm.template === true) throw new EngineError('template', `${vm.spec.name} is a template; its settings can change when it is converted to a virtual machine.`);
  checkDisks(wanted, inventory.allVms);
  checkFits(wanted, inventory.host(vm.hostId));
  checkAllocations(wanted, inventory.host(vm.hostId));
  if (vm.powerState === 'poweredOff') return;
  if (vm.powerState !== 'poweredOn') throw new EngineError('wrong-state', `The settings of ${vm.spec.name} can change when it is powered on or off, not in between and not while it is suspended.`);
  const { refused } = runningChange(vm.spec, wanted);
  checkVmReservations(inventory, vm, wanted);
  if (refused.length > 0) throw new EngineError('needs-power-off', `${vm.spec.name} must be powered off to change: ${refused.join('; ')}.`);
}

function whileOff(engine: Context, id: VmId, wanted: VmRequest, context: TaskContext): Promise<void> {
  return withNewDisks(engine.files, id, { ...context, disks: wanted.disks }, disks => engine.inventory.transact(edit => {
    const vm = edit.vm(id);
    if (vm.powerState !== 'poweredOff') throw new EngineError('wrong-state', `${vm.spec.name} was powered on meanwhile.`);
    checkName(wanted.name, edit.vms, vm);
    putSpec(edit, vm, { ...wanted, disks }, 'vm.reconfigured', `The settings of ${wanted.name} were changed.`);
  }));
}

async function whileOn(engine: Context, id: VmId, wanted: VmRequest, context: TaskContext): Promise<void> {
  const { inventory, power } = engine, vm = inventory.vm(id), machine = power.machine(id);
  checkWish(engine, vm, wanted);
  const { addedDisks, removedDisks, cables, media } = runningChange(vm.spec, wanted), steps = addedDisks.length + removedDisks.length;
  for (const { nic, connected } of cables) await machine.nics[nic]?.setConnected(connected);
  for (const { drive, path } of media) await changeMedium(engine, id, drive, path);
  await inventory.transact(edit => { settle(edit, edit.vm(id), wanted, cables); });
  for (const [at, disk] of addedDisks.entries()) {
    context.progress(at / steps, 'Adding a disk');
    await plug(engine, { id, disk, machine }, context);
  }
  for (const [at, disk] of removedDisks.entries()) {
    context.signal.throwIfAborted();
    context.progress((addedDisks.length + at) / steps, `Waiting for the guest to let go of ${fileName(disk.path)}`);
    await unplug(engine, { id, disk, machine });
  }
}

/** What needs no machine, or was done to it. */
function settle(edit: Edit, vm: Vm, wanted: VmRequest, cables: ReturnType<typeof runningChange>['cables']): void {
  checkName(wanted.name, edit.vms, vm);
  checkVmReservations(edit, vm, wanted);
  const disks = vm.spec.disks.map(disk => (disk.cdrom ? disk : keptDisk(disk, wanted) ?? disk)), { cpuAllocation, memoryAllocation } = wanted, { cpuAllocation: _c, memoryAllocation: _m, ...rest } = vm.spec;
  const settled: VmSpec = { ...rest, name: wanted.name, guest: wanted.guest, disks, ...(wanted.nics && { nics: wanted.nics }), ...(cpuAllocation && { cpuAllocation }), ...(memoryAllocation && { memoryAllocation }) };
  if (!isDeepStrictEqual(settled, vm.spec)) putSpec(edit, vm, settled, 'vm.reconfigured', `The settings of ${wanted.name} were changed.`);
  for (const { nic, connected } of cables) {
    const message = `Network adapter ${nic + 1} of ${wanted.name} was ${connected ? 'connected' : 'disconnected'}.`;
    edit.event({ severity: 'info', type: connected ? 'vm.nicConnected' : 'vm.nicDisconnected', message, target: refOf(vm) });
  }
}

function plug({ files, inventory }: Context, { id, disk, machine }: { id: VmId; disk: DiskRequest; machine: RunningVm }, context: TaskContext): Promise<void> {
  return withNewDisks(files, id, { signal: context.signal, progress: () => { /* the whole change has its own */ }, disks: [disk] }, async ([made]) => {
    if (made === undefined) return;
    const inSlot: DiskSpec = { ...made, slot: freeSlot(inventory.vm(id)) };
    await machine.plugDisk(inSlot.slot ?? 0, inSlot);
    await inventory.transact(edit => {
      const vm = edit.vm(id);
      putSpec(edit, vm, { ...vm.spec, disks: [...vm.spec.disks, inSlot] }, 'vm.diskAdded', `The disk ${fileName(inSlot.path)} was added to ${vm.spec.name}.`);
    });
  });
}

/** The image stays: it may hold what somebody wants. */
async function unplug({ inventory }: Context, { id, disk, machine }: { id: VmId; disk: DiskSpec; machine: RunningVm }): Promise<void> {
  if (disk.slot === undefined) return;
  await machine.unplug(disk.slot);
  await inventory.transact(edit => {
    const vm = edit.vm(id);
    putSpec(edit, vm, { ...vm.spec, disks: vm.spec.disks.filter(({ slot }) => slot !== disk.slot) }, 'vm.diskRemoved', `The disk ${fileName(disk.path)} was removed from ${vm.spec.name}.`);
  });
}

function freeSlot({ spec: { name, disks } }: Vm): number {
  const slot = Array.from({ length: VM_LIMITS.hotPlugSlots }, (_, at) => at).find(at => disks.every(disk => disk.slot !== at));
  if (slot === undefined) throw new EngineError('no-slot', `All ${VM_LIMITS.hotPlugSlots} hot-plug slots of ${name} are taken.`);
  return slot;
}

function putSpec(edit: Edit, vm: Vm, spec: Vm['spec'], type: string, message: string): void {
  const after = { ...vm, spec };
  edit.put('vm', after);
  edit.event({ severity: 'info', type, message, target: refOf(after) });
}
