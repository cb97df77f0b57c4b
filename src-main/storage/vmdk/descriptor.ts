/** The text that says what a VMDK consists of (VMware, Virtual Disk Format 5.0, "The Disk Descriptor File"). */
import { damaged, unsupported } from '../image-errors.ts';
import { say } from '../../../shared/base/phrase.ts';

export const SECTOR = 512;
export const MAX_DESCRIPTOR_BYTES = 0x10_0000;
const MAX_EXTENTS = 4096;
const TYPES = ['monolithicSparse', 'monolithicFlat', 'streamOptimized', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat', 'vmfs'] as const;
export type VmdkType = typeof TYPES[number];

export interface ExtentLine { readonly writable: boolean; readonly sectors: number; readonly kind: 'SPARSE' | 'FLAT' | 'ZERO'; readonly fileName: string; readonly offsetSectors: number }
export interface Descriptor { readonly type: VmdkType; readonly extents: readonly ExtentLine[] }

export function parseDescriptor(path: string, text: string): Descriptor {
  const field = (name: string) => new RegExp(`^\\s*${name}\\s*=\\s*"?([^"\\r\\n]*?)"?\\s*$`, 'im').exec(text)?.[1];
  const type = TYPES.find(one => one === field('createType'));
  if (type === undefined) throw unsupported(path, say`its kind of VMDK is ${field('createType') ?? 'not given'}, which is not known`);
  const parent = field('parentCID');
  if (parent !== undefined && parent.toLowerCase() !== 'ffffffff') throw unsupported(path, say`it is the difference to a parent VMDK`);
  const lines = text.split(/\r?\n/).filter(line => /^\s*(RW|RDONLY|NOACCESS)\s/.test(line));
  if (lines.length === 0 || lines.length > MAX_EXTENTS) throw damaged(path, say`its descriptor has ${lines.length} extents`);
  return { type, extents: lines.map(line => parseExtent(path, line)) };
}

function parseExtent(path: string, line: string): ExtentLine {
  const match = /^\s*(RW|RDONLY)\s+(\d+)\s+(SPARSE|FLAT|VMFS|ZERO)(?:\s+"([^"]*)")?(?:\s+(\d+))?\s*$/.exec(line);
  if (match === null) throw unsupported(path, say`it has an extent "${line.trim()}"`);
  const [, access, sectors, kind, fileName = '', offset = '0'] = match, extent = { sectors: Number(sectors), offsetSectors: Number(offset) };
  if (extent.sectors === 0 || !Number.isSafeInteger((extent.sectors + extent.offsetSectors) * SECTOR)) throw damaged(path, say`an extent is said to have ${extent.sectors} sectors`);
  if (kind !== 'ZERO' && fileName === '') throw damaged(path, say`an extent names no file`);
  return { ...extent, writable: access === 'RW', kind: kind === 'VMFS' ? 'FLAT' : kind as 'SPARSE' | 'FLAT' | 'ZERO', fileName };
}

export function formatDescriptor({ type, extents }: Descriptor, contentId: number): string {
  const sectors = extents.reduce((sum, extent) => sum + extent.sectors, 0);
  const lines = extents.map(({ writable, sectors: count, kind, fileName, offsetSectors }) => `${writable ? 'RW' : 'RDONLY'} ${count} ${kind} "${fileName}"${kind === 'FLAT' ? ` ${offsetSectors}` : ''}`);
  return [
    '# Disk DescriptorFile', 'version=1', `CID=${contentId.toString(16).padStart(8, '0')}`, 'parentCID=ffffffff', `createType="${type}"`, '',
    '# Extent description', ...lines, '', '# The Disk Data Base', '#DDB', '', 'ddb.virtualHWVersion = "4"',
    `ddb.geometry.cylinders = "${Math.min(65535, Math.floor(sectors / (16 * 63)))}"`, 'ddb.geometry.heads = "16"', 'ddb.geometry.sectors = "63"', 'ddb.adapterType = "ide"', '',
  ].join('\n');
}
