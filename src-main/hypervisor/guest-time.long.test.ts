/** Debian with four CPUs in parallel, whose time is scaled and catches up, against the host's own clock. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cpio, directory, file } from '../../scripts/cpio.ts';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { USUAL_TIME, type GuestTimeSpec } from '../../shared/model/guest-time.ts';
import { GuestSession } from './guest-session.ts';
import type { VmLaunch } from './vm-launch.ts';

const MINUTES = 60_000, HOST_SECONDS = 60;
/** Of Debian's kernel. */
const HZ = 250;
let folder: string, session: GuestSession | undefined;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-time-')); });
afterEach(async () => { await session?.vm.terminate(); await rm(folder, { recursive: true }); });

async function launchOf(time: Partial<GuestTimeSpec>): Promise<Partial<VmLaunch>> {
  const guest = await fetchGuests('cloud'), program = join(folder, 'clocks'), initrdPath = join(folder, 'initrd.gz');
  await promisify(execFile)('aarch64-linux-gnu-gcc', ['-O2', '-static', '-s', '-pthread', join(import.meta.dirname, 'guest-time-clocks.c'), '-o', program]);
  await writeFile(initrdPath, Buffer.concat([await readFile(guest.initrd), gzipSync(cpio([directory('time'), file('time/clocks', await readFile(program), 0o755)]))]));
  return { guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath, commandLine: 'console=ttyAMA0 quiet' }, cpus: 4, memoryMib: 512, time: { ...USUAL_TIME, ...time } };
}

async function booted(launch: Partial<VmLaunch>): Promise<GuestSession> {
  session = new GuestSession(launch);
  await session.expect('# ');
  return session;
}

/** Seconds by the monotonic clock and by jiffies, of one moment, and by the host's clock when that was told; then by `date`. */
async function clocks(guest: GuestSession) {
  const text = await guest.run('grep -m2 -E "now at|^jiffies" /proc/timer_list'), host = performance.now() / 1000, of = (what: RegExp) => Number(what.exec(text)?.[1]);
  return { host, monotonic: of(/now at (\d+)/) / 1e9, jiffies: of(/jiffies: (\d+)/) / HZ, date: Number(await guest.run('date +%s')) };
}
type Clocks = Awaited<ReturnType<typeof clocks>>;
const since = (before: Clocks, { host, monotonic, jiffies, date }: Clocks): Clocks => ({ host: host - before.host, monotonic: monotonic - before.monotonic, jiffies: jiffies - before.jiffies, date: date - before.date });

const wait = (seconds: number) => new Promise(resolve => { setTimeout(resolve, seconds * 1000); });

test.each([{ rate: 2, scaling: true }, { rate: 0.1, scaling: true }, { rate: 1, scaling: false }])(`$rate times as many seconds pass in ${HOST_SECONDS} of the host, by all of Linux's clocks (scaling: $scaling)`, async ({ rate, scaling }) => {
  const guest = await booted(await launchOf({ scaling, rate }));
  await clocks(guest);
  const before = await clocks(guest);
  await wait(HOST_SECONDS);
  const { host, monotonic, jiffies, date } = since(before, await clocks(guest));
  expect([monotonic / host / rate, jiffies / host / rate]).toEqual([expect.closeTo(1, 2.7), expect.closeTo(1, 2.7)]);
  expect(Math.abs(date - host * rate)).toBeLessThan(1.5);
  const slept = performance.now();
  await guest.run(`sleep ${HOST_SECONDS * rate}`);
  expect(Math.abs((performance.now() - slept) / 1000 / HOST_SECONDS - 1)).toBeLessThan(0.005);
}, 5 * MINUTES);

test('no clock goes back and none steps while the rate changes, and on another host whose counter has another frequency', async () => {
  const launch = await launchOf({ scaling: true }), path = join(folder, 'vm.state');
  let guest = await booted(launch);
  guest.type('/time/clocks 40');
  for (const rate of [2, 0.5, 7, 0.3, 1]) {
    await wait(1);
    await guest.vm.changeTime({ rate });
  }
  await wait(1);
  await guest.vm.suspend(path);
  guest = session = new GuestSession({ ...launch, counterHz: 24_000_000, resumeFrom: path });
  const [, cpus, reads, backward, step] = /cpus (\d+) reads (\d+) backward (\d+) step (\d+)/.exec(await guest.expect(/step \d+\r\n/)) ?? [];
  expect([cpus, backward]).toEqual(['4', '0']);
  expect(Number(reads)).toBeGreaterThan(10_000);
  // A step of the clock would be one on every CPU.
  expect(Number(step)).toBeLessThan(100e6);
}, 5 * MINUTES);

test('a guest that was frozen stays behind where it is not to catch up', async () => {
  const guest = await booted(await launchOf({})), before = await clocks(guest);
  await guest.vm.snapshot({ layers: [] }, () => wait(5) as Promise<void>);
  const { host, monotonic } = since(before, await clocks(guest));
  expect(host - monotonic).toBeGreaterThan(4.9);
}, 5 * MINUTES);

test('a guest that was frozen catches up without an exit, and its ticks with its counter', async () => {
  const guest = await booted(await launchOf({ afterStop: 'catchUp' })), before = await clocks(guest);
  await guest.vm.snapshot({ layers: [] }, () => wait(5) as Promise<void>);
  const factors: number[] = [];
  for (let n = 0; n < 40; n++) {
    factors.push((await guest.vm.stats()).time.factor);
    const { monotonic, jiffies } = since(before, await clocks(guest));
    expect(Math.abs(jiffies - monotonic)).toBeLessThan(3 / HZ);
    await wait(0.1);
  }
  const { host, monotonic } = since(before, await clocks(guest)), { time } = await guest.vm.stats();
  expect(factors).toContain(1);
  expect(Math.max(...factors)).toBeGreaterThan(1.9);
  expect(Math.abs(monotonic - host)).toBeLessThan(0.03);
  expect(time).toMatchObject({ factor: 1, catchUps: 1, traps: 0 });
}, 5 * MINUTES);
