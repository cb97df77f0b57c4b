/**
 * Snapshots: each keeps a VM's hardware, its disks as they are from then on, and maybe its memory. The VM goes on with a layer on
 * each disk that it writes to, a qcow2 image in its folder. When snapshots go, so do the layers that only they kept apart: see consolidate.ts.
 */
import { copyFile, link, rm } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';
import type { SnapshotId, VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import { isOn } from '../../shared/model/host.ts';
import { withProblem, type DiskSpec, type Snapshot, type SnapshotEdit, type SnapshotRequest, type Vm } from '../../shared/model/vm.ts';
import { refOf, type Edit, type Inventory } from '../inventory/inventory.ts';
import { createImage, shapeOf } from '../storage/image-operations.ts';
import { diskPaths, specsOf } from './chains.ts';
import { canConsolidate, consolidate, removeUnusedLayers } from './consolidate.ts';
import { checkStays } from './host-systems.ts';
import { imagesOf } from './leftovers.ts';
import { newId } from './new-id.ts';
import { checkHere, type KeptOff } from './kept-off.ts';
import { asRunning, type Power } from './power.ts';
import type { TaskContext } from './task-runner.ts';
import type { VmFiles } from './vm-files.ts';

type Wanted = SnapshotRequest & Pick<Snapshot, 'temporary'>;

export class Snapshots {
  readonly inventory: Inventory;
  readonly files: VmFiles;
  readonly keptOff: KeptOff;
  private readonly power: Power;

  constructor({ inventory, power, files, keptOff }: { inventory: Inventory; power: Power; files: VmFiles; keptOff: KeptOff }) {
    this.keptOff = keptOff;
    this.inventory = inventory;
    this.power = power;
    this.files = files;
  }

  delete(vmId: VmId, id: SnapshotId, context: Pick<TaskContext, 'progress' | 'signal'>): Promise<void> { return this.deleteThese(vmId, [id], context); }
  deleteAll(vmId: VmId, context: TaskContext): Promise<void> { return this.deleteThese(vmId, (this.inventory.vm(vmId).snapshots ?? []).map(each => each.id), context); }
  consolidate(vmId: VmId, context: TaskContext): Promise<void> { return consolidate(this, vmId, context); }

  async edit(vmId: VmId, id: SnapshotId, text: SnapshotEdit): Promise<void> {
    await this.inventory.transact(edit => {
      const vm = edit.vm(vmId);
      snapshotOf(vm, id);
      edit.put('vm', { ...vm, snapshots: (vm.snapshots ?? []).map(each => (each.id === id ? { ...each, ...text } : each)) });
    });
  }

  async take(vmId: VmId, { name, description, memory, temporary }: Wanted, context: TaskContext): Promise<void> {
    const vm = this.inventory.vm(vmId), { spec } = vm, isOn = vm.powerState === 'poweredOn';
    checkHere(vm);
    if (!isOn && vm.powerState !== 'poweredOff') throw new EngineError('wrong-state', say`${spec.name} is neither powered on nor powered off; a snapshot is taken of a VM that is one of them.`);
    const id = newId<SnapshotId>('snapshot'), disks = this.layered(vmId, spec.disks), hasMemory = memory && isOn;
    const snapshot: Snapshot = { id, name, description, createdMs: Date.now(), memory: hasMemory, spec, ...(vm.efiVariables && { efiVariables: vm.efiVariables }), ...(temporary && { temporary }), ...(vm.currentSnapshotId !== undefined && { parentId: vm.currentSnapshotId }) };
    const record = () => this.inventory.transact(edit => {
      const now = edit.vm(vmId);
      if (now.powerState !== vm.powerState) throw new EngineError('wrong-state', isOn ? say`${spec.name} was powered off meanwhile.` : say`${spec.name} was powered on meanwhile.`);
      if (JSON.stringify(now.spec.disks) !== JSON.stringify(spec.disks)) throw new EngineError('changed', say`The disks of ${spec.name} were changed meanwhile.`);
      edit.put('vm', { ...now, spec: { ...now.spec, disks }, snapshots: [...now.snapshots ?? [], snapshot], currentSnapshotId: id });
      edit.event({ severity: 'info', type: 'vm.snapshotTaken', message: hasMemory ? say`Snapshot "${name}" of ${spec.name} was taken, with its memory.` : say`Snapshot "${name}" of ${spec.name} was taken.`, target: refOf(now) });
    });
    await this.files.makeFolder(vmId);
    try {
      if (isOn) await this.power.snapshot(vmId, { statePath: hasMemory ? this.files.snapshotState(vmId, id) : undefined, layers: layersOf(spec.disks, disks) }, record, context);
      else {
        await makeLayers(spec.disks, disks);
        await record();
      }
    } catch (error) {
      if (!this.inventory.vm(vmId).snapshots?.some(each => each.id === id)) await this.removeFiles([...newPaths(spec.disks, disks), this.files.snapshotState(vmId, id)]);
      throw error;
    }
  }

  async revert(vmId: VmId, id: SnapshotId, context: TaskContext): Promise<void> {
    const snapshot = snapshotOf(this.inventory.vm(vmId), id), disks = this.layered(vmId, snapshot.spec.disks), { memory } = snapshot;
    checkHere(this.inventory.vm(vmId));
    checkStays(this.inventory.vm(vmId), this.inventory);
    await makeLayers(snapshot.spec.disks, disks);
    const before = this.inventory.vm(vmId);
    await this.givingUp(before, { ...before, spec: { ...before.spec, disks } }, async () => {
      try {
        if (this.inventory.vm(vmId).powerState !== 'poweredOff') await this.power.off(vmId);
        if (memory) await copyOf(this.files.snapshotState(vmId, id), this.files.suspendedState(vmId));
      } catch (error) {
        await this.removeFiles(newPaths(snapshot.spec.disks, disks));
        throw error;
      }
      await this.inventory.transact(edit => {
        const vm = edit.vm(vmId);
        if (vm.powerState !== 'poweredOff') throw new EngineError('wrong-state', say`${vm.spec.name} was powered on meanwhile.`);
        edit.put('vm', { ...withProblem(vm), efiVariables: snapshot.efiVariables ?? [], spec: { ...snapshot.spec, name: vm.spec.name, disks }, currentSnapshotId: id, powerState: memory ? 'suspended' : 'poweredOff' });
        edit.event({ severity: 'info', type: 'vm.reverted', message: say`${vm.spec.name} went back to its snapshot "${snapshot.name}".`, target: refOf(vm) });
      });
    });
    await removeUnusedLayers(this, vmId);
    const { hostRole, hostId } = this.inventory.vm(vmId);
    // What a host boots goes on when the host does.
    if (memory && (hostRole === undefined || isOn(this.inventory.host(hostId)))) await this.power.on(vmId, context);
  }

  /**
   * Makes a VM what it is `after`, and removes the images that were made for its disks and that only the state, or the snapshot,
   * that is given up has. They are written down before, so that a kill leaves none.
   */
  private async givingUp(before: Vm, after: Vm, change: () => Promise<void>): Promise<void> {
    const { id } = before, kept = await imagesOf(after), others = new Set(this.inventory.allVms.flatMap(vm => (vm.id === id ? [] : diskPaths(specsOf(vm)).map(path => resolve(path)))));
    const gone = [...await imagesOf(before)].filter(image => !kept.has(image) && !others.has(image) && this.files.isMade(id, image));
    if (gone.length > 0) await this.files.announce(id, gone.map(path => basename(path)));
    try {
      await change();
      await this.removeFiles(gone);
    } finally { if (gone.length > 0) await this.files.withdraw(id); }
  }

  private async deleteThese(vmId: VmId, ids: readonly SnapshotId[], context: Pick<TaskContext, 'progress' | 'signal'>): Promise<void> {
    const before = this.inventory.vm(vmId), after = { ...before, snapshots: (before.snapshots ?? []).filter(({ id }) => !ids.includes(id)) };
    await this.givingUp(before, after, () => this.inventory.transact(edit => { for (const id of ids) remove(edit, vmId, id); }));
    await this.removeFiles(ids.map(id => this.files.snapshotState(vmId, id)));
    await removeUnusedLayers(this, vmId);
    if (this.inventory.vm(vmId).powerState === 'poweredOff') { await consolidate(this, vmId, context); return; }
    if (await canConsolidate(this, vmId)) return;
    await this.inventory.transact(edit => { const { needsConsolidation: _, ...vm } = edit.vm(vmId); edit.put('vm', vm); });
  }

  /** Disks as a VM has them that goes on from `disks`. */
  private layered(id: VmId, disks: readonly DiskSpec[]): DiskSpec[] {
    return disks.map((disk, at) => (disk.readOnly ? disk : { ...disk, path: this.files.layer(id, newId(`disk-${at}`)), format: 'qcow2' as const }));
  }

  private async removeFiles(paths: readonly string[]): Promise<void> { for (const path of paths) await rm(path, { force: true }); }
}

export function snapshotOf(vm: Vm, id: SnapshotId): Snapshot {
  const snapshot = vm.snapshots?.find(each => each.id === id);
  if (snapshot === undefined) throw new EngineError('not-found', say`${vm.spec.name} has no such snapshot.`);
  return snapshot;
}

/** What came after it comes after its parent then. Its layers become one with others when the VM is off. */
function remove(edit: Edit, vmId: VmId, id: SnapshotId): void {
  const vm = edit.vm(vmId), { currentSnapshotId, snapshots = [], ...rest } = vm, { name, parentId } = snapshotOf(vm, id), current = currentSnapshotId === id ? parentId : currentSnapshotId;
  const clone = edit.allVms.find(({ base }) => base?.snapshotId === id);
  if (clone !== undefined) throw new EngineError('held', clone.deletedMs === undefined ? say`The disks of ${clone.spec.name}, a linked clone, stand on the snapshot "${name}" of ${vm.spec.name}.` : say`The disks of ${clone.spec.name}, a linked clone in the bin, stand on the snapshot "${name}" of ${vm.spec.name}.`);
  const left = snapshots.filter(each => each.id !== id).map(each => (each.parentId === id ? withParent(each, parentId) : each));
  edit.put('vm', { ...rest, snapshots: left, ...(current !== undefined && { currentSnapshotId: current }), needsConsolidation: true });
  edit.event({ severity: 'info', type: 'vm.snapshotDeleted', message: say`Snapshot "${name}" of ${vm.spec.name} was deleted.`, target: refOf(vm) });
}

function withParent({ parentId: _, ...snapshot }: Snapshot, parentId: SnapshotId | undefined): Snapshot {
  return { ...snapshot, ...(parentId !== undefined && { parentId }) };
}

const newPaths = (before: readonly DiskSpec[], after: readonly DiskSpec[]): string[] => after.filter((disk, at) => disk.path !== before[at]?.path).map(({ path }) => path);

const layersOf = (before: readonly DiskSpec[], after: readonly DiskSpec[]): (string | undefined)[] => asRunning(before, before.map((disk, at) => (disk.readOnly ? undefined : after[at]?.path)));

async function makeLayers(below: readonly DiskSpec[], layers: readonly DiskSpec[]): Promise<void> {
  const made: string[] = [];
  try {
    for (const [at, { path, format, readOnly }] of below.entries()) {
      const layer = layers[at];
      if (readOnly || layer === undefined) continue;
      const backingFormat = format ?? (await shapeOf(path)).format;
      await createImage(layer.path, { format: 'qcow2', backingFile: resolve(path), backingFormat });
      made.push(layer.path);
    }
  } catch (error) {
    for (const path of made) await rm(path, { force: true });
    throw error;
  }
}

async function copyOf(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to));
}
