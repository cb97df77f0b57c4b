/** The images that disks stand on. */
import { resolve } from 'node:path';
import { backingPath } from '../storage/image-chain.ts';

/** By image, what it is backed by: each file is looked at once. */
export type Backings = Map<string, string | undefined>;

/** An image and those below it; what cannot be read has none below, and an empty drive has none at all. */
export async function chainOf(path: string, known: Backings = new Map()): Promise<string[]> {
  const paths: string[] = [];
  for (let at = path === '' ? undefined : resolve(path); at !== undefined && !paths.includes(at); at = known.get(at)) {
    paths.push(at);
    if (!known.has(at)) known.set(at, await backingPath(at).catch(() => undefined));
  }
  return paths;
}
