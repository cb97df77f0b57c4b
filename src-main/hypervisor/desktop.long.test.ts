/** Debian's X server, unmodified, on a display: what it draws is seen, it is typed and pointed at, and it follows another client's screen. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { debianDisk, type DebianDisk } from '../../scripts/debian-disk.ts';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { USUAL_DISPLAY } from '../../shared/model/display.ts';
import { createImage } from '../storage/image-operations.ts';
import { GuestSession } from './guest-session.ts';
import { ScreenClient } from './screen-client.ts';

const MINUTES = 60_000;
const PROMPT = ':~# ';
const BLUE = 0x33_66cc;

let desktop: DebianDisk, folder: string, session: GuestSession | undefined;
beforeAll(async () => { desktop = await debianDisk('desktop'); }, 60 * MINUTES);
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')); });
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(`The console's last lines:\n${session?.lastLines()}`);
  await session?.vm.terminate();
  await rm(folder, { recursive: true });
});

test('an X server shows a terminal, takes keys, pointer and fingers, and takes the size of the next client while the terminal lives on', async () => {
  const { kernel, initrd } = await fetchGuests('generic'), path = join(folder, 'overlay.qcow2');
  await createImage(path, { format: 'qcow2', backingFile: desktop.disk, backingFormat: 'raw' });
  const guest = session = new GuestSession({
    cpus: 2, memoryMib: 1024, display: USUAL_DISPLAY, disks: [{ path, readOnly: false, bus: 'virtio' }],
    guest: { kind: 'linux', kernelPath: kernel, initrdPath: initrd, commandLine: 'console=ttyAMA0 quiet root=/dev/vda rw' },
  });
  const screen = new ScreenClient(guest.vm.screen!), shell = (command: string) => guest.run(command, PROMPT), until = (condition: string) => shell(`until ${condition}; do sleep 0.1; done`);
  const size = () => { const surface = screen.surfaces.get(0); return surface && `${surface.width}x${surface.height}`; };
  screen.watch();
  await guest.expect('login: ');
  guest.type('root');
  await guest.expect(PROMPT);
  guest.type('bind "set enable-bracketed-paste off"');
  await guest.expect(PROMPT);
  await shell('export DISPLAY=:0; { Xorg :0 -noreset -nolisten tcp vt7 > /tmp/x.log 2>&1 & }');
  await until('xset q > /dev/null 2>&1');
  expect(await shell('xrandr | grep -o "current 1280 x 800"')).toBe('current 1280 x 800');
  expect((await shell('xinput list --name-only')).split(/\r?\n/)).toEqual(expect.arrayContaining(['Quarterdeck Keyboard', 'Quarterdeck Tablet']));

  await shell(`xsetroot -solid "#${BLUE.toString(16)}"`);
  const corner = () => screen.pixels(0, { x: 0, y: 0, width: 8, height: 8 });
  await screen.until(() => size() === '1280x800' && corner().every(colour => colour === BLUE));
  // It has the keyboard where the pointer is, as there is no window manager.
  await shell('{ xterm -geometry 40x10+20+20 -e sh -c "read line; echo \\$line > /tmp/typed; exec sh" & }; xterm=$!');
  screen.say({ kind: 'pointer', head: 0, x: 100, y: 100, buttons: 0 });
  await screen.until(() => screen.cursors.has(0) && screen.pixels(0, { x: 40, y: 40, width: 4, height: 4 }).some(colour => colour !== BLUE));
  screen.type('hallo\r');
  await until('grep -q hallo /tmp/typed');

  screen.configure('touch', [390, 844]);
  await until('xrandr | grep -q "^  *390x844.*+"');
  await until('xinput list --name-only | grep -q "Quarterdeck Touchscreen"');
  // As desktops do when the server tells them of it.
  await shell('xrandr --output Virtual-1 --auto');
  await screen.until(() => size() === '390x844' && corner().every(colour => colour === BLUE));
  expect(await shell('kill -0 $xterm && xrandr | grep -o "current 390 x 844"')).toBe('current 390 x 844');
  expect(await shell('dmesg | grep -iE "virtio.*(error|fail)|response 0x12"')).toBe('');
}, 5 * MINUTES);
