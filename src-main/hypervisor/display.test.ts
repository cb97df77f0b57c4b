/** Debian's real kernel with a display: its console in pixels, its keyboard, what it points with, and sizes that change. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchGuests, type KernelFlavour } from '../../scripts/fetch-guests.ts';
import { USUAL_DISPLAY } from '../../shared/model/display.ts';
import type { Rect } from '../display/screen-messages.ts';
import { GuestSession } from './guest-session.ts';
import { ScreenClient } from './screen-client.ts';
import type { VmLaunch } from './vm-launch.ts';

const MINUTES = 60_000;
const GREY = 0xaa_aaaa, CELL = { width: 8, height: 16 } as const;
const cell = (column: number, line: number): Rect => ({ x: column * CELL.width, y: line * CELL.height, ...CELL });

let folder: string, session: GuestSession, screen: ScreenClient;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-display-')); });
afterEach(async () => {
  await session.vm.terminate();
  await rm(folder, { recursive: true });
});

function start(launch: Partial<VmLaunch>) {
  session = new GuestSession(launch);
  screen = new ScreenClient(session.vm.screen!);
  screen.watch();
}

async function launchOf(flavour: KernelFlavour, more: Partial<VmLaunch> = {}): Promise<Partial<VmLaunch>> {
  const guest = await fetchGuests(flavour);
  return { guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' }, display: { ...USUAL_DISPLAY, heads: 2 }, cpus: 2, memoryMib: 512, ...more };
}

/** A block in the upper left corner of the console, a space, and a block. */
const drawBlocks = () => session.run('printf "\\033[2J\\033[H\\033[?25l\\342\\226\\210 \\342\\226\\210" > /dev/tty1');
const showsBlocks = () => [0, 1, 2].every(column => { const pixels = screen.pixels(0, cell(column, 0)); return pixels.length > 0 && pixels.every(colour => colour === (column === 1 ? 0 : GREY)); });
const size = (head: number) => { const surface = screen.surfaces.get(head); return surface && [surface.width, surface.height]; };
/** Waits in the guest. */
const until = (condition: string) => session.run(`until ${condition}; do sleep 0.1; done`);
const connector = (head: number) => `/sys/class/drm/card0-Virtual-${head + 1}`;
const names = async () => (await session.run('grep -h Name= /proc/bus/input/devices')).split(/\r?\n/).filter(line => line.includes('Quarterdeck')).map(line => /"Quarterdeck (.*)"/.exec(line)?.[1]).sort();
/** Its modes as a desktop sees them: the console's own probing leaves out what is larger than the framebuffer that it has. */
const firstMode = (head: number) => `echo detect > ${connector(head)}/status; head -1 ${connector(head)}/modes`;
/** Follows what comes out of the device of this name, which is open before there is a file. */
const follow = async (name: string) => {
  await session.run(`dev=$(grep -l "${name}" /sys/class/input/event*/device/name | cut -d/ -f5)`);
  session.type('rm -f /tmp/events; cat < /dev/input/$dev > /tmp/events & until [ -e /tmp/events ]; do sleep 0.1; done');
  await session.expect('# ');
};
/** Type, code and value of each event so far, reports apart. */
const reports = async () => {
  const bytes = Buffer.from((await session.run('xxd -p /tmp/events')).replace(/\s/g, ''), 'hex'), all: number[][][] = [[]];
  for (let at = 0; at + 24 <= bytes.length; at += 24) {
    const event = [bytes.readUInt16LE(at + 16), bytes.readUInt16LE(at + 18), bytes.readInt32LE(at + 20)];
    if (event[0] === 0) all.push([]); else all.at(-1).push(event);
  }
  return all.slice(0, -1);
};

