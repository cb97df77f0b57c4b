/** Keys by their signs and by their places: what a US keyboard types for a keysym is that keysym. */
import { expect, test } from 'vitest';
import { placeOfKeysym } from './keysyms.ts';
import { codeOfScancode } from './scancodes.ts';

/** As `linux/input-event-codes.h` has them. */
const KEY = { esc: 1, one: 2, equal: 13, backspace: 14, q: 16, enter: 28, leftCtrl: 29, grave: 41, leftShift: 42, slash: 53, rightAlt: 100, up: 103, delete: 111, leftMeta: 125, f1: 59, f10: 68, f11: 87, f12: 88, numLock: 69, pause: 119, kpEnter: 96, kp7: 71, kp0: 82, compose: 127 };

test('every printable character has a place of its own, with Shift or without', () => {
  const places = Array.from({ length: 0x7f - 0x20 }, (_, at) => placeOfKeysym(0x20 + at)!).map(({ code, shift }) => `${code} ${shift}`);
  expect(new Set(places).size).toBe(95);
  expect(placeOfKeysym('q'.charCodeAt(0))).toEqual({ code: KEY.q, shift: false, letter: true });
  expect(placeOfKeysym('Q'.charCodeAt(0))).toEqual({ code: KEY.q, shift: true, letter: true });
  expect(placeOfKeysym('!'.charCodeAt(0))).toEqual({ code: KEY.one, shift: true, letter: false });
  expect(placeOfKeysym('+'.charCodeAt(0))).toMatchObject({ code: KEY.equal, shift: true });
  expect(placeOfKeysym('~'.charCodeAt(0))).toMatchObject({ code: KEY.grave, shift: true });
  expect(placeOfKeysym(0x0100_002f)).toMatchObject({ code: KEY.slash, shift: false });
  expect(placeOfKeysym(0xe9)).toBeUndefined();
  expect(placeOfKeysym(0xffff_ffff)).toBeUndefined();
});

test('keys without a character', () => {
  const keysyms = { 0xff1b: KEY.esc, 0xff08: KEY.backspace, 0xff0d: KEY.enter, 0xffe3: KEY.leftCtrl, 0xffe1: KEY.leftShift, 0xffea: KEY.rightAlt, 0xff52: KEY.up, 0xffff: KEY.delete, 0xffeb: KEY.leftMeta, 0xffbe: KEY.f1, 0xffc7: KEY.f10, 0xffc8: KEY.f11, 0xffc9: KEY.f12, 0xff7f: KEY.numLock, 0xff13: KEY.pause, 0xff8d: KEY.kpEnter, 0xffb7: KEY.kp7, 0xffb0: KEY.kp0, 0xff67: KEY.compose };
  expect(Object.keys(keysyms).map(keysym => placeOfKeysym(Number(keysym))?.code)).toEqual(Object.values(keysyms));
});

test('scan codes of a PC keyboard', () => {
  const scancodes = { 0x01: KEY.esc, 0x10: KEY.q, 0x1c: KEY.enter, 0x9c: KEY.kpEnter, 0x57: KEY.f11, 0x58: KEY.f12, 0xb8: KEY.rightAlt, 0xc8: KEY.up, 0xd3: KEY.delete, 0xdb: KEY.leftMeta, 0xdd: KEY.compose, 0x45: KEY.numLock, 0xc6: KEY.pause, 0x47: KEY.kp7 };
  expect(Object.keys(scancodes).map(scancode => codeOfScancode(Number(scancode)))).toEqual(Object.values(scancodes));
  expect(codeOfScancode(0)).toBeUndefined();
  expect(codeOfScancode(0xff)).toBeUndefined();
  expect(codeOfScancode(0x1_0000)).toBeUndefined();
});
