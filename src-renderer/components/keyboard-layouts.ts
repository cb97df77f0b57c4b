/** What keys print by the layout of the guest's keyboard, for text that is typed for the operator. Keys have the names of UI Events' KeyboardEvent.code. */

/** A key, by its place, with what is held. */
export interface KeyStroke { readonly code: string; readonly shift: boolean; readonly altGr: boolean }
export const KEYBOARD_LAYOUTS = { us: 'English (US)', gb: 'English (UK)', de: 'Deutsch', fr: 'Français' } as const;
export type KeyboardLayout = keyof typeof KEYBOARD_LAYOUTS;

const ROW = (prefix: string, keys: string) => Array.from(keys, key => `${prefix}${key}`);
/** Places in the order of the strings below: the digits' row, and the three of letters. */
const PLACES: readonly string[] = [
  'Backquote', ...ROW('Digit', '1234567890'), 'Minus', 'Equal',
  ...ROW('Key', 'QWERTYUIOP'), 'BracketLeft', 'BracketRight', ...ROW('Key', 'ASDFGHJKL'), 'Semicolon', 'Quote', 'Backslash',
  'IntlBackslash', ...ROW('Key', 'ZXCVBNM'), 'Comma', 'Period', 'Slash',
];
/** For each place what it prints plain, with Shift and with AltGr, as Linux's and Windows' layouts agree; ␣ where it is nothing, or a dead key. */
const LEVELS: Readonly<Record<KeyboardLayout, readonly [plain: string, shift: string, altGr: string]>> = {
  us: ['`1234567890-=qwertyuiop[]asdfghjkl;\'\\␣zxcvbnm,./', '~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"|␣ZXCVBNM<>?', ''],
  gb: ['`1234567890-=qwertyuiop[]asdfghjkl;\'#\\zxcvbnm,./', '¬!"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>?', '␣␣␣␣€'],
  de: ['␣1234567890ß␣qwertzuiopü+asdfghjklöä#<yxcvbnm,.-', '°!"§$%&/()=?␣QWERTZUIOPÜ*ASDFGHJKLÖÄ\'>YXCVBNM;:_', '␣␣²³␣␣␣{[]}\\␣@␣€␣␣␣␣␣␣␣␣~␣␣␣␣␣␣␣␣␣␣␣␣|␣␣␣␣␣␣µ'],
  fr: ['²&é"\'(-è_çà)=azertyuiop␣$qsdfghjklmù*<wxcvbn,;:!', '␣1234567890°+AZERTYUIOP␣£QSDFGHJKLM%µ>WXCVBN?./§', '␣␣~#{[|`\\^@]}␣␣€␣␣␣␣␣␣␣␣¤'],
};
const EVERYWHERE: Readonly<Record<string, string>> = { ' ': 'Space', '\n': 'Enter', '\t': 'Tab' };

function strokesOf(layout: KeyboardLayout): ReadonlyMap<string, KeyStroke> {
  const strokes = new Map(Object.entries(EVERYWHERE).map(([char, code]) => [char, { code, shift: false, altGr: false }]));
  LEVELS[layout].forEach((chars, level) => {
    Array.from(chars).forEach((char, at) => { const code = PLACES[at]; if (char !== '␣' && code !== undefined && !strokes.has(char)) strokes.set(char, { code, shift: level === 1, altGr: level === 2 }); });
  });
  return strokes;
}

/** The keys that print a text, and the characters that none does. */
export function strokesFor(text: string, layout: KeyboardLayout): { readonly strokes: readonly KeyStroke[]; readonly missing: readonly string[] } {
  const known = strokesOf(layout), strokes: KeyStroke[] = [], missing = new Set<string>();
  for (const char of text.replaceAll('\r\n', '\n').replaceAll('\r', '\n')) {
    const stroke = known.get(char);
    if (stroke) strokes.push(stroke); else missing.add(char);
  }
  return { strokes, missing: [...missing] };
}
