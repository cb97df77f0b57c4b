/** Keys that a browser or a desktop keeps for itself, and those of the keys on screen. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';

export interface Chord { readonly label: Phrase | string; readonly codes: readonly string[] }

const CONSOLES = [1, 2, 3, 4, 5, 6, 7];
export const CHORDS: readonly Chord[] = [
  { label: 'Ctrl+Alt+Del', codes: ['ControlLeft', 'AltLeft', 'Delete'] },
  { label: 'Ctrl+Alt+Backspace', codes: ['ControlLeft', 'AltLeft', 'Backspace'] },
  ...CONSOLES.map(n => ({ label: `Ctrl+Alt+F${n}`, codes: ['ControlLeft', 'AltLeft', `F${n}`] })),
  { label: 'Alt+Tab', codes: ['AltLeft', 'Tab'] }, { label: 'Alt+F4', codes: ['AltLeft', 'F4'] }, { label: 'Ctrl+W', codes: ['ControlLeft', 'KeyW'] },
  { label: say`Super##the key`, codes: ['MetaLeft'] }, { label: say`Print Screen##the key`, codes: ['PrintScreen'] }, { label: say`Escape##the key`, codes: ['Escape'] },
];

const letters = (keys: string) => Array.from(keys, key => ({ label: key.toLowerCase(), code: `Key${key}` }));
/** A key that is held while others are pressed stays down until it is pressed again. */
export interface ScreenKey { readonly label: string; readonly code: string; readonly held?: true; readonly wide?: true }
/** By the places of a US keyboard. */
export const SCREEN_KEYS: readonly (readonly ScreenKey[])[] = [
  [{ label: 'Esc', code: 'Escape' }, ...Array.from({ length: 12 }, (_, n) => ({ label: `F${n + 1}`, code: `F${n + 1}` })), { label: 'Del', code: 'Delete' }],
  [{ label: '`', code: 'Backquote' }, ...Array.from('1234567890', key => ({ label: key, code: `Digit${key}` })), { label: '-', code: 'Minus' }, { label: '=', code: 'Equal' }, { label: '⌫', code: 'Backspace', wide: true }],
  [{ label: 'Tab', code: 'Tab', wide: true }, ...letters('QWERTYUIOP'), { label: '[', code: 'BracketLeft' }, { label: ']', code: 'BracketRight' }, { label: '\\', code: 'Backslash' }],
  [{ label: 'Caps', code: 'CapsLock', wide: true }, ...letters('ASDFGHJKL'), { label: ';', code: 'Semicolon' }, { label: '\'', code: 'Quote' }, { label: '⏎', code: 'Enter', wide: true }],
  [{ label: 'Shift', code: 'ShiftLeft', held: true, wide: true }, ...letters('ZXCVBNM'), { label: ',', code: 'Comma' }, { label: '.', code: 'Period' }, { label: '/', code: 'Slash' }, { label: '↑', code: 'ArrowUp' }],
  [{ label: 'Ctrl', code: 'ControlLeft', held: true }, { label: 'Super', code: 'MetaLeft', held: true }, { label: 'Alt', code: 'AltLeft', held: true }, { label: ' ', code: 'Space', wide: true }, { label: 'AltGr', code: 'AltRight', held: true }, { label: '←', code: 'ArrowLeft' }, { label: '↓', code: 'ArrowDown' }, { label: '→', code: 'ArrowRight' }],
];
