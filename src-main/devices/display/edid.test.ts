import { expect, test } from 'vitest';
import { edid, reducedBlanking } from './edid.ts';

const mode = (width: number, height: number) => ({ width, height, widthMm: Math.round(width * 25.4 / 96), heightMm: Math.round(height * 25.4 / 96) });

/** As modelines have them: clock, then where sync begins and ends, and the total, of both axes. */
const modeline = (width: number, height: number) => {
  const { clockMhz, horizontal: h, vertical: v } = reducedBlanking(width, height);
  return [clockMhz, ...[h, v].flatMap(({ active, front, sync, total }) => [active, active + front, active + front + sync, total])];
};

test.each([
  // VESA DMT 1.13, the timings with reduced blanking.
  [71, 1280, 1328, 1360, 1440, 800, 803, 809, 823],
  [101, 1400, 1448, 1480, 1560, 1050, 1053, 1057, 1080],
  [154, 1920, 1968, 2000, 2080, 1200, 1203, 1209, 1235],
  [268.5, 2560, 2608, 2640, 2720, 1600, 1603, 1609, 1646],
  // What VESA's spreadsheet makes of it.
  [138.5, 1920, 1968, 2000, 2080, 1080, 1083, 1088, 1111],
])('reduced blanking is as in the standard: %d MHz, %d', (...expected) => {
  expect(modeline(expected[1], expected[5])).toEqual(expected);
});

/** Reads a detailed timing back. */
const preferred = (bytes: Uint8Array) => {
  const at = (n: number) => bytes[54 + n]!;
  return { clock: at(0) | at(1) << 8, width: at(2) | at(4) >> 4 << 8, hBlank: at(3) | (at(4) & 15) << 8, height: at(5) | at(7) >> 4 << 8, vBlank: at(6) | (at(7) & 15) << 8, widthMm: at(12) | at(14) >> 4 << 8, heightMm: at(13) | (at(14) & 15) << 8 };
};

test.each([[320, 200], [390, 844], [1280, 800], [1367, 769], [4095, 200], [320, 4095], [4095, 4095]])('a panel of %i by %i says so, with a sum of zero and a rate of at most 60 Hz', (width, height) => {
  const bytes = edid(mode(width, height), 0), { clock, hBlank, vBlank, ...said } = preferred(bytes);
  expect(said).toEqual(mode(width, height));
  expect(bytes.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0);
  const rate = clock * 10_000 / (width + hBlank) / (height + vBlank);
  expect([rate <= 60, rate > (width * height > 3840 * 2400 ? 30 : 58), bytes[95]! <= rate, bytes[96]! >= rate, bytes[99]! * 1e7 >= clock * 10_000]).toEqual([true, true, true, true, true]);
});

test('maker, version, name and number are there', () => {
  const bytes = edid(mode(1280, 800), 2), code = bytes[8]! << 8 | bytes[9]!;
  expect([10, 5, 0].map(shift => String.fromCharCode(64 + (code >> shift & 31))).join('')).toBe('QDK');
  expect([bytes[18], bytes[19], bytes[12], bytes[126]]).toEqual([1, 4, 3, 0]);
  expect([bytes[35], bytes[36], bytes[38]]).toEqual([0x21, 0x08, 1]);
  expect([bytes[75], new TextDecoder().decode(bytes.subarray(77, 90))]).toEqual([0xfc, 'Quarterdeck\n ']);
});

test('sizes that no field can hold, or that are none, are brought into it', () => {
  expect(preferred(edid({ width: 1e6, height: NaN, widthMm: -5, heightMm: Infinity }, 0))).toMatchObject({ width: 4095, height: 1, widthMm: 1, heightMm: 4095 });
});
