import { expect, test } from 'vitest';
import { KEYBOARD_LAYOUTS, strokesFor, type KeyboardLayout } from './keyboard-layouts.ts';

const codes = (text: string, layout: KeyboardLayout) => strokesFor(text, layout).strokes.map(({ code, shift, altGr }) => `${shift ? 'Shift+' : ''}${altGr ? 'AltGr+' : ''}${code}`);

test('the same text is other keys on another layout', () => {
  expect(codes('yz@A', 'us')).toEqual(['KeyY', 'KeyZ', 'Shift+Digit2', 'Shift+KeyA']);
  expect(codes('yz@A', 'de')).toEqual(['KeyZ', 'KeyY', 'AltGr+KeyQ', 'Shift+KeyA']);
  expect(codes('az@A1', 'fr')).toEqual(['KeyQ', 'KeyW', 'AltGr+Digit0', 'Shift+KeyQ', 'Shift+Digit1']);
});

test('what programmers type is on each layout, but for dead keys, which are told', () => {
  for (const layout of Object.keys(KEYBOARD_LAYOUTS) as KeyboardLayout[]) {
    const { missing } = strokesFor('abc XYZ 0189 {}[]()<>|\\/@#$%&*+-=_.,:;!?"\'~\t\r\n', layout);
    expect([layout, missing]).toEqual([layout, []]);
  }
  expect(strokesFor('ünï', 'us').missing).toEqual(['ü', 'ï']);
});

test('ends of lines are Enter, however they are written', () => { expect(codes('a\r\nb\rc\n', 'us')).toEqual(['KeyA', 'Enter', 'KeyB', 'Enter', 'KeyC', 'Enter']); });
