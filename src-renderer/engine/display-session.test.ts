import { expect, test } from 'vitest';
import { StreamChannel } from './display-session.ts';

test('what comes before somebody listens is heard after the listener is ready, in order, and is counted once it is taken', async () => {
  const taken: number[] = [], heard: number[] = [];
  const channel = new StreamChannel({ send: () => { /* nobody hears */ }, taken: bytes => { taken.push(bytes); }, close: () => { /* nothing is held */ } });
  let ready = false;
  channel.receive(Uint8Array.of(1));
  channel.receive(Uint8Array.of(2, 2));
  channel.onmessage = ({ data }) => {
    expect(ready).toBe(true);
    heard.push(new Uint8Array(data)[0] ?? 0);
    if (heard.length === 1) channel.receive(Uint8Array.of(4, 4, 4, 4));
  };
  channel.receive(Uint8Array.of(3, 3, 3));
  ready = true;
  expect([heard, taken]).toEqual([[], []]);
  await Promise.resolve();
  expect(heard).toEqual([1, 2, 3, 4]);
  expect(taken).toEqual([1, 2, 3, 4]);
  channel.receive(Uint8Array.of(5));
  expect(heard).toEqual([1, 2, 3, 4, 5]);
});
