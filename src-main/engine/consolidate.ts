/**
 * Makes one image of layers that no snapshot tells apart any more. A layer goes into the image that it stands on when that one
 * is neither a snapshot's nor below anything else, unless another VM stands on the layer. Killed anywhere, every image shows what it did, and it can begin again:
 * first the layer's contents are copied down, then what stands on it is put on the lower image, then the VM and its
 * snapshots name that one, and last the layer is removed.
 */
import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import type { DiskSpec, Vm, VmSpec } from '../../shared/model/vm.ts';
import { refOf, type Inventory } from '../inventory/inventory.ts';
import { commitImage, rebaseImage } from '../storage/image-chain.ts';
import { shapeOf } from '../storage/image-operations.ts';
import { backingsOf, diskPaths, specsOf } from './chains.ts';
import type { Engine } from './engine.ts';
import { imagesOf } from './leftovers.ts';
import { inState } from './power.ts';
import type { TaskContext } from './task-runner.ts';
import type { VmFiles } from './vm-files.ts';

type Context = Pick<Engine, 'inventory' | 'files' | 'keptOff'>;
interface Merge { readonly layer: string; readonly below: string; readonly above: readonly string[] }

/** For use within a task that has the VM alone; the VM is off. */
export async function consolidate(context: Context, id: VmId, { progress, signal }: Pick<TaskContext, 'progress' | 'signal'>): Promise<void> {
  const { inventory, files, keptOff } = context;
  await keptOff.whileOff(id, async () => {
    inState(inventory.vm(id), ['poweredOff']);
    await removeUnusedLayers(context, id);
    const layers = await layersOf(inventory, inventory.vm(id)), total = merges(id, layers, files).length;
    // The lowest goes first: what is above it is not opened, and nothing is copied twice.
    for (let done = 0, next = merges(id, layers, files).at(-1); next !== undefined; done += 1, next = merges(id, layers, files).at(-1)) {
      await merge(context, id, next, { signal, progress: part => progress((done + part) / total, say`Merging layers of disks`) });
      merged(layers, next);
    }
    await inventory.transact(edit => {
      const { needsConsolidation: _, ...vm } = edit.vm(id);
      edit.put('vm', vm);
    });
  });
}

async function merge({ inventory }: Context, id: VmId, { layer, below, above }: Merge, { signal, progress }: { readonly signal: AbortSignal; readonly progress: (part: number) => void }): Promise<void> {
  await commitImage(layer, { signal, progress });
  const { format } = await shapeOf(below), renamed = (spec: VmSpec): VmSpec => ({ ...spec, disks: spec.disks.map(disk => (isAt(disk, layer) ? { ...disk, path: below, format } : disk)) });
  for (const path of above) await rebaseImage(path, { path: below, format });
  await inventory.transact(edit => {
    const vm = edit.vm(id);
    edit.put('vm', { ...vm, spec: renamed(vm.spec), ...(vm.snapshots && { snapshots: vm.snapshots.map(each => ({ ...each, spec: renamed(each.spec) })) }) });
    edit.event({ severity: 'info', type: 'vm.consolidated', message: say`A layer of a disk of ${vm.spec.name} was merged into ${below}.`, target: refOf(vm) });
  });
  await rm(layer, { force: true });
}

const isAt = ({ path }: DiskSpec, image: string): boolean => path !== '' && resolve(path) === image;

/** By image, all of the VM's that stand on it; the images that are snapshots' own; and those that other VMs need where they are. */
interface Layers { readonly above: Map<string, Set<string>>; readonly held: Set<string>; readonly others: ReadonlySet<string> }

async function layersOf({ allVms }: Pick<Inventory, 'allVms'>, vm: Vm): Promise<Layers> {
  const isBase = new Set(allVms.flatMap(({ base }) => (base?.vmId === vm.id ? [base.snapshotId] : []))), { snapshots = [] } = vm;
  const others = [...allVms.filter(({ id }) => id !== vm.id).flatMap(specsOf), ...snapshots.filter(({ id }) => isBase.has(id)).map(({ spec }) => spec)];
  const above = new Map<string, Set<string>>();
  for (const [image, below] of await backingsOf(diskPaths(specsOf(vm)))) if (below !== undefined) above.set(below, (above.get(below) ?? new Set()).add(image));
  return { above, held: resolved(snapshots.map(({ spec }) => spec)), others: resolved(others) };
}

const resolved = (specs: readonly VmSpec[]): Set<string> => new Set(diskPaths(specs).filter(path => path !== '').map(path => resolve(path)));

/** Layers that can go into what they are on, the lowest of a disk last. */
function merges(id: VmId, { above, held, others: theirs }: Layers, files: VmFiles): Merge[] {
  return [...above].flatMap(([below, [layer, ...others]]) =>
    (layer === undefined || others.length > 0 || held.has(below) || theirs.has(layer) || !files.isLayer(id, layer) ? [] : [{ layer, below, above: [...above.get(layer) ?? []] }]));
}

/** What stood on the layer stands on the image that it went into. */
function merged({ above, held }: Layers, { layer, below }: Merge): void {
  above.set(below, above.get(layer) ?? new Set());
  above.delete(layer);
  if (held.delete(layer)) held.add(below);
}

/** Whether layers could go now, or when the VM is off. */
export const canConsolidate = async ({ inventory, files }: Pick<Context, 'inventory' | 'files'>, id: VmId): Promise<boolean> => merges(id, await layersOf(inventory, inventory.vm(id)), files).length > 0;

/** Removes layers in the VM's folder that neither it nor a snapshot stands on. */
export async function removeUnusedLayers({ inventory, files }: Pick<Context, 'inventory' | 'files'>, id: VmId): Promise<void> {
  const used = await imagesOf(inventory.vm(id)), folder = resolve(files.folder(id));
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (files.isLayer(id, path) && !used.has(path)) await rm(path, { force: true });
  }
}
