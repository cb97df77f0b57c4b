/** Makes the images of disks that have none yet, each a file in its VM's folder that takes space as it is written. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import type { DiskRequest, DiskSpec } from '../../shared/model/vm.ts';
import { createImage } from '../storage/image-operations.ts';
import type { TaskContext } from './task-runner.ts';
import type { VmFiles } from './vm-files.ts';

const MIB = 2 ** 20;

/** Gives `use` the disks in their order. When it fails, or the task is cancelled before it, no new image is left. */
export async function withNewDisks(files: VmFiles, id: VmId, { disks, signal, progress }: { readonly disks: readonly DiskRequest[] } & Pick<TaskContext, 'signal' | 'progress'>, use: (disks: DiskSpec[]) => Promise<void>): Promise<void> {
  const names = await newNames(files, id, disks), made: string[] = [], ready: DiskSpec[] = [];
  try {
    for (const [at, disk] of disks.entries()) {
      signal.throwIfAborted();
      progress(at / disks.length, 'create' in disk ? say`Making disk ${at + 1}` : undefined);
      ready.push('create' in disk ? await make(join(files.folder(id), names.get(disk) as string), disk, made) : disk);
    }
    signal.throwIfAborted();
    await use(ready);
  } catch (error) {
    for (const path of made) await rm(path, { force: true });
    throw error;
  } finally {
    if (names.size > 0) await files.withdraw(id);
    await files.removeIfEmpty(id);
  }
}

/** A name for each disk that is to be made, none of which is taken; written down. */
async function newNames(files: VmFiles, id: VmId, disks: readonly DiskRequest[]): Promise<ReadonlyMap<DiskRequest, string>> {
  const names = new Map<DiskRequest, string>();
  let number = 0;
  for (const disk of disks) {
    if (!('create' in disk)) continue;
    const { format } = disk.create, name = () => `disk-${number}.${format === 'raw' ? 'img' : format}`;
    do number += 1; while (existsSync(join(files.folder(id), name())));
    names.set(disk, name());
  }
  if (names.size > 0) {
    await files.makeFolder(id);
    await files.announce(id, [...names.values()]);
  }
  return names;
}

async function make(path: string, { create: { format, sizeMib }, ...rest }: Extract<DiskRequest, { create: unknown }>, made: string[]): Promise<DiskSpec> {
  await createImage(path, { format, sizeBytes: sizeMib * MIB });
  made.push(path);
  return { ...rest, path, format };
}
