/** The images that disks stand on. */
import { resolve } from 'node:path';
import type { Vm, VmSpec } from '../../shared/model/vm.ts';
import { backingPath } from '../storage/image-chain.ts';

/** By image, what it is backed by; a disk's chain is in the order in which each stands on the next. */
export type Backings = ReadonlyMap<string, string | undefined>;

/** All images that disks stand on: each file is looked at once. What cannot be read has none below, and an empty drive has none at all. */
export async function backingsOf(paths: readonly string[]): Promise<Backings> {
  const known = new Map<string, string | undefined>();
  for (const path of paths) for (let at = path === '' ? undefined : resolve(path); at !== undefined && !known.has(at); at = known.get(at)) known.set(at, await backingPath(at).catch(() => undefined));
  return known;
}

/** An image and those below it. */
export const chainOf = async (path: string): Promise<string[]> => [...(await backingsOf([path])).keys()];

/** What a VM is, and what it was at each snapshot. */
export const specsOf = ({ spec, snapshots = [] }: Pick<Vm, 'spec' | 'snapshots'>): readonly VmSpec[] => [spec, ...snapshots.map(each => each.spec)];
/** The images that these name themselves, '' for an empty drive. */
export const diskPaths = (specs: readonly VmSpec[]): readonly string[] => specs.flatMap(({ disks }) => disks.map(({ path }) => path));
