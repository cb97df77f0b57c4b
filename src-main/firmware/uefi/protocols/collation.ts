/** Unicode Collation (UEFI 2.10, 12.10), for English: comparing without case, patterns, and names on FAT. */
import type { EfiFunction } from '../functions.ts';
import { GUID } from '../guid.ts';
import { SUCCESS } from '../status.ts';
import type { Uefi } from '../uefi.ts';

export function installCollation(uefi: Uefi, handle: bigint): void {
  uefi.handles.install(handle, GUID.unicodeCollation, uefi.interface(['StriColl', 'MetaiMatch', 'StrLwr', 'StrUpr', 'FatToStr', 'StrToFat', uefi.place(new TextEncoder().encode('en\0'))]));
}

/** `*` is any text, `?` any character, and `[a-f]` one of these. */
export function matches(text: string, pattern: string): boolean {
  // Only the last star is ever gone back to, so that this takes no longer than one text times the other.
  const parts = patternParts(pattern.toUpperCase()), upper = text.toUpperCase();
  let at = 0, part = 0, star = -1, starAt = 0;
  while (at < upper.length) {
    const now = parts[part];
    if (now === '*') { star = part++; starAt = at; }
    else if (now !== undefined && now(upper[at]!)) { at++; part++; }
    else if (star >= 0) { part = star + 1; at = ++starAt; }
    else return false;
  }
  while (parts[part] === '*') part++;
  return part === parts.length;
}

function patternParts(pattern: string): ('*' | ((char: string) => boolean))[] {
  const parts: ('*' | ((char: string) => boolean))[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!, end = char === '[' ? pattern.indexOf(']', at + 1) : -1;
    if (char === '*') parts.push('*');
    else if (char === '?') parts.push(() => true);
    else if (end > at) {
      const set = pattern.slice(at + 1, end), range = /^(.)-(.)$/s.exec(set);
      parts.push(range ? c => c >= range[1]! && c <= range[2]! : c => set.includes(c));
      at = end;
    } else parts.push(c => c === char);
  }
  return parts;
}

const ILLEGAL = /[^A-Z0-9!#$%&'()\-@^_`{}~.]/;

const changed = (change: (text: string) => string): EfiFunction => (_, call) => {
  const at = call.pointer(1), text = call.memory.text(at), next = change(text);
  if (next.length === text.length) call.memory.putText(at, next);
  return SUCCESS;
};

export const COLLATION_FUNCTIONS: Readonly<Record<string, EfiFunction>> = {
  StriColl: (_, call) => {
    const [a, b] = [1, 2].map(n => call.memory.text(call.pointer(n)).toUpperCase()) as [string, string];
    return BigInt.asUintN(64, a < b ? -1n : a > b ? 1n : 0n);
  },
  MetaiMatch: (_, call) => BigInt(matches(call.memory.text(call.pointer(1)), call.memory.text(call.pointer(2)))),
  StrLwr: changed(text => text.toLowerCase()),
  StrUpr: changed(text => text.toUpperCase()),
  FatToStr: (_, call) => {
    const length = call.number(1) & 0xffff, bytes = call.memory.bytes(call.pointer(2), length), end = bytes.indexOf(0);
    call.memory.putText(call.pointer(3), String.fromCharCode(...bytes.subarray(0, end < 0 ? length : end)));
    return SUCCESS;
  },
  /** Says whether a character had to become another one. */
  StrToFat: (_, call) => {
    const length = call.number(2) & 0xffff, text = Array.from(call.memory.text(call.pointer(1)).toUpperCase()).filter(char => char !== '.' && char !== ' ').slice(0, length), fat = text.map(char => (ILLEGAL.test(char) ? '_' : char));
    call.memory.write(call.pointer(3), Uint8Array.from([...fat.map(char => char.charCodeAt(0)), ...(fat.length < length ? [0] : [])]));
    return BigInt(fat.some((char, n) => char !== text[n]));
  },
};
