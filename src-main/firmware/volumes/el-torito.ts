/**
 * Boot images on CDs ("El Torito" 1.0): a boot record volume descriptor in block 17 leads to a catalog of entries of 32 bytes, in blocks of 2048
 * bytes whatever the drive's sectors are. Only images without emulation are partitions; how long they are is said in units of 512 bytes, and
 * where that is too small a field (or 0 or 1, as BIOSes do not care) they reach to the volume's end.
 */
import { DeviceBytes, DevicePart, type SectorDevice } from './sector-device.ts';
import type { Partition } from './partitions.ts';

const BLOCK = 2048, UNIT = 512, FIRST_DESCRIPTOR = 16, BOOT_RECORD = 17, ENTRY = 32, CATALOG_BYTES = 2 * BLOCK;
const VALIDATION = 0x01, MORE_HEADERS = 0x90, LAST_HEADER = 0x91, EXTENSION = 0x44, BOOTABLE = 0x88, EMULATION = 0x0f, MAX_UNITS = 0xffff;

interface BootEntry { readonly bootEntry: number; readonly platform: number; readonly block: number; readonly units: number }

/** Undefined of a disk that has no catalog. */
export async function readElTorito(device: SectorDevice): Promise<readonly Partition[] | undefined> {
  const disk = new DeviceBytes(device);
  if (BLOCK % device.sectorBytes !== 0 || (BOOT_RECORD + 1) * BLOCK > disk.sizeBytes) return undefined;
  const record = await disk.read(BOOT_RECORD * BLOCK, BLOCK), catalog = record.readUInt32LE(71) * BLOCK;
  if (record[0] !== 0 || record.toString('latin1', 1, 6) !== 'CD001' || record.toString('latin1', 7, 30) !== 'EL TORITO SPECIFICATION') return undefined;
  if (catalog === 0 || catalog + CATALOG_BYTES > disk.sizeBytes) return undefined;
  const volumeEnd = (await disk.read(FIRST_DESCRIPTOR * BLOCK, BLOCK)).readUInt32LE(80) * BLOCK;
  return entriesOf(await disk.read(catalog, CATALOG_BYTES)).flatMap(({ block, units, bootEntry, platform }) => {
    const start = block * BLOCK, known = units > 1 && units < MAX_UNITS, end = known ? start + units * UNIT : volumeEnd > start ? Math.min(volumeEnd, disk.sizeBytes) : disk.sizeBytes;
    const startSector = start / device.sectorBytes, sectorCount = Math.min(Math.ceil((end - start) / device.sectorBytes), device.sectorCount - startSector);
    return block === 0 || sectorCount <= 0 ? [] : [{ kind: 'el-torito', number: bootEntry + 1, bootEntry, platform, startSector, sectorCount, device: new DevicePart(device, startSector, sectorCount) }];
  });
}

/** Those that boot without emulation. They are counted with all others, as device paths do. */
function entriesOf(catalog: Buffer): BootEntry[] {
  const sum = Array.from({ length: ENTRY / 2 }, (_, n) => catalog.readUInt16LE(2 * n)).reduce((total, word) => total + word, 0);
  if (catalog[0] !== VALIDATION || catalog[30] !== 0x55 || catalog[31] !== 0xaa || (sum & 0xffff) !== 0) return [];
  const found: BootEntry[] = [];
  let platform = catalog[1]!, count = 0, at = ENTRY;
  const take = () => {
    if (catalog[at] === BOOTABLE && (catalog[at + 1]! & EMULATION) === 0) found.push({ bootEntry: count, platform, block: catalog.readUInt32LE(at + 8), units: catalog.readUInt16LE(at + 6) });
    count++;
    at += ENTRY;
    while (at < catalog.length && catalog[at] === EXTENSION) at += ENTRY;
  };
  take();
  while (at < catalog.length && (catalog[at] === MORE_HEADERS || catalog[at] === LAST_HEADER)) {
    const isLast = catalog[at] === LAST_HEADER, entries = catalog.readUInt16LE(at + 2);
    platform = catalog[at + 1]!;
    at += ENTRY;
    for (let n = 0; n < entries && at < catalog.length; n++) take();
    if (isLast) break;
  }
  return found;
}
