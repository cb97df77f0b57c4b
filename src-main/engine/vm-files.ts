/** Where the engine keeps what it makes for a VM: a folder each, below the data folder. */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { SnapshotId, VmId } from '../../shared/base/ids.ts';

/** How the names of disks' layers end. */
const LAYER = '.layer.qcow2';

export class VmFiles {
  private readonly dataPath: string;
  constructor(dataPath: string) { this.dataPath = dataPath; }

  folder(id: VmId): string { return join(this.dataPath, 'vms', id); }

  /** The machine as it was suspended; the file is there exactly while the VM can go on from it. */
  suspendedState(id: VmId): string { return join(this.folder(id), 'suspended.state'); }
  isSuspended(id: VmId): boolean { return existsSync(this.suspendedState(id)); }

  snapshotState(id: VmId, snapshot: SnapshotId): string { return join(this.folder(id), `${snapshot}.state`); }
  layer(id: VmId, name: string): string { return join(resolve(this.folder(id)), `${name}${LAYER}`); }
  isLayer(id: VmId, path: string): boolean { return dirname(resolve(path)) === resolve(this.folder(id)) && path.endsWith(LAYER); }

  async makeFolder(id: VmId): Promise<void> { await mkdir(this.folder(id), { recursive: true }); }
  async remove(id: VmId): Promise<void> { await rm(this.folder(id), { recursive: true, force: true }); }
}
