/** Makes the images of disks that have none yet, each a file in its VM's folder that takes space as it is written. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { VmId } from '../../shared/base/ids.ts';
import type { DiskRequest, DiskSpec } from '../../shared/model/vm.ts';
import { createImage } from '../storage/image-operations.ts';
import type { TaskContext } from './task-runner.ts';
import type { VmFiles } from './vm-files.ts';

const MIB = 2 ** 20;

/** Gives `use` the disks in their order. When it fails, or the task is cancelled before it, no new image is left. */
export async function withNewDisks(files: VmFiles, id: VmId, { disks, signal, progress }: { readonly disks: readonly DiskRequest[] } & Pick<TaskContext, 'signal' | 'progress'>, use: (disks: DiskSpec[]) => Promise<void>): Promise<void> {
  const made: string[] = [], ready: DiskSpec[] = [];
  try {
    for (const [at, disk] of disks.entries()) {
      signal.throwIfAborted();
      progress(at / disks.length, 'create' in disk ? `Making disk ${at + 1}` : undefined);
      ready.push('create' in disk ? await make(files, id, disk, made) : disk);
    }
    signal.throwIfAborted();
    await use(ready);
  } catch (error) {
    for (const path of made) await rm(path, { force: true });
    await files.removeIfEmpty(id);
    throw error;
  }
}

async function make(files: VmFiles, id: VmId, { create: { format, sizeMib }, ...rest }: Extract<DiskRequest, { create: unknown }>, made: string[]): Promise<DiskSpec> {
  await files.makeFolder(id);
  let number = 1;
  const path = () => join(files.folder(id), `disk-${number}.${format === 'raw' ? 'img' : format}`);
  while (existsSync(path())) number++;
  await createImage(path(), { format, sizeBytes: sizeMib * MIB });
  made.push(path());
  return { ...rest, path: path(), format };
}
