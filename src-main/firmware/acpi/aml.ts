/**
 * ACPI Machine Language (ACPI 6.5, chapter 20): functions that give the bytes of a term. Integers are those of a DSDT of revision 2, of 64 bits,
 * in the shortest form that there is, as iasl writes them. A path is absolute, `\_SB.PCI0`, or one name; a name has at most four characters.
 */
import { concat, LittleEndian } from '../little-endian.ts';

export type Aml = Uint8Array;

const EXT = 0x5b;
const bytes = (...values: readonly number[]): Aml => Uint8Array.from(values);

/** The length counts itself. */
function sized(opcode: readonly number[], body: Aml): Aml {
  const own = body.length < 0x3f ? 1 : body.length < 0xffe ? 2 : body.length < 0xf_fffd ? 3 : 4, length = body.length + own;
  const encoded = own === 1 ? [length] : [(own - 1) << 6 | length & 0xf, ...Array.from({ length: own - 1 }, (_, n) => length >>> 4 + 8 * n & 0xff)];
  return concat([bytes(...opcode, ...encoded), body]);
}

const segment = (name: string): Aml => new LittleEndian().text(name, 4, 0x5f).done();

export function path(name: string): Aml {
  const root = name.startsWith('\\'), segments = (root ? name.slice(1) : name).split('.').filter(each => each !== '');
  const prefix = segments.length === 2 ? bytes(0x2e) : segments.length > 2 ? bytes(0x2f, segments.length) : bytes();
  return concat([root ? bytes(0x5c) : bytes(), segments.length === 0 ? bytes(0) : prefix, ...segments.map(segment)]);
}

const ONES = 2n ** 64n - 1n;
export function integer(value: number | bigint): Aml {
  const whole = BigInt.asUintN(64, BigInt(value)), out = new LittleEndian();
  if (whole === 0n || whole === 1n) return bytes(Number(whole));
  if (whole === ONES) return bytes(0xff);
  if (whole < 0x100n) return bytes(0x0a, Number(whole));
  if (whole < 0x1_0000n) return out.u8(0x0b).u16(Number(whole)).done();
  return whole < 0x1_0000_0000n ? out.u8(0x0c).u32(Number(whole)).done() : out.u8(0x0e).u64(whole).done();
}

/** Of ASCII characters other than NUL. */
export const text = (value: string): Aml => concat([bytes(0x0d), new TextEncoder().encode(value), bytes(0)]);
export const buffer = (contents: Uint8Array): Aml => sized([0x11], concat([integer(contents.length), contents]));

const MOST_ELEMENTS = 255;
export const packageOf = (elements: readonly Aml[]): Aml => (elements.length <= MOST_ELEMENTS
  ? sized([0x12], concat([bytes(elements.length), ...elements])) : sized([0x13], concat([integer(elements.length), ...elements])));

export const named = (name: string, value: Aml): Aml => concat([bytes(0x08), path(name), value]);
export const scope = (name: string, ...body: readonly Aml[]): Aml => sized([0x10], concat([path(name), ...body]));
export const device = (name: string, ...body: readonly Aml[]): Aml => sized([EXT, 0x82], concat([path(name), ...body]));

const SERIALIZED = 8;
export const method = (name: string, args: number, ...body: readonly Aml[]): Aml => sized([0x14], concat([path(name), bytes(args | SERIALIZED), ...body]));

/** Three letters and four hexadecimal digits, as an integer (ACPI 6.5, 19.3.4). */
export function eisaId(id: string): Aml {
  const letter = (at: number) => id.charCodeAt(at) & 0x1f, product = parseInt(id.slice(3), 16), maker = letter(0) << 10 | letter(1) << 5 | letter(2);
  return integer(new DataView(bytes(maker >> 8, maker & 0xff, product >> 8, product & 0xff).buffer).getUint32(0, true));
}

/** The first three groups are little-endian (ACPI 6.5, 19.6.142). */
export function uuidBytes(uuid: string): Uint8Array {
  const plain = uuid.replaceAll('-', ''), order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, at => parseInt(plain.slice(2 * at, 2 * at + 2), 16));
}
export const uuid = (value: string): Aml => buffer(uuidBytes(value));

/** What methods are made of. */
export const local0 = bytes(0x60);
export const arg = (number: number): Aml => bytes(0x68 + number);
export const equal = (a: Aml, b: Aml): Aml => concat([bytes(0x93), a, b]);
export const differ = (a: Aml, b: Aml): Aml => concat([bytes(0x92), equal(a, b)]);
export const and = (a: Aml, b: Aml, into: Aml): Aml => concat([bytes(0x7b), a, b, into]);
export const or = (a: Aml, b: Aml, into: Aml): Aml => concat([bytes(0x7d), a, b, into]);
export const store = (value: Aml, into: Aml): Aml => concat([bytes(0x70), value, into]);
export const when = (condition: Aml, ...then: readonly Aml[]): Aml => sized([0xa0], concat([condition, ...then]));
export const otherwise = (...then: readonly Aml[]): Aml => sized([0xa1], concat(then));
export const give = (value: Aml): Aml => concat([bytes(0xa4), value]);
export const notify = (object: Aml, value: number): Aml => concat([bytes(0x86), object, integer(value)]);
/** Names 32 bits at a byte of a buffer. */
export const dwordField = (of: Aml, at: number, name: string): Aml => concat([bytes(0x8a), of, integer(at), path(name)]);
