/**
 * Moves a VM's files to another datastore: disks that a running guest writes to are copied while it does, everything else as it is.
 * Where a VM's files are is what the inventory says, so whatever is cut off, all of them are in one place, and those of the other go.
 */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import type { DatastoreId, VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import { LOCAL_DATASTORE } from '../../shared/model/container.ts';
import type { DiskSpec, GuestSource, Vm, VmSpec } from '../../shared/model/vm.ts';
import { refOf } from '../inventory/inventory.ts';
import { copyFile } from '../storage/copy-file.ts';
import { backingPath, rebaseImage } from '../storage/image-chain.ts';
import { createImage, imageInfo, shapeOf } from '../storage/image-operations.ts';
import type { Engine } from './engine.ts';
import type { TaskContext } from './task-runner.ts';

type Context = Pick<Engine, 'inventory' | 'files' | 'power' | 'datastores' | 'keptOff'>;
const BLOCK_BYTES = 512;

export const isIn = (folder: string, path: string): boolean => path !== '' && resolve(path).startsWith(folder + sep);
/** Disks that a guest writes to. */
const isWritten = (disk: DiskSpec): boolean => !disk.readOnly && disk.cdrom !== true;

interface Part { readonly path: string; readonly bytes: number }

/** For use within a task that has the VM alone. */
export async function moveFiles(engine: Context, id: VmId, datastoreId: DatastoreId, { signal, progress }: Pick<TaskContext, 'signal' | 'progress'>): Promise<void> {
  const { inventory, files, datastores, keptOff } = engine, vm = inventory.vm(id), isRunning = vm.powerState === 'poweredOn', place = datastores.placeOf(datastoreId);
  const from = resolve(files.folder(id)), to = resolve(files.folderOn(id, place));
  if (from === to) return;
  const inPlace = (path: string) => (isIn(from, path) ? join(to, relative(from, resolve(path))) : path);
  const work = async () => {
    try {
      await files.startMove(id, to);
      const live = isRunning ? vm.spec.disks.filter(disk => isWritten(disk) && isIn(from, disk.path)) : [], isLive = new Set(live.map(({ path }) => resolve(path)));
      const all = await filesIn(from), copies = all.filter(({ path }) => !isLive.has(path)), total = Math.max(1, all.reduce((sum, { bytes }) => sum + bytes, 0));
      let done = 0;
      for (const { path, bytes } of copies) {
        await files.makeFolderFor(inPlace(path));
        await copyFile(path, inPlace(path), { signal, progress: part => progress((done + part * bytes) / total) }).catch((error: unknown) => { throw error instanceof EngineError || signal.aborted ? error : new EngineError('file', say`${path} could not be copied to ${to}: ${messageOf(error)}.`); });
        await follow(path, inPlace);
        done += bytes;
      }
      const record = () => putMoved(engine, vm, { datastoreId, from, inPlace });
      if (live.length === 0) await record();
      else {
        for (const { path, format } of live) await makeLike(path, format, inPlace);
        await engine.power.moveDisks(id, vm.spec.disks.map(disk => (live.includes(disk) ? inPlace(disk.path) : undefined)), record, { signal, progress: part => progress((done + part * (total - done)) / total) });
      }
      files.moved(id, place);
    } finally { await files.endMove(id); }
  };
  await (isRunning ? work() : keptOff.whileOff(id, work));
}

/** All below a folder, with what they take on disk. */
export async function filesIn(folder: string): Promise<Part[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []), paths = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
  return Promise.all(paths.filter(path => !isMark(path)).map(async path => ({ path, bytes: (await stat(path)).blocks * BLOCK_BYTES })));
}
/** What the data folder says of a VM's folder is not the VM's. */
const isMark = (path: string): boolean => /[\\/](elsewhere|moving)$/.test(path);

/** A copy of an image that is backed by one that moves too is backed by that one's copy. */
async function follow(path: string, inPlace: (path: string) => string): Promise<void> {
  const copy = inPlace(path), below = await backingPath(path).catch(() => undefined), wanted = below && inPlace(below);
  if (below === undefined || wanted === undefined || await backingPath(copy) === wanted) return;
  await rebaseImage(copy, { path: wanted, format: (await shapeOf(below)).format });
}

/** An image that has nothing yet of what the other has of its own. */
async function makeLike(path: string, asked: DiskSpec['format'], inPlace: (path: string) => string): Promise<void> {
  const { format, sizeBytes, chain: [below], snapshots = [] } = await imageInfo(path, { format: asked });
  if (format !== 'raw' && format !== 'qcow2') throw new EngineError('disk.not-copied', say`${path} cannot be copied while it is used: its format is ${format}.`);
  if (snapshots.length > 0) throw new EngineError('disk.not-copied', say`${path} cannot be copied while it is used: it has snapshots of its own.`);
  await createImage(inPlace(path), { format, sizeBytes, ...(below && { backingFile: inPlace(resolve(below.path)), backingFormat: below.format }) });
}

async function putMoved({ inventory }: Context, before: Vm, { datastoreId, from, inPlace }: { readonly datastoreId: DatastoreId; readonly from: string; readonly inPlace: (path: string) => string }): Promise<void> {
  const guestIn = (guest: GuestSource): GuestSource => (guest.kind === 'firmware' && guest.variablesPath !== undefined ? { ...guest, variablesPath: inPlace(guest.variablesPath) } : guest);
  const renamed = (spec: VmSpec): VmSpec => ({ ...spec, guest: guestIn(spec.guest), disks: spec.disks.map(disk => ({ ...disk, path: inPlace(disk.path) })) });
  await inventory.transact(edit => {
    const { datastoreId: _, ...vm } = edit.vm(before.id), { name } = vm.spec;
    if (vm.powerState !== before.powerState) throw new EngineError('wrong-state', say`${name} was powered on or off meanwhile.`);
    if (JSON.stringify([vm.spec.disks, vm.snapshots]) !== JSON.stringify([before.spec.disks, before.snapshots])) throw new EngineError('changed', say`The disks of ${name} were changed meanwhile.`);
    edit.put('vm', { ...vm, spec: renamed(vm.spec), ...(vm.snapshots && { snapshots: vm.snapshots.map(each => ({ ...each, spec: renamed(each.spec) })) }), ...(datastoreId !== LOCAL_DATASTORE && { datastoreId }) });
    edit.event({ severity: 'info', type: 'vm.filesMoved', message: say`The files of ${name} were moved from ${dirname(from)} to ${edit.get('datastore', datastoreId).name}.`, target: refOf(vm) });
  });
}
