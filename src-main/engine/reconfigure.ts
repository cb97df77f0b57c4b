/** Changes a VM's settings: all of them while it is off, while it is on what `hardware-change.ts` lets through. */
import { isDeepStrictEqual } from 'node:util';
import { EngineError } from '../../shared/base/errors.ts';
import type { TaskId, VmId } from '../../shared/base/ids.ts';
import { listed, nested, say, type Phrase } from '../../shared/base/phrase.ts';
import { fileName, keptDisk, keptNics, runningChange } from '../../shared/model/hardware-change.ts';
import { USUAL_WATCHDOG } from '../../shared/model/boot-watchdog.ts';
import { USUAL_TIME } from '../../shared/model/guest-time.ts';
import { undone } from '../../shared/model/settings-change.ts';
import { taskText, type Task } from '../../shared/model/task.ts';
import { VM_LIMITS, type DiskRequest, type DiskSpec, type NicSpec, type Vm, type VmRequest, type VmSpec } from '../../shared/model/vm.ts';
import type { RunningVm } from '../hypervisor/vm-launch.ts';
import { refOf, type Edit } from '../inventory/inventory.ts';
import { checkDisks, checkFits, checkName, checkNotHeld } from './admission.ts';
import { checkAllocations, checkVmReservations } from './allocations.ts';
import type { Engine } from './engine.ts';
import { bootsAfter } from './boot-records.ts';
import { checkBanks } from './boots.ts';
import { changeMedium } from './hardware.ts';
import { checkHere } from './kept-off.ts';
import { withNewDisks } from './new-disks.ts';
import type { TaskContext } from './task-runner.ts';

type Context = Pick<Engine, 'inventory' | 'tasks' | 'power' | 'files'>;

/** What is wrong with the wish is said at once, not by a task. */
export function reconfigure(engine: Context, id: VmId, wanted: VmRequest): Promise<TaskId> {
  const vm = engine.inventory.vm(id);
  checkWish(engine, vm, wanted);
  return engine.tasks.run(say`Reconfigure virtual machine`, refOf(vm), async context => {
    const before = engine.inventory.vm(id);
    checkHere(before);
    await checkNotHeld(before, wanted);
    try {
      if (before.powerState === 'poweredOff') await whileOff(engine, id, wanted, context);
      else await whileOn(engine, id, wanted, context);
    } finally {
      const after = engine.inventory.vm(id).spec;
      if (!isDeepStrictEqual(before.spec, after)) context.changed({ before: before.spec, after });
    }
  }, { cancelable: true, alone: id });
}

/** Undoes what a task changed, part of it or all. Images that it made stay in the VM's folder. */
export function revertChange(engine: Context, task: Task): Promise<TaskId> {
  const { target, state, change } = task;
  if (change === undefined || target.kind !== 'vm' || state === 'running') throw new EngineError('not-revertible', say`The task "${nested(taskText(task, 'name') ?? '')}" cannot be reverted.`);
  const vm = engine.inventory.vm(target.id as VmId), { spec, conflicts } = undone(vm.spec, change);
  if (conflicts.length > 0) throw new EngineError('changed-since', say`The change of ${vm.spec.name} cannot be reverted, as this was changed again since: ${listed(conflicts)}.`);
  return reconfigure(engine, vm.id, spec);
}

function checkWish({ inventory }: Context, vm: Vm, wanted: VmRequest): void {
  checkHere(vm);
  checkName(wanted.name, inventory.vms, vm);
  if (vm.template === true) throw new EngineError('template', say`${vm.spec.name} is a template; its settings can change when it is converted to a virtual machine.`);
  checkDisks(wanted, inventory.allVms);
  checkFits(wanted, inventory.host(vm.hostId));
  checkBanks(wanted);
  checkAllocations(wanted, inventory.host(vm.hostId));
  if (vm.powerState === 'poweredOff') return;
  if (vm.powerState !== 'poweredOn') throw new EngineError('wrong-state', say`The settings of ${vm.spec.name} can change when it is powered on or off, not in between and not while it is suspended.`);
  const { refused } = runningChange(vm.spec, wanted);
  checkVmReservations(inventory, vm, wanted);
  if (refused.length > 0) throw new EngineError('needs-power-off', say`${vm.spec.name} must be powered off to change: ${listed(refused)}.`);
}

