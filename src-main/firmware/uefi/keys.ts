/** Keys as EFI applications have them (UEFI 2.10, 12.3): from the keyboard's codes, on a US layout, and from what a terminal sends. */

/** `scan` is 0 for what has a character; `char` is 0 for what has none. `shift` are KeyShiftState's bits. */
export interface Key { readonly scan: number; readonly char: number; readonly shift: number }

export const SCAN = { up: 1, down: 2, right: 3, left: 4, home: 5, end: 6, insert: 7, delete: 8, pageUp: 9, pageDown: 10, f1: 11, f2: 12, f11: 21, f12: 22, escape: 23 } as const;
export const ENTER = 13;
const RIGHT_SHIFT = 1, LEFT_SHIFT = 2, RIGHT_CONTROL = 4, LEFT_CONTROL = 8, RIGHT_ALT = 0x10, LEFT_ALT = 0x20, STATE_VALID = 0x8000_0000;

/** linux/input-event-codes.h: rows of the keyboard from their first code on, plain and shifted. */
const ROWS: readonly (readonly [number, string, string])[] = [
  [2, '1234567890-=\b\t', '!@#$%^&*()_+\b\t'], [16, 'qwertyuiop[]\r', 'QWERTYUIOP{}\r'], [30, 'asdfghjkl;\'`', 'ASDFGHJKL:"~'], [43, '\\zxcvbnm,./', '|ZXCVBNM<>?'], [55, '*', '*'], [57, ' ', ' '], [74, '-', '-'], [78, '+', '+'], [86, '\\', '|'], [96, '\r', '\r'], [98, '/', '/'],
];
const PRINTS = new Map(ROWS.flatMap(([first, plain, shifted]) => Array.from(plain, (char, n) => [first + n, [char, shifted[n]!] as const] as const)));
const SCANS: ReadonlyMap<number, number> = new Map([
  [1, SCAN.escape], [103, SCAN.up], [108, SCAN.down], [106, SCAN.right], [105, SCAN.left], [102, SCAN.home], [107, SCAN.end], [110, SCAN.insert], [111, SCAN.delete], [104, SCAN.pageUp], [109, SCAN.pageDown],
  ...Array.from({ length: 10 }, (_, n) => [59 + n, SCAN.f1 + n] as const), [87, SCAN.f11], [88, SCAN.f12],
]);
const MODIFIERS: ReadonlyMap<number, number> = new Map([[42, LEFT_SHIFT], [54, RIGHT_SHIFT], [29, LEFT_CONTROL], [97, RIGHT_CONTROL], [56, LEFT_ALT], [100, RIGHT_ALT]]);
const CAPS_LOCK = 58;

/** Which modifiers are down and what they make of a key. */
export class Keyboard {
  private shift = 0;
  private capsLock = false;

  /** The key that was pressed, if it is one that an application hears of. */
  key(code: number, isDown: boolean): Key | undefined {
    const modifier = MODIFIERS.get(code);
    if (modifier !== undefined) { this.shift = isDown ? this.shift | modifier : this.shift & ~modifier; return undefined; }
    if (!isDown) return undefined;
    if (code === CAPS_LOCK) { this.capsLock = !this.capsLock; return undefined; }
    const scan = SCANS.get(code) ?? 0, print = PRINTS.get(code), shift = (this.shift | STATE_VALID) >>> 0;
    if (scan !== 0) return { scan, char: 0, shift };
    if (print === undefined) return undefined;
    const isShifted = (this.shift & (LEFT_SHIFT | RIGHT_SHIFT)) !== 0, isLetter = /[a-z]/.test(print[0]), char = print[isShifted !== (isLetter && this.capsLock) ? 1 : 0];
    return { scan: 0, char: isLetter && (this.shift & (LEFT_CONTROL | RIGHT_CONTROL)) !== 0 ? print[0].charCodeAt(0) & 0x1f : char.charCodeAt(0), shift };
  }
}

const SEQUENCES: Readonly<Record<string, number>> = {
  '[A': SCAN.up, '[B': SCAN.down, '[C': SCAN.right, '[D': SCAN.left, '[H': SCAN.home, '[F': SCAN.end, 'OA': SCAN.up, 'OB': SCAN.down, 'OC': SCAN.right, 'OD': SCAN.left, 'OH': SCAN.home, 'OF': SCAN.end,
  '[1~': SCAN.home, '[2~': SCAN.insert, '[3~': SCAN.delete, '[4~': SCAN.end, '[5~': SCAN.pageUp, '[6~': SCAN.pageDown, 'OP': SCAN.f1, 'OQ': SCAN.f2, 'OR': SCAN.f1 + 2, 'OS': SCAN.f1 + 3,
  '[15~': SCAN.f1 + 4, '[17~': SCAN.f1 + 5, '[18~': SCAN.f1 + 6, '[19~': SCAN.f1 + 7, '[20~': SCAN.f1 + 8, '[21~': SCAN.f1 + 9, '[23~': SCAN.f11, '[24~': SCAN.f12,
};
const LONGEST = 4, DELETE = 0x7f, ESCAPE = 0x1b;

/** Keys that a terminal's bytes stand for (ECMA-48, and what xterm sends). A sequence comes whole, or its Escape is a key. */
export function keysOf(bytes: Uint8Array): Key[] {
  const text = new TextDecoder().decode(bytes), keys: Key[] = [];
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at), rest = text.slice(at + 1, at + 1 + LONGEST), sequence = code === ESCAPE ? Object.keys(SEQUENCES).find(each => rest.startsWith(each)) : undefined;
    if (sequence !== undefined) keys.push({ scan: SEQUENCES[sequence]!, char: 0, shift: 0 });
    else if (code === ESCAPE) keys.push({ scan: SCAN.escape, char: 0, shift: 0 });
    else keys.push({ scan: 0, char: code === DELETE ? 8 : code === 10 ? ENTER : code, shift: 0 });
    at += 1 + (sequence?.length ?? 0);
  }
  return keys;
}
