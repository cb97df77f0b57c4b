/**
 * Viewers that others wrote, on an X server whose picture is a file, show what the guest draws: TigerVNC's through TLS, with a
 * password and continuous updates; TightVNC's, whose authors made the encoding, with a password and an update for each request.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { vncResponse } from './rfb/security.ts';
import { TestGuest } from './rfb/test-viewer.ts';
import { DisplayClient, makeCertificate } from './start-display.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => { for (const end of ends.splice(0).reverse()) await end(); });

function start(command: string, args: readonly string[], display: string, stdio: ('ignore' | 'pipe')[] = ['ignore', 'ignore', 'ignore']): ChildProcess {
  const child = spawn(command, args, { stdio, env: { ...process.env, DISPLAY: display } }), ended = once(child, 'exit');
  ends.push(async () => {
    child.kill();
    await ended;
  });
  return child;
}

/** X's own way to hide passwords in files. */
const hidden = (password: string) => vncResponse(Buffer.from(password.padEnd(8, '\0')), '\x17\x52\x6b\x06\x23\x4e\x58\x07');

/** Whether the picture, as X writes windows to files (XWDFile.h), has the guest's somewhere. */
function shows(file: Buffer, guest: TestGuest): boolean {
  if (file.length < 100) return false;
  const start = file.readUInt32BE(0) + file.readUInt32BE(76) * 12, width = file.readUInt32BE(16), height = file.readUInt32BE(20), lineBytes = file.readUInt32BE(48);
  const same = (x: number, y: number) => {
    for (let row = 0; row < guest.height; row++) {
      for (let column = 0; column < guest.width; column++) if ((file.readUInt32LE(start + (y + row) * lineBytes + (x + column) * 4) & 0xff_ffff) !== guest.get(column, row)) return false;
    }
    return true;
  };
  for (let y = 0; y + guest.height <= height; y++) for (let x = 0; x + guest.width <= width; x++) if (same(x, y)) return true;
  return false;
}

const VIEWERS = {
  TigerVNC: { tls: true, command: 'xtigervncviewer', args: (folder: string, port: number) => ['-X509CA', join(folder, 'ca.pem'), '-passwd', join(folder, 'password'), '-AlertOnFatalError=0', '-RemoteResize=0', `localhost::${port}`] },
  TightVNC: { tls: false, command: 'xtightvncviewer', args: (folder: string, port: number) => ['-passwd', join(folder, 'password'), '-encodings', 'tight', '-nojpeg', `localhost::${port}`] },
};

test.each(Object.entries(VIEWERS))('%s shows the guest', { timeout: 60_000 }, async (_, { tls, command, args }) => {
  const folder = await mkdtemp(join(tmpdir(), 'viewer-')), certificate = await makeCertificate('localhost'), guest = new TestGuest(400, 300);
  const display = new DisplayClient({ admit: () => Promise.resolve(undefined), onEvent: () => {} });
  ends.push(() => rm(folder, { recursive: true }), () => display.end(), () => Promise.resolve(guest.off()));
  for (let y = 0; y < 300; y++) for (let x = 0; x < 400; x++) guest.set(x, y, x < 200 ? (x * 255 / 400) << 16 | y << 7 | 1 : Math.imul(x * 401 + y, 0x9e37_79b1) >>> 8);
  await display.attach('vm', guest.port);
  const { port } = await display.listen('vm', { at: { kind: 'tcp', port: 0 }, password: 'geheim', tls }, certificate) as { readonly port: number };
  await writeFile(join(folder, 'ca.pem'), certificate.cert);
  await writeFile(join(folder, 'password'), hidden('geheim'));

  const x = start('Xvfb', ['-displayfd', '1', '-screen', '0', '640x480x24', '-nocursor', '-nolisten', 'tcp', '-fbdir', folder], '', ['ignore', 'pipe', 'ignore']);
  const [number] = await once(x.stdout as Readable, 'data') as [Buffer], viewer = start(command, args(folder, port), `:${number.toString().trim()}`);
  const shown = async () => {
    while (!shows(await readFile(join(folder, 'Xvfb_screen0')), guest)) if (viewer.exitCode !== null) throw new Error(`the viewer ended: ${viewer.exitCode}`);
  };
  await shown();
  for (let y = 0; y < 300; y++) for (let x = 0; x < 400; x++) guest.set(x, y, y < 280 ? guest.get(x, y + 20) : 0x12_3456);
  guest.damage({ x: 0, y: 0, width: 400, height: 300 });
  await shown();
  expect(Object.values(await display.counters())).toMatchObject([{ updates: expect.any(Number) as number }]);
});
