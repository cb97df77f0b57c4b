/** Where the engine keeps what it makes for a VM: a folder each, below the data folder. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';
import type { SnapshotId, VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';

/** How the names of disks' layers end. */
const LAYER = '.layer.qcow2';
/** What ids are, so that nothing else is taken for a VM's folder. */
const VM_FOLDER = /^vm-[0-9a-f]{12}$/;

/** In the data folder's own folder of a VM that is elsewhere: where. */
const ELSEWHERE = 'elsewhere';
/** There, while a VM's files are moved: the folders from which and to which, a line each. */
const MOVING = 'moving';

export class VmFiles {
  readonly dataPath: string;
  private readonly elsewhere = new Map<VmId, string>();
  constructor(dataPath: string) { this.dataPath = dataPath; }

  folder(id: VmId): string { return this.elsewhere.get(id) ?? this.local(id); }
  private local(id: VmId): string { return join(this.dataPath, 'vms', id); }

  /** Of a VM that is known to be on a datastore elsewhere. */
  locate(id: VmId, datastorePath: string): void { this.elsewhere.set(id, join(datastorePath, id)); }

  /** Puts the folder of a new VM on a datastore elsewhere; the data folder remembers it, so that it is found after a kill. */
  async place(id: VmId, datastorePath: string): Promise<void> {
    await mkdir(this.local(id), { recursive: true });
    await writeFile(join(this.local(id), ELSEWHERE), datastorePath);
    this.locate(id, datastorePath);
  }

  /** Where it would be on a datastore elsewhere, or in the data folder. */
  folderOn(id: VmId, datastorePath: string | undefined): string { return datastorePath === undefined ? this.local(id) : join(datastorePath, id); }

  /** Before the first file of a VM goes to another folder, in which there is nothing yet. */
  async startMove(id: VmId, to: string): Promise<void> {
    const there = (await readdir(to).catch(() => [])).filter(name => name !== ELSEWHERE);
    if (there.length > 0) throw new EngineError('not-empty', say`There are files in ${to} already.`);
    await mkdir(this.local(id), { recursive: true });
    await writeFile(join(this.local(id), MOVING), `${resolve(this.folder(id))}\n${to}\n`);
    await mkdir(to, { recursive: true });
  }

  /** It is there from now on. */
  moved(id: VmId, datastorePath: string | undefined): void {
    if (datastorePath === undefined) this.elsewhere.delete(id);
    else this.locate(id, datastorePath);
  }

  /** Whatever became of it: removes what is in the folder that is not the VM's. After a kill, too. */
  async endMove(id: VmId): Promise<void> {
    const text = await readFile(join(this.local(id), MOVING), 'utf8').catch(() => undefined), own = resolve(this.folder(id)), local = resolve(this.local(id));
    if (text === undefined) return;
    for (const folder of text.split('\n').filter(each => each !== '' && each !== own)) {
      if (folder !== local) await rm(folder, { recursive: true, force: true });
      else for (const name of await readdir(local)) if (name !== MOVING && name !== ELSEWHERE) await rm(join(local, name), { recursive: true, force: true });
    }
    if (own === local) await rm(join(local, ELSEWHERE), { force: true });
    else await writeFile(join(local, ELSEWHERE), dirname(own));
    await rm(join(local, MOVING), { force: true });
    await this.removeIfEmpty(id);
  }

  /** The machine as it was suspended; the file is there exactly while the VM can go on from it. */
  suspendedState(id: VmId): string { return join(this.folder(id), 'suspended.state'); }
  isSuspended(id: VmId): boolean { return existsSync(this.suspendedState(id)); }

  snapshotState(id: VmId, snapshot: SnapshotId): string { return join(this.folder(id), `${snapshot}.state`); }
  layer(id: VmId, name: string): string { return join(resolve(this.folder(id)), `${name}${LAYER}`); }
  isLayer(id: VmId, path: string): boolean { return dirname(resolve(path)) === resolve(this.folder(id)) && path.endsWith(LAYER); }
  /** Whether an image was made for a new disk of the VM, as `withNewDisks` names them. */
  isMade(id: VmId, path: string): boolean { return dirname(resolve(path)) === resolve(this.folder(id)) && /^disk-\d+\.(qcow2|img)$/.test(basename(path)); }

  /**
   * Images that are being made for a VM that is in the inventory, or that it is about to lose: written down before, so that those
   * that it never got, or has no more, are found after a kill.
   */
  async announce(id: VmId, names: readonly string[]): Promise<void> { await writeFile(this.announced(id), names.map(name => `${name}\n`).join('')); }
  async withdraw(id: VmId): Promise<void> { await rm(this.announced(id), { force: true }); }
  async announcedImages(id: VmId): Promise<string[]> {
    const text = await readFile(this.announced(id), 'utf8').catch(() => '');
    return text.split('\n').filter(name => name !== '' && basename(name) === name).map(name => join(this.folder(id), name));
  }
  private announced(id: VmId): string { return join(this.folder(id), 'images-being-made'); }

  async makeFolderFor(path: string): Promise<void> { await mkdir(dirname(path), { recursive: true }); }
  async makeFolder(id: VmId): Promise<void> { await mkdir(this.folder(id), { recursive: true }); }
  async removeIfEmpty(id: VmId): Promise<void> { await rmdir(this.folder(id)).catch(() => { /* it was never made, or holds something */ }); }
  /** Removes the folders of VMs that are none of these: what was under way when an engine was killed. */
  async removeOthers(ids: ReadonlySet<string>): Promise<void> {
    const folders = await readdir(join(this.dataPath, 'vms')).catch(() => []);
    for (const name of folders) {
      if (!VM_FOLDER.test(name) || ids.has(name)) continue;
      const path = await readFile(join(this.local(name as VmId), ELSEWHERE), 'utf8').catch(() => undefined);
      if (path !== undefined) this.locate(name as VmId, path);
      await this.remove(name as VmId);
    }
  }

  /** The VM is another engine's. Gives the place of what is in its folder and stays; nothing removes that. */
  async leave(id: VmId): Promise<string | undefined> {
    await this.removeIfEmpty(id);
    if (!existsSync(this.local(id))) return undefined;
    let kept = `${this.local(id)}.left`;
    for (let n = 2; existsSync(kept); n++) kept = `${this.local(id)}.left-${n}`;
    await rename(this.local(id), kept);
    return kept;
  }

  async remove(id: VmId): Promise<void> {
    await rm(this.folder(id), { recursive: true, force: true });
    await rm(this.local(id), { recursive: true, force: true });
    this.elsewhere.delete(id);
  }
}