function whileOff(engine: Context, id: VmId, wanted: VmRequest, context: TaskContext): Promise<void> {
  return withNewDisks(engine.files, id, { ...context, disks: wanted.disks }, disks => engine.inventory.transact(edit => {
    const vm = edit.vm(id);
    if (vm.powerState !== 'poweredOff') throw new EngineError('wrong-state', say`${vm.spec.name} was powered on meanwhile.`);
    checkName(wanted.name, edit.vms, vm);
    putSpec(edit, vm, { ...wanted, disks }, 'vm.reconfigured', say`The settings of ${wanted.name} were changed.`);
  }));
}

async function whileOn(engine: Context, id: VmId, wanted: VmRequest, context: TaskContext): Promise<void> {
  const { inventory, power } = engine, vm = inventory.vm(id), machine = power.machine(id);
  checkWish(engine, vm, wanted);
  const { cpus, addedDisks, removedDisks, addedNics, removedNics, cables, media } = runningChange(vm.spec, wanted);
  const steps = addedDisks.length + addedNics.length + removedDisks.length + removedNics.length;
  let step = 0;
  const next = (what: Phrase) => {
    context.signal.throwIfAborted();
    context.progress(step++ / steps, what);
  };
  if (cpus !== undefined) await machine.setCpus(cpus);
  if (!isDeepStrictEqual(vm.spec.time, wanted.time)) await machine.setTime(wanted.time ?? USUAL_TIME);
  if (!isDeepStrictEqual(vm.spec.bootWatchdog, wanted.bootWatchdog)) await machine.setBootWatchdog(wanted.bootWatchdog ?? USUAL_WATCHDOG);
  for (const { nic, connected } of cables) await machine.nics[nic]?.setConnected(connected);
  for (const { drive, path } of media) await changeMedium(engine, id, drive, path);
  await inventory.transact(edit => { settle(edit, edit.vm(id), wanted, cables); });
  for (const disk of addedDisks) {
    next(say`Adding a disk`);
    await plugDisk(engine, { id, disk, machine }, context);
  }
  for (const nic of addedNics) {
    next(say`Adding a network adapter`);
    await plugNic(engine, { id, nic, machine });
  }
  for (const disk of removedDisks) {
    next(say`Waiting for the guest to let go of ${fileName(disk.path)}`);
    await unplug(engine, { id, slot: disk.slot, machine }, ['vm.diskRemoved', say`The disk ${fileName(disk.path)} was removed from ${wanted.name}.`]);
  }
  for (const { slot } of removedNics) {
    next(say`Waiting for the guest to let go of a network adapter`);
    await unplug(engine, { id, slot, machine }, ['vm.nicRemoved', say`A network adapter was removed from ${wanted.name}.`]);
  }
}

