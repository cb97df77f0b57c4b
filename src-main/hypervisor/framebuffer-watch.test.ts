import { expect, test } from 'vitest';
import { FramebufferWatch } from './framebuffer-watch.ts';

const WIDTH = 150, HEIGHT = 40, STRIDE = 4 * WIDTH, OFFSET = 64;

function build() {
  const pixels = new SharedArrayBuffer(OFFSET + STRIDE * HEIGHT), words = new Uint32Array(pixels, OFFSET);
  return { watch: new FramebufferWatch({ pixels, offset: OFFSET, strideBytes: STRIDE, width: WIDTH, height: HEIGHT }), put: (x: number, y: number, colour: number) => { words[y * WIDTH + x] = colour; } };
}

test('what is as it was is nothing', () => {
  const { watch, put } = build();
  expect(watch.changed()).toEqual([]);
  put(3, 3, 1);
  put(3, 3, 0);
  expect(watch.changed()).toEqual([]);
});

test.each([[0, 0, { x: 0, y: 0, width: 64, height: 16 }], [149, 39, { x: 128, y: 32, width: 22, height: 8 }], [64, 16, { x: 64, y: 16, width: 64, height: 16 }]])('a point at %i, %i is found once', (x, y, rect) => {
  const { watch, put } = build();
  put(x, y, 1);
  expect([watch.changed(), watch.changed()]).toEqual([[rect], []]);
});

test('a band of lines is as wide as what changed in it', () => {
  const { watch, put } = build();
  put(70, 2, 1);
  put(149, 15, 1);
  put(0, 16, 1);
  expect(watch.changed()).toEqual([{ x: 64, y: 0, width: 86, height: 16 }, { x: 0, y: 16, width: 64, height: 16 }]);
});
