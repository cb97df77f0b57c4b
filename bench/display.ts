/**
 * `npm run bench -- --only display`: a guest that draws 1280 × 800 pixels anew as fast as it can, and one that draws a square for each
 * key, seen by the same RFB client through our server and QEMU's, in turns. Frames are those that the client got; a key's time is
 * from its message until the square has changed at the client.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from '../scripts/build.ts';
import { fetchGuests } from '../scripts/fetch-guests.ts';
import { freePort } from '../scripts/free-port.ts';
import { Encoding } from '../src-main/display/rfb/protocol.ts';
import { TestViewer } from '../src-main/display/rfb/test-viewer.ts';
import { buildProgramGuest } from './build-guest.ts';
import { qemu, QEMU_SETTINGS, quarterdeck, QUARTERDECK_SETTINGS, saying, type Side } from './guest-run.ts';
import { table, type Measurement } from './report.ts';

const FRAMES_MS = 5000, KEYS = 60, KEYSYM_A = 0x61, SQUARE_PIXEL = 10;
const COMMAND_LINE = 'console=ttyAMA0 quiet nokaslr video=1280x800';
const ENCODINGS = [Encoding.tight, Encoding.zrle, Encoding.raw, Encoding.compressionLevel0 + 1];

const FRAMES = { name: 'frames', title: 'frames of 1280 × 800, time of each at the client', unit: 'ms' } as const;
const KEY = { name: 'key', title: 'from a key to its pixels at the client', unit: 'ms' } as const;

const argsOf = (side: Side, { kernel, initrd, port }: { readonly kernel: string; readonly initrd: string; readonly port: number }): readonly string[] => (side === quarterdeck
  ? ['run', ...QUARTERDECK_SETTINGS, '--vnc', String(port), '--kernel', kernel, '--initrd', initrd, '--append', COMMAND_LINE]
  : [...QEMU_SETTINGS.filter(word => word !== '-nographic'), '-vnc', `127.0.0.1:${port - 5900}`, '-device', 'virtio-gpu-pci,xres=1280,yres=800', '-device', 'virtio-keyboard-pci', '-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE]);

/** What the client sees of one workload of the guest. */
async function seen<T>(side: Side, guest: { readonly kernel: string; readonly initrd: string }, workload: 'frames' | 'keys', look: (viewer: TestViewer) => Promise<T>): Promise<T> {
  const port = await freePort(), child = spawn(side.command, argsOf(side, { ...guest, port }), { stdio: ['pipe', 'pipe', 'ignore'] }), says = saying(child);
  try {
    await says('# ');
    child.stdin.write(`/bench/display ${workload}\r`);
    await says('ready 1280 800');
    const viewer = await TestViewer.connect(connect({ host: '127.0.0.1', port, noDelay: true }), { encodings: ENCODINGS, greedy: true });
    await viewer.until(() => viewer.updates > 0);
    return await look(viewer);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
}

async function frameMs(viewer: TestViewer): Promise<number> {
  let frames = 0, last = viewer.pixels[0];
  const from = performance.now();
  await viewer.until(() => {
    if (viewer.pixels[0] !== last) { frames++; last = viewer.pixels[0]; }
    return performance.now() - from >= FRAMES_MS;
  });
  return (performance.now() - from) / frames;
}

async function keyMs(viewer: TestViewer): Promise<number[]> {
  const times: number[] = [], at = SQUARE_PIXEL * viewer.width + SQUARE_PIXEL;
  const key = (down: boolean) => { const bytes = Buffer.alloc(8); bytes[0] = 4; bytes[1] = Number(down); bytes.writeUInt32BE(KEYSYM_A, 4); viewer.send(bytes); };
  for (let n = 0; n < KEYS; n++) {
    const before = viewer.pixels[at], from = performance.now();
    key(true);
    await viewer.until(() => viewer.pixels[at] !== before);
    times.push(performance.now() - from);
    key(false);
  }
  return times.sort((a, b) => a - b);
}

export async function benchDisplay(runs: number): Promise<number> {
  await build();
  const peer = spawnSync(qemu.command, ['--version']).status === 0, folder = await mkdtemp(join(tmpdir(), 'quarterdeck-display-bench-'));
  const frames = { ours: [] as number[], peer: [] as number[] }, keys = { ours: [] as number[], peer: [] as number[] };
  try {
    const debian = await fetchGuests('generic'), guest = { kernel: debian.kernel, initrd: await buildProgramGuest(folder, debian.initrd, join(import.meta.dirname, 'guest-display/display.c')) };
    for (let run = 0; run < runs; run++) {
      for (const side of peer ? [quarterdeck, qemu] : [quarterdeck]) {
        const into = side === quarterdeck ? 'ours' : 'peer';
        frames[into].push(await seen(side, guest, 'frames', frameMs));
        const times = await seen(side, guest, 'keys', keyMs);
        keys[into].push(times[times.length >> 1]!);
      }
    }
    const measured: Measurement[] = [{ row: FRAMES, ...frames, wrong: false }, { row: KEY, ...keys, wrong: false }];
    console.log(`- Ours: ${argsOf(quarterdeck, { kernel: 'Image', initrd: 'initrd.gz', port: 5901 }).join(' ')}\n- Peer: ${qemu.command} ${argsOf(qemu, { kernel: 'Image', initrd: 'initrd.gz', port: 5901 }).join(' ')}\n- The client asks for Tight, ZRLE and Raw without loss, compression level 1, and for the next update as soon as it has one.\n\n${table(measured)}`);
    return 0;
  } finally { await rm(folder, { recursive: true }); }
}
