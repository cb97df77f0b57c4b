/**
 * Keysyms (X11/keysymdef.h), which clients send that do not know places of keys, and where a US keyboard has them
 * (`linux/input-event-codes.h`).
 */

export interface KeyPlace {
  /** Linux' code. */
  readonly code: number;
  /** Whether Shift must be down for it; undefined where it does not matter. */
  readonly shift?: boolean;
  /** A letter, which Caps Lock makes of the other case. */
  readonly letter?: boolean;
}

/** Linux' codes follow one another along the rows of the keyboard: what is printed on them, without and with Shift. */
const ROWS: readonly (readonly [code: number, plain: string, shifted: string])[] = [
  [2, '1234567890-=', '!@#$%^&*()_+'], [16, 'qwertyuiop[]', 'QWERTYUIOP{}'], [30, 'asdfghjkl;\'`', 'ASDFGHJKL:"~'], [43, '\\zxcvbnm,./', '|ZXCVBNM<>?'], [57, ' ', ' '],
];

/** First keysym, then codes of it and of those that follow; 0 where there is none. */
const OTHERS: readonly (readonly [keysym: number, ...codes: number[]])[] = [
  [0xff08, 14, 15, 28, 76], [0xff0d, 28], [0xff13, 119, 70, 99], [0xff1b, 1],
  [0xff50, 102, 105, 103, 106, 108, 104, 109, 107], [0xff61, 99, 0, 110, 0, 131, 182, 127, 136, 223, 138, 119], [0xff7e, 100, 69],
  [0xff80, 57], [0xff89, 15], [0xff8d, 96], [0xff91, 59, 60, 61, 62, 71, 75, 72, 77, 80, 73, 81, 79, 76, 82, 83],
  [0xffaa, 55, 78, 121, 74, 83, 98, 82, 79, 80, 81, 75, 76, 77, 71, 72, 73], [0xffbd, 117],
  [0xffbe, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 87, 88, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194],
  [0xffe1, 42, 54, 29, 97, 58, 58, 125, 126, 56, 100, 125, 126], [0xffff, 111], [0xfe03, 100], [0xfe20, 15],
  // Volume, power and the like (XF86keysym.h).
  [0x1008_ff11, 114, 113, 115, 164, 166, 165, 163],
];

const PLACES = new Map<number, KeyPlace>();
for (const [first, plain, shifted] of ROWS) {
  Array.from(plain).forEach((character, at) => {
    const other = shifted[at]!, letter = /[a-z]/.test(character);
    if (character === ' ') PLACES.set(character.charCodeAt(0), { code: first + at });
    else for (const [printed, shift] of [[character, false], [other, true]] as const) PLACES.set(printed.charCodeAt(0), { code: first + at, shift, letter });
  });
}
for (const [first, ...codes] of OTHERS) codes.forEach((code, at) => { if (code !== 0) PLACES.set(first + at, { code }); });

/** Undefined for what a US keyboard does not have. Keysyms of Unicode (0x01000000 and the character) count as those of Latin 1. */
export const placeOfKeysym = (keysym: number): KeyPlace | undefined => PLACES.get(keysym >>> 8 === 0x01_0000 ? keysym & 0xff : keysym);

export const LEFT_SHIFT = 42, RIGHT_SHIFT = 54;
