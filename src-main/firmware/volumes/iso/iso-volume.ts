/**
 * ISO 9660 (ECMA-119) with the names of Rock Ridge or, where there are none, of Joliet; files of several extents. Names are compared as they are, and
 * without case when there is none such, since that is how firmware looks for its files. Interleaved files are not read.
 */
import { say } from '../../../../shared/base/phrase.ts';
import { Mutex } from '../../../storage/mutex.ts';
import { DeviceBytes, type SectorDevice } from '../sector-device.ts';
import { isADirectory, isDamage, notADirectory, notFound, volumeDamaged, volumeReadOnly, type FileInfo, type Path, type Volume } from '../volume.ts';
import { fieldsBegin, readRecords, type IsoRecord, type Naming } from './records.ts';

const SECTOR = 2048, FIRST_DESCRIPTOR = 16, MAX_DESCRIPTORS = 64, MAX_DIRECTORY = 0x100_0000, MAX_DIRECTORIES = 16, MAX_ENTRIES = 65_536, MAX_LINKS = 16;
const PRIMARY = 1, SUPPLEMENTARY = 2, TERMINATOR = 255;
/** UCS-2 of levels 1 to 3. */
const JOLIET = ['%/@', '%/C', '%/E'];

interface Extent { readonly block: number; readonly bytes: number }
interface Entry extends Pick<IsoRecord, 'name' | 'directory' | 'hidden' | 'interleaved' | 'link' | 'createdMs' | 'accessedMs' | 'modifiedMs'> { readonly extents: readonly Extent[]; readonly bytes: number }
interface Directory { readonly entries: readonly Entry[]; readonly byName: ReadonlyMap<string, Entry> }
interface Descriptor { readonly label: string; readonly blockBytes: number; readonly blocks: number; readonly root: Extent; readonly naming: Naming }

export class IsoVolume implements Volume {
  readonly kind = 'iso9660';
  readonly readOnly = true;
  readonly label: string;
  readonly totalBytes: number;
  readonly blockBytes: number;
  private readonly disk: DeviceBytes;
  private readonly root: Entry;
  private readonly naming: Naming;
  private readonly turns = new Mutex();
  private readonly directories = new Map<number, Directory>();

  private constructor(disk: DeviceBytes, { label, blockBytes, blocks, root, naming }: Descriptor) {
    this.disk = disk;
    this.label = label;
    this.blockBytes = blockBytes;
    this.totalBytes = blocks * blockBytes;
    this.naming = naming;
    this.root = { name: '', directory: true, hidden: false, interleaved: false, link: undefined, createdMs: 0, accessedMs: 0, modifiedMs: 0, extents: [root], bytes: root.bytes };
  }

  /** Undefined of a device that has no such volume, or one whose root cannot be read. */
  static async open(device: SectorDevice): Promise<IsoVolume | undefined> {
    const disk = new DeviceBytes(device), descriptor = await readDescriptors(disk);
    if (descriptor === undefined) return undefined;
    const volume = new IsoVolume(disk, descriptor);
    try { await volume.load(volume.root); } catch (error) { if (isDamage(error)) return undefined; throw error; }
    return volume;
  }

  forget(): void { this.directories.clear(); }

  freeBytes(): Promise<number> { return Promise.resolve(0); }

  stat(path: Path): Promise<FileInfo | undefined> {
    return this.alone(async () => {
      const found = await this.find(path);
      return found && infoOf(found, path.length === 0 ? '' : (await this.find(path, false))!.name);
    });
  }

  list(path: Path): Promise<readonly FileInfo[]> {
    return this.alone(async () => {
      const found = await this.find(path), infos: FileInfo[] = [];
      if (found === undefined) throw notFound(path);
      if (!found.directory) throw notADirectory(path);
      for (const entry of (await this.load(found)).entries) {
        // A link that leads nowhere is no file.
        const target = entry.link === undefined ? entry : await this.find([...path, entry.name]);
        if (target !== undefined) infos.push(infoOf(target, entry.name));
      }
      return infos;
    });
  }

  read(path: Path, offset: number, length: number): Promise<Uint8Array> {
    return this.alone(async () => {
      const found = await this.find(path);
      if (found === undefined) throw notFound(path);
      if (found.directory) throw isADirectory(path);
      if (found.interleaved) throw volumeDamaged(say`the file ${found.name} is interleaved with others`);
      const count = Math.max(0, Math.min(length, found.bytes - offset)), parts: Buffer[] = [];
      let begin = 0;
      for (const { block, bytes } of found.extents) {
        const from = Math.max(offset, begin), to = Math.min(offset + count, begin + bytes);
        if (from < to) parts.push(await this.blocks(block * this.blockBytes + from - begin, to - from));
        begin += bytes;
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    });
  }

  write(): Promise<void> { return Promise.reject(volumeReadOnly()); }
  create(): Promise<void> { return Promise.reject(volumeReadOnly()); }
  remove(): Promise<void> { return Promise.reject(volumeReadOnly()); }
  setInfo(): Promise<void> { return Promise.reject(volumeReadOnly()); }
  setLabel(): Promise<void> { return Promise.reject(volumeReadOnly()); }
  flush(): Promise<void> { return Promise.resolve(); }

  private alone<T>(act: () => Promise<T>): Promise<T> { return this.turns.run(act); }

  private async blocks(offset: number, length: number): Promise<Buffer> {
    if (offset + length > this.disk.sizeBytes) throw volumeDamaged(say`it goes on behind the end of the disk`);
    return await this.disk.read(offset, length);
  }

  /** Links are followed, the last one only if asked for. */
  private async find(path: Path, follow = true): Promise<Entry | undefined> {
    const rest = [...path], stack = [this.root];
    let links = 0;
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      const at = stack[stack.length - 1]!;
      if (name === '..' || name === '.' || name === '') { if (name === '..' && stack.length > 1) stack.pop(); continue; }
      if (!at.directory) return undefined;
      const entry = entryOf(await this.load(at), name);
      if (entry === undefined) return undefined;
      if (entry.link === undefined || !follow && rest.length === 0) { stack.push(entry); continue; }
      if (++links > MAX_LINKS) return undefined;
      if (entry.link.startsWith('/')) stack.length = 1;
      rest.unshift(...entry.link.split('/'));
    }
    return stack.at(-1);
  }

