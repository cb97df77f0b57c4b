import { expect, test } from 'vitest';
import { placeSmbios, smbiosFiles, smbiosTables, type SmbiosFacts } from './smbios.ts';

const FACTS: SmbiosFacts = { cpus: 4, memory: { base: 0x4000_0000, sizeBytes: 2 ** 31 }, uuid: '00112233-4455-6677-8899-aabbccddeeff' };

/** Structures as a guest walks them: fields after the header, and strings. */
function structures(bytes: Uint8Array) {
  const found: { readonly type: number; readonly handle: number; readonly view: DataView; readonly strings: readonly string[] }[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes[at + 1]!, view = new DataView(bytes.buffer, bytes.byteOffset + at, length);
    let end = at + length;
    while (bytes[end] !== 0 || bytes[end + 1] !== 0) end++;
    found.push({ type: bytes[at]!, handle: view.getUint16(2, true), view, strings: new TextDecoder().decode(bytes.subarray(at + length, end)).split('\0') });
    at = end + 2;
  }
  return found;
}

test('structures follow one another to the last, each of the length that the specification gives it', () => {
  const all = structures(smbiosTables(FACTS));
  expect(all.map(({ type, view }) => [type, view.byteLength])).toEqual([[0, 0x18], [1, 0x1b], [2, 0x0f], [3, 0x16], [4, 0x30], [16, 0x17], [17, 0x28], [19, 0x1f], [32, 0x0b], [127, 4]]);
  expect(new Set(all.map(({ handle }) => handle)).size).toBe(all.length);
  for (const { view, strings } of all.filter(({ type }) => type <= 4)) expect([strings.includes('Quarterdeck'), view.getUint8(4) <= strings.length]).toEqual([true, true]);
});

test('they tell the machine\'s own facts', () => {
  const of = (type: number) => structures(smbiosTables(FACTS)).find(each => each.type === type)!.view;
  expect(Array.from({ length: 16 }, (_, at) => of(1).getUint8(8 + at))).toEqual([0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
  expect([of(4).getUint8(0x23), of(16).getUint32(7, true), of(17).getUint16(0xc, true), of(19).getUint32(4, true), of(19).getUint32(8, true)]).toEqual([4, 2 ** 21, 2048, 2 ** 20, 3 * 2 ** 20 - 1]);
});

test('the entry point leads to them, in memory and in files', () => {
  const { bytes, entryPointAddress } = placeSmbios(FACTS, 0x8000_0000), view = new DataView(bytes.buffer), tables = smbiosTables(FACTS), [anchor, file] = smbiosFiles(FACTS);
  expect([new TextDecoder().decode(bytes.subarray(0, 5)), entryPointAddress, view.getUint32(0xc, true), view.getBigUint64(0x10, true)]).toEqual(['_SM3_', 0x8000_0000, tables.length, 0x8000_0020n]);
  expect(bytes.subarray(0, 24).reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0);
  expect(bytes.subarray(0x20)).toEqual(tables);
  expect([anchor?.name, anchor?.bytes.length, file?.bytes]).toEqual(['etc/smbios/smbios-anchor', 24, tables]);
});