test.each<KernelFlavour>(['generic', 'generic-6.12'])('%s: the console is seen, heads and pointers follow their configuration, input arrives whole, and all of it outlives a suspend', async flavour => {
  const launch = await launchOf(flavour), path = join(folder, 'vm.state');
  start(launch);
  await session.expect('# ');
  await session.run('stty cols 1000');
  await screen.until(() => screen.surfaces.has(0));
  expect([size(0), screen.configuration]).toEqual([[1280, 800], { heads: [{ width: 1280, height: 800, widthMm: 339, heightMm: 212 }], pointer: 'mouse' }]);
  expect(await session.run(`head -1 ${connector(0)}/modes; cat ${connector(0)}/status ${connector(1)}/status`)).toBe('1280x800\r\nconnected\r\ndisconnected');
  expect(await names()).toEqual(['Keyboard', 'Tablet']);
  await drawBlocks();
  await screen.until(showsBlocks);

  // A key goes to a shell on the console, and what it prints can be seen.
  session.type('setsid sh -c "exec sh < /dev/tty1 > /dev/tty1 2>&1" &');
  await session.expect('# ');
  screen.type('echo typed > /tmp/typed\r');
  await until('grep -q typed /tmp/typed');

  await follow('Quarterdeck Tablet');
  screen.say({ kind: 'pointer', head: 0, x: 640, y: 400, buttons: 0b101, wheelY: 1 });
  screen.say({ kind: 'pointer', head: 0, x: 640, y: 400, buttons: 0 });
  await until('[ $(wc -c < /tmp/events) -ge 216 ]');
  expect((await reports()).map(report => report.slice().sort(([a], [b]) => a! - b!))).toEqual([[[1, 0x110, 1], [1, 0x111, 1], [2, 11, -120], [2, 8, -1], [3, 0, 16396], [3, 1, 16404]], [[1, 0x110, 0], [1, 0x111, 0]]]);

  screen.configure('mouse', [1920, 1080]);
  await until(`[ "$(${firstMode(0)})" = 1920x1080 ]`);
  screen.configure('touch', [390, 844]);
  await until(`[ "$(${firstMode(0)})" = 390x844 ]`);
  // The console's framebuffer is less high than that, so that it takes what else the monitor can show.
  await screen.until(() => size(0)?.[0] === 1024);
  // Another change while the guest is in the middle of the one before.
  await until('! grep -q "Quarterdeck Tablet" /proc/bus/input/devices');
  screen.configure('mouse', [390, 844]);
  await until('grep -q "Quarterdeck Tablet" /proc/bus/input/devices');
  screen.configure('touch', [390, 844]);
  await until('grep -q "Quarterdeck Touchscreen" /proc/bus/input/devices');
  expect(await names()).toEqual(['Keyboard', 'Touchscreen']);
  await follow('Quarterdeck Touchscreen');
  screen.say({ kind: 'touch', head: 0, fingers: [{ id: 5, x: 0, y: 0 }, { id: 6, x: 100, y: 200 }] });
  screen.say({ kind: 'touch', head: 0, fingers: [] });
  await until('[ $(wc -c < /tmp/events) -ge 360 ]');
  const [down, up] = await reports();
  // The kernel leaves out that it begins with slot 0.
  expect([down!.map(([, code]) => code).filter(code => code! > 1), up]).toEqual([[0x39, 0x35, 0x36, 0x2f, 0x39, 0x35, 0x36, 0x14a], [[3, 0x2f, 0], [3, 0x39, -1], [3, 0x2f, 1], [3, 0x39, -1], [1, 0x14a, 0]]]);

  // Back at once, and with two heads.
  screen.configure('mouse', [1280, 800], [640, 480]);
  await until(`[ "$(${firstMode(1)})" = 640x480 ] && [ "$(cat ${connector(1)}/status)" = connected ]`);
  await screen.until(() => size(1) !== undefined && size(0)?.[0] === 1280);
  await until('grep -q "Quarterdeck Tablet" /proc/bus/input/devices');

  await drawBlocks();
  await screen.until(showsBlocks);
  const before = [0, 1].map(head => screen.picture(head));
  await session.vm.suspend(path);
  expect(await session.stopped).toEqual({ kind: 'suspended' });
  start({ ...launch, resumeFrom: path });
  screen.configure('touch', [1280, 800]);
  await screen.until(() => screen.damage.length > 0);
  expect([0, 1].map(head => screen.picture(head))).toEqual(before);
  await until(`[ "$(cat ${connector(1)}/status)" = disconnected ]`);
  await until('grep -q "Quarterdeck Touchscreen" /proc/bus/input/devices');
  await session.run('printf "\\033[Hx" > /dev/tty1');
  await screen.until(() => new Set(screen.pixels(0, cell(0, 0))).size === 2);
  expect(await session.run('dmesg | grep -iE "virtio.*(error|fail)|response 0x12"')).toBe('');
  session.vm.reset();
  await screen.until(() => !screen.surfaces.has(0));
  await session.expect('# ');
  await screen.until(() => size(0)?.[0] === 1280);
  expect(await names()).toEqual(['Keyboard', 'Touchscreen']);
}, 5 * MINUTES);

test('a framebuffer shows the kernel from early on, what is drawn to it is seen, and a tablet and a keyboard are there', async () => {
  const launch = await launchOf('generic', { display: { ...USUAL_DISPLAY, adapter: 'framebuffer', fixedSize: { width: 640, height: 400 } }, memoryMib: 256 }), path = join(folder, 'vm.state');
  const { guest } = launch as { guest: { kind: 'linux'; kernelPath: string; initrdPath: string; commandLine: string } };
  // The initrd's first lines are seconds later.
  start({ ...launch, guest: { ...guest, commandLine: 'console=tty0 console=ttyAMA0' } });
  await screen.until(() => screen.damage.length > 1 && screen.picture(0).includes(GREY));
  expect([size(0), screen.configuration?.heads.length]).toEqual([[640, 400], 1]);
  await session.expect('Run /init as init process');
  await session.expect('# ');
  await session.run('stty cols 1000');
  expect(await names()).toEqual(['Keyboard', 'Tablet']);
  await drawBlocks();
  await screen.until(showsBlocks);
  expect(await session.run('cat /sys/class/graphics/fb0/name /sys/class/graphics/fb0/virtual_size')).toBe('simple\r\n640,400');
  const before = screen.picture(0), { length } = screen.damage;
  screen.configure('mouse', [1024, 768]);
  await session.run('printf "\\033[3;3H\\342\\226\\210" > /dev/tty1');
  await screen.until(() => screen.pixels(0, cell(2, 2)).every(colour => colour === GREY));
  expect(screen.damage.slice(length).every(({ rects }) => rects.every(({ y, height }) => y + height <= 400))).toBe(true);
  await session.run('printf "\\033[3;3H " > /dev/tty1');
  await screen.until(() => screen.pixels(0, cell(2, 2)).every(colour => colour === 0));
  await session.vm.suspend(path);
  start({ ...launch, resumeFrom: path });
  await screen.until(() => screen.damage.length > 0);
  expect([size(0), screen.picture(0)]).toEqual([[640, 400], before]);
}, 3 * MINUTES);
