/** What tasks that a kill interrupted left in the folders of VMs that are there: images and states that nothing names. */
import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Vm } from '../../shared/model/vm.ts';
import { backingsOf, diskPaths, specsOf } from './chains.ts';
import type { VmFiles } from './vm-files.ts';

const SNAPSHOT_STATE = /^(snapshot-[0-9a-f]+)\.state$/;

export async function removeLeftovers(vm: Vm, files: VmFiles): Promise<void> {
  const { id, snapshots = [] } = vm, folder = resolve(files.folder(id)), named = await imagesOf(vm), announced = new Set((await files.announcedImages(id)).map(path => resolve(path)));
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name), state = SNAPSHOT_STATE.exec(name)?.[1];
    const isUnknownImage = (files.isLayer(id, path) || announced.has(path)) && !named.has(path), isUnknownState = state !== undefined && !snapshots.some(snapshot => snapshot.id === state);
    if (isUnknownImage || isUnknownState || name.endsWith('.state.part')) await rm(path, { force: true });
  }
  // Nothing may be left that a VM that is off could seem to go on from.
  if (vm.powerState === 'poweredOff') await rm(files.suspendedState(id), { force: true });
  await files.withdraw(id);
  await files.removeIfEmpty(id);
}

/** All images that the VM and its snapshots stand on. */
export const imagesOf = async (vm: Vm): Promise<ReadonlySet<string>> => new Set((await backingsOf(diskPaths(specsOf(vm)))).keys());
