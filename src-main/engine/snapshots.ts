/**
 * Snapshots: each keeps a VM's hardware, its disks as they are from then on, and maybe its memory. The VM goes on with a layer on
 * each disk that it writes to, a qcow2 image in its folder. A layer is removed when neither the VM nor a snapshot has it, or stands on it.
 */
import { randomBytes } from 'node:crypto';
import { copyFile, link, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';
import type { SnapshotId, VmId } from '../../shared/base/ids.ts';
import type { DiskSpec, Snapshot, SnapshotRequest, Vm, VmSpec } from '../../shared/model/vm.ts';
import { refOf, type Inventory } from '../inventory/inventory.ts';
import { createImage, imageInfo } from '../storage/image-operations.ts';
import type { OneAtATime } from './one-at-a-time.ts';
import type { Power } from './power.ts';
import type { TaskContext } from './task-runner.ts';
import type { VmFiles } from './vm-files.ts';

const ID_BYTES = 6;

export class Snapshots {
  private readonly inventory: Inventory;
  private readonly power: Power;
  private readonly files: VmFiles;
  private readonly oneAtATime: OneAtATime;

  constructor({ inventory, power, files, oneAtATime }: { inventory: Inventory; power: Power; files: VmFiles; oneAtATime: OneAtATime }) {
    this.oneAtATime = oneAtATime;
    this.inventory = inventory;
    this.power = power;
    this.files = files;
  }

  take(vmId: VmId, request: SnapshotRequest, context: TaskContext): Promise<void> { return this.alone(vmId, () => this.takeAlone(vmId, request, context)); }
  revert(vmId: VmId, id: SnapshotId, context: TaskContext): Promise<void> { return this.alone(vmId, () => this.revertAlone(vmId, id, context)); }
  delete(vmId: VmId, id: SnapshotId): Promise<void> { return this.alone(vmId, () => this.deleteAlone(vmId, id)); }

  private async alone(id: VmId, work: () => Promise<void>): Promise<void> { await this.oneAtATime.run(this.inventory.vm(id), 'A snapshot operation', work); }

  private async takeAlone(vmId: VmId, { name, description, memory }: SnapshotRequest, context: TaskContext): Promise<void> {
    const vm = this.inventory.vm(vmId), { spec } = vm, isOn = vm.powerState === 'poweredOn';
    if (!isOn && vm.powerState !== 'poweredOff') throw new EngineError('wrong-state', `${spec.name} is neither powered on nor powered off; a snapshot is taken of a VM that is one of them.`);
    const id = `snapshot-${randomBytes(ID_BYTES).toString('hex')}` as SnapshotId, disks = this.layered(vmId, spec.disks), hasMemory = memory && isOn;
    const snapshot: Snapshot = { id, name, description, createdMs: Date.now(), memory: hasMemory, spec, ...(vm.currentSnapshotId !== undefined && { parentId: vm.currentSnapshotId }) };
    const record = () => this.inventory.transact(edit => {
      const now = edit.vm(vmId);
      if (now.powerState !== vm.powerState) throw new EngineError('wrong-state', `${spec.name} was powered ${isOn ? 'off' : 'on'} meanwhile.`);
      if (JSON.stringify(now.spec.disks) !== JSON.stringify(spec.disks)) throw new EngineError('changed', `The disks of ${spec.name} were changed meanwhile.`);
      edit.put('vm', { ...now, spec: { ...now.spec, disks }, snapshots: [...now.snapshots ?? [], snapshot], currentSnapshotId: id });
      edit.event({ severity: 'info', type: 'vm.snapshotTaken', message: `Snapshot "${name}" of ${spec.name} was taken${hasMemory ? ', with its memory' : ''}.`, target: refOf(now) });
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

  private async revertAlone(vmId: VmId, id: SnapshotId, context: TaskContext): Promise<void> {
    const snapshot = snapshotOf(this.inventory.vm(vmId), id), disks = this.layered(vmId, snapshot.spec.disks), { memory } = snapshot;
    await makeLayers(snapshot.spec.disks, disks);
    try {
      if (this.inventory.vm(vmId).powerState !== 'poweredOff') await this.power.off(vmId);
      if (memory) await copyOf(this.files.snapshotState(vmId, id), this.files.suspendedState(vmId));
    } catch (error) {
      await this.removeFiles(newPaths(snapshot.spec.disks, disks));
      throw error;
    }
    const before = this.inventory.vm(vmId);
    await this.inventory.transact(edit => {
      const vm = edit.vm(vmId), { problem: _, ...rest } = vm;
      if (vm.powerState !== 'poweredOff') throw new EngineError('wrong-state', `${vm.spec.name} was powered on meanwhile.`);
      edit.put('vm', { ...rest, spec: { ...snapshot.spec, name: vm.spec.name, disks }, currentSnapshotId: id, powerState: memory ? 'suspended' : 'poweredOff' });
      edit.event({ severity: 'info', type: 'vm.reverted', message: `${vm.spec.name} went back to its snapshot "${snapshot.name}".`, target: refOf(vm) });
    });
    await this.removeUnused(vmId, before.spec.disks);
    if (memory) await this.power.on(vmId, context);
  }

  private async deleteAlone(vmId: VmId, id: SnapshotId): Promise<void> {
    const snapshot = snapshotOf(this.inventory.vm(vmId), id);
    await this.inventory.transact(edit => {
      const vm = edit.vm(vmId), { currentSnapshotId, snapshots = [], ...rest } = vm, { parentId } = snapshot;
      const current = currentSnapshotId === id ? parentId : currentSnapshotId;
      // What came after it comes after its parent now.
      const left = snapshots.filter(each => each.id !== id).map(each => (each.parentId === id ? withParent(each, parentId) : each));
      edit.put('vm', { ...rest, snapshots: left, ...(current !== undefined && { currentSnapshotId: current }) });
      edit.event({ severity: 'info', type: 'vm.snapshotDeleted', message: `Snapshot "${snapshot.name}" of ${vm.spec.name} was deleted.`, target: refOf(vm) });
    });
    await this.removeFiles([this.files.snapshotState(vmId, id)]);
    await this.removeUnused(vmId, snapshot.spec.disks);
  }

  /** Disks as a VM has them that goes on from `disks`. */
  private layered(id: VmId, disks: readonly DiskSpec[]): DiskSpec[] {
    return disks.map((disk, at) => (disk.readOnly ? disk : { ...disk, path: this.files.layer(id, `disk-${at}-${randomBytes(ID_BYTES).toString('hex')}`), format: 'qcow2' as const }));
  }

  /** Removes layers of ours, from the top of a chain downwards, that nothing needs any more. */
  private async removeUnused(id: VmId, disks: readonly DiskSpec[]): Promise<void> {
    const { spec, snapshots = [] } = this.inventory.vm(id), used = new Set<string>();
    for (const disk of [spec, ...snapshots.map(each => each.spec)].flatMap((each: VmSpec) => each.disks)) for (const path of await chainOf(disk.path)) used.add(path);
    for (const disk of disks) await this.removeFiles((await chainOf(disk.path)).filter(path => this.files.isLayer(id, path) && !used.has(path)));
  }

  private async removeFiles(paths: readonly string[]): Promise<void> { for (const path of paths) await rm(path, { force: true }); }
}

function snapshotOf(vm: Vm, id: SnapshotId): Snapshot {
  const snapshot = vm.snapshots?.find(each => each.id === id);
  if (snapshot === undefined) throw new EngineError('not-found', `${vm.spec.name} has no such snapshot.`);
  return snapshot;
}

function withParent({ parentId: _, ...snapshot }: Snapshot, parentId: SnapshotId | undefined): Snapshot {
  return { ...snapshot, ...(parentId !== undefined && { parentId }) };
}

const newPaths = (before: readonly DiskSpec[], after: readonly DiskSpec[]): string[] => after.filter((disk, at) => disk.path !== before[at]?.path).map(({ path }) => path);

/** Paths in the order in which a running VM has its disks: first those that are fixed, then by slot. */
function layersOf(before: readonly DiskSpec[], after: readonly DiskSpec[]): (string | undefined)[] {
  const inOrder = before.map((disk, at) => ({ slot: disk.slot ?? -1, path: disk.readOnly ? undefined : after[at]?.path })).sort((a, b) => a.slot - b.slot);
  return inOrder.map(({ path }) => path);
}

async function makeLayers(below: readonly DiskSpec[], layers: readonly DiskSpec[]): Promise<void> {
  const made: string[] = [];
  try {
    for (const [at, { path, format, readOnly }] of below.entries()) {
      const layer = layers[at];
      if (readOnly || layer === undefined) continue;
      const backingFormat = format ?? (await imageInfo(path)).format;
      await createImage(layer.path, { format: 'qcow2', backingFile: resolve(path), backingFormat });
      made.push(layer.path);
    }
  } catch (error) {
    for (const path of made) await rm(path, { force: true });
    throw error;
  }
}

/** An image and those below it; what cannot be read has none below, and an empty drive has none at all. */
export async function chainOf(path: string): Promise<string[]> {
  if (path === '') return [];
  const paths = [resolve(path)];
  for (let next: string | undefined = path; next !== undefined;) {
    const info: Awaited<ReturnType<typeof imageInfo>> | undefined = await imageInfo(next).catch(() => undefined);
    next = info?.backingFile === undefined ? undefined : resolve(info.backingFile);
    if (next !== undefined) paths.push(next);
  }
  return paths;
}

async function copyOf(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to));
}
