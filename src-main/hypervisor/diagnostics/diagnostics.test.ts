import { afterEach, expect, test } from 'vitest';
import { GuestSession } from '../guest-session.ts';

let session: GuestSession | undefined;
afterEach(() => session?.vm.terminate());

test('the diagnostics guest says what it runs on, passes its tests and powers off', async () => {
  session = new GuestSession({ memoryMib: 192 });
  const banner = await session.expect('diag> ');
  expect(banner).toContain('fp asimd crc32 atomics');
  expect(banner).toContain('192 MiB');
  expect(banner).toContain('Memory test, 8 MiB: passed');
  expect(Number(/took (\d+) us/.exec(banner)?.[1])).toBeGreaterThanOrEqual(200_000);
  session.type('frobnicate');
  await session.expect('frobnicate: no such command');
  session.type('off');
  expect(await session.stopped).toEqual({ kind: 'poweredOff' });
});

test('a guest that resets itself starts again', async () => {
  session = new GuestSession({});
  await session.expect('diag> ');
  session.type('reboot');
  await session.expect('Quarterdeck diagnostics');
  await session.expect('diag> ');
  expect(session.resets).toBe(1);
});

test('a guest that resets itself ends when it is told to', async () => {
  session = new GuestSession({}, { stopOnReset: true });
  await session.expect('diag> ');
  session.type('reboot');
  expect(await session.stopped).toEqual({ kind: 'reset' });
});

test('an image that cannot be read stops the VM with a sentence', async () => {
  session = new GuestSession({ guest: { kind: 'binary', imagePath: '/nowhere/at-all' } });
  expect(await session.stopped).toMatchObject({ kind: 'failed', message: expect.stringContaining('/nowhere/at-all cannot be read') as string });
});
