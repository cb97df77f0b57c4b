/**
 * Makes one image of layers that no snapshot tells apart any more. A layer goes into the image that it stands on when that one
 * is neither a snapshot's nor below anything else. Killed anywhere, every image shows what it did, and it can begin again:
 * first the layer's contents are copied down, then what stands on it is put on the lower image, then the VM and its
 * snapshots name that one, and last the layer is removed.
 */
import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { VmId } from '../../shared/base/ids.ts';
import type { DiskSpec, Vm, VmSpec } from '../../shared/model/vm.ts';
import { refOf } from '../inventory/inventory.ts';
import { commitImage, rebaseImage } from '../storage/image-chain.ts';
import { shapeOf } from '../storage/image-operations.ts';
import { chainOf, type Backings } from './chains.ts';
import type { Engine } from './engine.ts';
import { imagesOf } from './leftovers.ts';
import { inState } from './power.ts';
import type { TaskContext } from './task-runner.ts';
import type { VmFiles } from './vm-files.ts';

type Context = Pick<Engine, 'inventory' | 'files' | 'oneAtATime'>;
interface Merge { readonly layer: string; readonly below: string; readonly above: readonly string[] }

/** For use within `oneAtATime.run`; the VM is off. */
export async function consolidate(context: Context, id: VmId, { progress, signal }: Pick<TaskContext, 'progress' | 'signal'>): Promise<void> {
  const { inventory, files, oneAtATime } = context;
  await oneAtATime.whileOff(id, async () => {
    inState(inventory.vm(id), ['poweredOff']);
    await removeUnusedLayers(context, id);
    for (let found = await merges(inventory.vm(id), files), total = found.length, done = 0; found[0] !== undefined; found = await merges(inventory.vm(id), files)) {
      total = Math.max(total, done + found.length);
      await merge(context, id, found[0], { signal, progress: part => progress((done + part) / total, 'Merging layers of disks') });
      done += 1;
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
    edit.event({ severity: 'info', type: 'vm.consolidated', message: `A layer of a disk of ${vm.spec.name} was merged into ${below}.`, target: refOf(vm) });
  });
  await rm(layer, { force: true });
}

const isAt = ({ path }: DiskSpec, image: string): boolean => path !== '' && resolve(path) === image;
const specsOf = ({ spec, snapshots = [] }: Vm): VmSpec[] => [spec, ...snapshots.map(each => each.spec)];

/** By image, all that stand on it. */
async function standingOn(vm: Vm, known: Backings): Promise<Map<string, Set<string>>> {
  const above = new Map<string, Set<string>>();
  for (const { path } of specsOf(vm).flatMap(({ disks }) => disks)) {
    const chain = await chainOf(path, known);
    chain.forEach((image, at) => { if (at > 0) above.set(image, (above.get(image) ?? new Set()).add(chain[at - 1] as string)); });
  }
  return above;
}

/** Layers that can go into what they are on. */
async function merges(vm: Vm, files: VmFiles): Promise<Merge[]> {
  const known: Backings = new Map(), above = await standingOn(vm, known), held = new Set((vm.snapshots ?? []).flatMap(({ spec }) => spec.disks.map(({ path }) => resolve(path))));
  return [...above].flatMap(([below, [layer, ...others]]) =>
    (layer === undefined || others.length > 0 || held.has(below) || !files.isLayer(vm.id, layer) ? [] : [{ layer, below, above: [...above.get(layer) ?? []] }]));
}

/** Whether layers could go now, or when the VM is off. */
export const canConsolidate = async (vm: Vm, files: VmFiles): Promise<boolean> => (await merges(vm, files)).length > 0;

/** Removes layers in the VM's folder that neither it nor a snapshot stands on. */
export async function removeUnusedLayers({ inventory, files }: Pick<Context, 'inventory' | 'files'>, id: VmId): Promise<void> {
  const used = await imagesOf(inventory.vm(id)), folder = resolve(files.folder(id));
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    if (files.isLayer(id, path) && !used.has(path)) await rm(path, { force: true });
  }
}
