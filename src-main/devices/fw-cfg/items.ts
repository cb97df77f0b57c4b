/** The items of a firmware configuration device by their keys: the few with fixed ones, the directory of files, and the files, from 0x20 on in the order of their names. */
import { assert } from '../../../shared/base/errors.ts';

/** A name has at most 55 characters of ASCII. */
export interface ConfigFile { readonly name: string; readonly bytes: Uint8Array }

const SIGNATURE = 0x00, ID = 0x01, CPUS = 0x05, MOST_CPUS = 0x0f, DIRECTORY = 0x19, FIRST_FILE = 0x20;
const HAS_REGISTERS = 1, HAS_DMA = 2;
const ENTRY_BYTES = 64, NAME_BYTES = 56;

export function itemsOf(files: readonly ConfigFile[], cpus: number): ReadonlyMap<number, Uint8Array> {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  return new Map([
    [SIGNATURE, new TextEncoder().encode('QEMU')], [ID, Uint8Array.of(HAS_REGISTERS | HAS_DMA, 0, 0, 0)], [CPUS, Uint8Array.of(cpus, 0)], [MOST_CPUS, Uint8Array.of(cpus, 0)],
    [DIRECTORY, directory(sorted)], ...sorted.map(({ bytes }, n) => [FIRST_FILE + n, bytes] as const),
  ]);
}

function directory(files: readonly ConfigFile[]): Uint8Array {
  const bytes = new Uint8Array(4 + ENTRY_BYTES * files.length), view = new DataView(bytes.buffer);
  view.setUint32(0, files.length);
  files.forEach(({ name, bytes: contents }, n) => {
    const at = 4 + ENTRY_BYTES * n, encoded = new TextEncoder().encode(name);
    assert(encoded.length < NAME_BYTES, 'the name of a file fits');
    view.setUint32(at, contents.length);
    view.setUint16(at + 4, FIRST_FILE + n);
    bytes.set(encoded, at + 8);
  });
  return bytes;
}

/** An address that a number has exactly. */
export const isInside = (address: number): boolean => Number.isSafeInteger(address);
