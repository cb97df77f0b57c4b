import { expect, test } from 'vitest';
import { decode, encode } from './codec.ts';

const roundTrip = (message: unknown) => decode(encode(message).buffer);

test('a message comes back as it was, byte arrays and missing arguments included', () => {
  const message = { args: ['web-01', undefined, null, 1.5, true, new Uint8Array([0, 255]), { nested: [new Uint8Array(), new Uint8Array([7])] }] };
  expect(roundTrip(message)).toEqual(message);
});

test('keys that look like the marks of the format are carried as what they are', () => {
  const message = { $bytes: 3, $undefined: true, $$: 'x' };
  expect(roundTrip(message)).toEqual(message);
});

test('a mark that is written with an escape is a mark all the same', () => {
  const json = new TextEncoder().encode('{"\\u0024undefined":true}');
  expect(decode(new Uint8Array([0, 0, 0, json.length, ...json]).buffer)).toBeUndefined();
});

test('a key named __proto__ changes no prototype', () => {
  const message = roundTrip(JSON.parse('{"__proto__": {"admin": true}}')) as object;
  expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
});

test.each([
  ['text', 'hello', 'The message is not binary.'],
  ['too few bytes for a header', new Uint8Array(3).buffer, 'The message has no header.'],
  ['a length beyond the end', new Uint8Array([0, 0, 0, 9, 123]).buffer, 'The message is shorter than its header says.'],
  ['something else than JSON', new Uint8Array([0, 0, 0, 1, 123]).buffer, 'The message does not hold JSON.'],
  ['bytes that belong to nothing', new Uint8Array([0, 0, 0, 2, 123, 125, 0]).buffer, 'The message is longer than its contents.'],
  ['a negative count', new Uint8Array([0, 0, 0, 13, ...new TextEncoder().encode('{"$bytes":-1}')]).buffer, 'The message lacks some of its bytes.'],
])('refuses %s', (_, data, sentence) => { expect(() => decode(data)).toThrow(sentence); });

test('refuses to send what JSON would change silently', () => {
  expect(() => encode({ mips: NaN })).toThrow('NaN');
  expect(() => encode([1n])).toThrow('cannot carry a bigint');
});
