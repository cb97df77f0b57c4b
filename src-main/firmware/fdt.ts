/** Writes flattened device trees (Devicetree Specification 0.4, chapter 5). */

/** One cell, big-endian on the wire; a string; strings in a row; no value; or bytes as they are. */
export type FdtValue = readonly number[] | string | readonly string[] | true | Uint8Array;

export interface FdtNode {
  readonly [name: string]: FdtValue | FdtNode;
}

const MAGIC = 0xd00dfeed;
const VERSION = 17;
const LAST_COMPATIBLE = 16;
const HEADER_BYTES = 40;
const BEGIN_NODE = 1, END_NODE = 2, PROP = 3, END = 9;

/** The address as two cells. */
export const cells64 = (value: number): [number, number] => [Math.floor(value / 2 ** 32), value >>> 0];

/** The blob for a root node: properties first, then nodes, both as they stand. */
export function flatten(root: FdtNode): Uint8Array {
  const structure = new ByteWriter();
  const strings = new StringTable();
  writeNode(structure, strings, '', root);
  structure.word(END);

  const reservations = new Uint8Array(16);
  const structureAt = HEADER_BYTES + reservations.length;
  const stringsAt = structureAt + structure.bytes.length;
  const total = stringsAt + strings.bytes.length;
  const blob = new ByteWriter();
  for (const word of [MAGIC, total, structureAt, stringsAt, HEADER_BYTES, VERSION, LAST_COMPATIBLE, 0, strings.bytes.length, structure.bytes.length]) blob.word(word);
  blob.append(reservations);
  blob.append(structure.bytes);
  blob.append(strings.bytes);
  return Uint8Array.from(blob.bytes);
}

function writeNode(out: ByteWriter, strings: StringTable, name: string, node: FdtNode) {
  out.word(BEGIN_NODE);
  out.append(text(name));
  out.align();
  for (const [key, value] of Object.entries(node)) {
    if (isNode(value)) continue;
    const bytes = encode(value);
    out.word(PROP);
    out.word(bytes.length);
    out.word(strings.offsetOf(key));
    out.append(bytes);
    out.align();
  }
  for (const [key, value] of Object.entries(node)) if (isNode(value)) writeNode(out, strings, key, value);
  out.word(END_NODE);
}

const isNode = (value: FdtValue | FdtNode): value is FdtNode =>
  typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);

function encode(value: FdtValue): ArrayLike<number> {
  if (value === true) return [];
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return text(value);
  return value.flatMap((item: string | number) => (typeof item === 'string' ? [...text(item)] : cell(item)));
}

const cell = (value: number): number[] => [value >>> 24, value >>> 16 & 0xff, value >>> 8 & 0xff, value & 0xff];
const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);

class ByteWriter {
  readonly bytes: number[] = [];
  word(value: number) { this.bytes.push(...cell(value)); }
  append(bytes: ArrayLike<number>) { for (let at = 0; at < bytes.length; at++) this.bytes.push(bytes[at]!); }
  align() { while (this.bytes.length % 4 !== 0) this.bytes.push(0); }
}

class StringTable {
  readonly bytes: number[] = [];
  private readonly offsets = new Map<string, number>();
  offsetOf(name: string): number {
    const known = this.offsets.get(name);
    if (known !== undefined) return known;
    const offset = this.bytes.length;
    this.bytes.push(...text(name));
    this.offsets.set(name, offset);
    return offset;
  }
}