  private async load({ extents }: Entry): Promise<Directory> {
    const [extent] = extents, known = this.directories.get(extent!.block);
    if (known !== undefined) return known;
    if (extent!.bytes > MAX_DIRECTORY) throw volumeDamaged(say`a directory is said to have ${extent!.bytes} bytes`);
    const bytes = await this.blocks(extent!.block * this.blockBytes, extent!.bytes), records = await readRecords(bytes, this.blockBytes, this.naming, (offset, length) => this.blocks(offset, length));
    const directory = directoryOf(records.filter(({ isMoved }) => !isMoved));
    this.directories.set(extent!.block, directory);
    const held = () => [...this.directories.values()].reduce((total, { entries }) => total + entries.length, 0);
    while (this.directories.size > 1 && (this.directories.size > MAX_DIRECTORIES || held() > MAX_ENTRIES)) this.directories.delete(this.directories.keys().next().value!);
    return directory;
  }
}

async function readDescriptors(disk: DeviceBytes): Promise<Descriptor | undefined> {
  let primary: Buffer | undefined, joliet: Buffer | undefined;
  for (let n = FIRST_DESCRIPTOR; n < FIRST_DESCRIPTOR + MAX_DESCRIPTORS && (n + 1) * SECTOR <= disk.sizeBytes; n++) {
    const descriptor = await disk.read(n * SECTOR, SECTOR), [type] = descriptor;
    if (descriptor.toString('latin1', 1, 6) !== 'CD001' || type === TERMINATOR) break;
    if (type === PRIMARY) primary ??= descriptor;
    if (type === SUPPLEMENTARY && JOLIET.includes(descriptor.toString('latin1', 88, 91))) joliet ??= descriptor;
  }
  if (primary === undefined) return undefined;
  const plain = describe(primary, { kind: 'plain' }), skip = plain && await rockRidge(disk, plain);
  if (plain === undefined || skip !== undefined) return plain && { ...plain, naming: { kind: 'rock-ridge', skip: skip! } };
  return (joliet && describe(joliet, { kind: 'joliet' })) ?? plain;
}

function describe(descriptor: Buffer, naming: Naming): Descriptor | undefined {
  const blockBytes = descriptor.readUInt16LE(128), root = descriptor.subarray(156), name = descriptor.subarray(40, 72);
  const label = (naming.kind === 'joliet' ? Buffer.from(name).swap16().toString('utf16le') : name.toString('latin1')).replace(/[ \0]+$/, '');
  return [512, 1024, 2048].includes(blockBytes) ? { label, blockBytes, blocks: descriptor.readUInt32LE(80), root: { block: root.readUInt32LE(2) + root[1]!, bytes: root.readUInt32LE(10) }, naming } : undefined;
}

async function rockRidge(disk: DeviceBytes, { root, blockBytes }: Descriptor): Promise<number | undefined> {
  const offset = root.block * blockBytes;
  return offset + blockBytes > disk.sizeBytes ? undefined : fieldsBegin(await disk.read(offset, blockBytes));
}

/** Records of one file that has several extents become one. */
function directoryOf(records: readonly IsoRecord[]): Directory {
  const entries: Entry[] = [], byName = new Map<string, Entry>();
  let extents: Extent[] = [];
  for (const { goesOn, extent, ...record } of records) {
    extents.push(extent);
    if (goesOn) continue;
    if (record.name !== '' && record.name !== '.' && record.name !== '..') entries.push({ ...record, extents, bytes: extents.reduce((total, { bytes }) => total + bytes, 0) });
    extents = [];
  }
  for (const entry of entries) for (const key of [`=${entry.name}`, entry.name.toUpperCase()]) if (!byName.has(key)) byName.set(key, entry);
  return { entries, byName };
}

const entryOf = ({ byName }: Directory, name: string): Entry | undefined => byName.get(`=${name}`) ?? byName.get(name.toUpperCase());

const infoOf = ({ directory, bytes, hidden, createdMs, accessedMs, modifiedMs }: Entry, name: string): FileInfo =>
  ({ name, directory, bytes: directory ? 0 : bytes, readOnly: true, hidden, system: false, archive: false, createdMs, accessedMs, modifiedMs });