/** What needs no machine, or was done to it. */
function settle(edit: Edit, vm: Vm, wanted: VmRequest, cables: ReturnType<typeof runningChange>['cables']): void {
  checkName(wanted.name, edit.vms, vm);
  checkVmReservations(edit, vm, wanted);
  const disks = vm.spec.disks.map(disk => (disk.cdrom ? disk : keptDisk(disk, wanted) ?? disk)), own = vm.spec.nics ?? [], kept = keptNics(own, wanted.nics ?? []), nics = own.map((nic, at) => kept[at] ?? nic), { cpuAllocation, memoryAllocation, display, time, bootWatchdog } = wanted, { cpuAllocation: _c, memoryAllocation: _m, display: _d, time: _t, bootWatchdog: _b, ...rest } = vm.spec;
  const settled: VmSpec = { ...rest, name: wanted.name, cpus: wanted.cpus, guest: wanted.guest, disks, ...(vm.spec.nics && { nics }), ...(cpuAllocation && { cpuAllocation }), ...(memoryAllocation && { memoryAllocation }), ...(display && { display }), ...(time && { time }), ...(bootWatchdog && { bootWatchdog }) };
  if (!isDeepStrictEqual(settled, vm.spec)) putSpec(edit, vm, settled, 'vm.reconfigured', say`The settings of ${wanted.name} were changed.`);
  for (const { nic, connected } of cables) {
    const message = connected ? say`Network adapter ${nic + 1} of ${wanted.name} was connected.` : say`Network adapter ${nic + 1} of ${wanted.name} was disconnected.`;
    edit.event({ severity: 'info', type: connected ? 'vm.nicConnected' : 'vm.nicDisconnected', message, target: refOf(vm) });
  }
}

function plugDisk({ files, inventory }: Context, { id, disk, machine }: { id: VmId; disk: DiskRequest; machine: RunningVm }, context: TaskContext): Promise<void> {
  return withNewDisks(files, id, { signal: context.signal, progress: () => { /* the whole change has its own */ }, disks: [disk] }, async ([made]) => {
    if (made === undefined) return;
    const inSlot: DiskSpec = { ...made, slot: freeSlot(inventory.vm(id)) };
    await machine.plugDisk(inSlot.slot ?? 0, inSlot);
    await inventory.transact(edit => {
      const vm = edit.vm(id);
      putSpec(edit, vm, { ...vm.spec, disks: [...vm.spec.disks, inSlot] }, 'vm.diskAdded', say`The disk ${fileName(inSlot.path)} was added to ${vm.spec.name}.`);
    });
  });
}

async function plugNic({ inventory }: Context, { id, nic, machine }: { id: VmId; nic: NicSpec; machine: RunningVm }): Promise<void> {
  const inSlot: NicSpec = { ...nic, slot: freeSlot(inventory.vm(id)) };
  await machine.plugNic(inSlot.slot ?? 0, inSlot);
  await inventory.transact(edit => {
    const vm = edit.vm(id), nics = [...vm.spec.nics ?? [], inSlot];
    putSpec(edit, vm, { ...vm.spec, nics }, 'vm.nicAdded', say`Network adapter ${nics.length} was added to ${vm.spec.name}.`);
  });
}

/** A disk's image stays: it may hold what somebody wants. */
async function unplug({ inventory }: Context, { id, slot, machine }: { id: VmId; slot: number | undefined; machine: RunningVm }, [type, message]: readonly [string, Phrase]): Promise<void> {
  if (slot === undefined) return;
  await machine.unplug(slot);
  const isElsewhere = (device: { readonly slot?: number | undefined }) => device.slot !== slot;
  await inventory.transact(edit => {
    const vm = edit.vm(id), { disks, nics } = vm.spec;
    putSpec(edit, vm, { ...vm.spec, disks: disks.filter(isElsewhere), ...(nics && { nics: nics.filter(isElsewhere) }) }, type, message);
  });
}

function freeSlot({ spec: { name, disks, nics = [] } }: Vm): number {
  const slot = Array.from({ length: VM_LIMITS.hotPlugSlots }, (_, at) => at).find(at => [...disks, ...nics].every(device => device.slot !== at));
  if (slot === undefined) throw new EngineError('no-slot', say`All ${VM_LIMITS.hotPlugSlots} hot-plug slots of ${name} are taken.`);
  return slot;
}

function putSpec(edit: Edit, vm: Vm, spec: Vm['spec'], type: string, message: Phrase): void {
  const after = bootsAfter(vm, spec);
  edit.put('vm', after);
  edit.event({ severity: 'info', type, message, target: refOf(after) });
}
