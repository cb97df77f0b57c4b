/**
 * The first sector of a FAT file system (Microsoft, "FAT: General Overview of On-Disk Format" 1.03): where its tables, its root and its clusters are, in
 * bytes from the volume's start. FAT32 is what has no 16-bit length of its tables, as Linux and EDK2 see it; other volumes' kind is told by their clusters.
 */
const FIRST_CLUSTER = 2, ENTRY_BYTES = 32, MAX_FAT12 = 4084, MAX_FAT16 = 65524, MAX_FAT32 = 0x0fff_fff5;

export interface FatGeometry {
  readonly kind: 'fat12' | 'fat16' | 'fat32';
  readonly sectorBytes: number;
  readonly clusterBytes: number;
  readonly clusterCount: number;
  /** Those that are kept alike; the first is read. */
  readonly fatOffsets: readonly number[];
  /** Of FAT12 and FAT16; elsewhere there are no entries. */
  readonly rootOffset: number;
  readonly rootEntries: number;
  /** Of FAT32. */
  readonly rootCluster: number;
  readonly dataOffset: number;
  readonly fsInfoOffset: number | undefined;
  /** The label in this sector and in its copies. */
  readonly labelOffsets: readonly number[];
}

/** Undefined of any other first sector, and of a volume that would not lie within its device. */
export function readGeometry(boot: Buffer, deviceBytes: number): FatGeometry | undefined {
  const sectorBytes = boot.readUInt16LE(11), sectorsPerCluster = boot[13]!, reserved = boot.readUInt16LE(14), fats = boot[16]!, rootEntries = boot.readUInt16LE(17), media = boot[21]!;
  if (![512, 1024, 2048, 4096].includes(sectorBytes) || sectorsPerCluster === 0 || (sectorsPerCluster & sectorsPerCluster - 1) !== 0 || reserved === 0 || fats === 0 || (media !== 0xf0 && media < 0xf8)) return undefined;
  const short = boot.readUInt16LE(22), is32 = short === 0, fatSectors = is32 ? boot.readUInt32LE(36) : short, sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32);
  if (fatSectors === 0 || sectors * sectorBytes > deviceBytes || is32 && (rootEntries !== 0 || boot.readUInt16LE(42) !== 0) || !is32 && rootEntries === 0) return undefined;
  const rootSector = reserved + fats * fatSectors, dataSector = rootSector + Math.ceil(rootEntries * ENTRY_BYTES / sectorBytes), clusters = Math.floor((sectors - dataSector) / sectorsPerCluster);
  const kind = is32 ? 'fat32' : clusters <= MAX_FAT12 ? 'fat12' : 'fat16', bits = Number(kind.slice(3));
  const clusterCount = Math.min(clusters, Math.floor(fatSectors * sectorBytes * 8 / bits) - FIRST_CLUSTER, is32 ? MAX_FAT32 : MAX_FAT16), rootCluster = is32 ? boot.readUInt32LE(44) : 0;
  if (clusterCount < 1 || is32 && (rootCluster < FIRST_CLUSTER || rootCluster >= clusterCount + FIRST_CLUSTER)) return undefined;
  const inReserved = (sector: number) => (is32 && sector > 0 && sector < reserved ? [sector * sectorBytes] : []), flags = is32 ? boot.readUInt16LE(40) : 0;
  const all = Array.from({ length: fats }, (_, n) => (reserved + n * fatSectors) * sectorBytes), active = all[flags & 0x0f];
  return {
    kind, sectorBytes, clusterBytes: sectorsPerCluster * sectorBytes, clusterCount, rootEntries, rootCluster,
    fatOffsets: (flags & 0x80) !== 0 && active !== undefined ? [active] : all,
    rootOffset: rootSector * sectorBytes, dataOffset: dataSector * sectorBytes,
    fsInfoOffset: inReserved(boot.readUInt16LE(48))[0],
    labelOffsets: [0, ...inReserved(boot.readUInt16LE(50))].map(offset => offset + (is32 ? 71 : 43)),
  };
}
