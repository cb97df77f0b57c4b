/** Display per session, on Debian's kernel: what it has of display and input follows the client, and it stands still between sessions. */
import type { Browser, BrowserContextOptions, Page } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { Display } from '../pages/display.ts';
import { EditSettings } from '../pages/edit-settings.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import type { Terminal } from '../pages/terminal.ts';
import { VmPage } from '../pages/vm-page.ts';

const BOOT_MS = 180_000;
const DESKTOP: BrowserContextOptions = { viewport: { width: 1920, height: 1080 } };
const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** Its connector's first mode, detected anew. */
const MODE = 'echo detect > /sys/class/drm/card0-Virtual-1/status; head -n 1 /sys/class/drm/card0-Virtual-1/modes';
const DEVICE = (name: string) => `/dev/input/$(grep -l "Quarterdeck ${name}" /sys/class/input/event*/device/name | cut -d/ -f5)`;

/** Another client of the same engine, with the VM's display alone in its window. */
async function clientOf(page: Page, options: BrowserContextOptions): Promise<Page> {
  const context = await (page.context().browser() as Browser).newContext({ ...options, storageState: await page.context().storageState(), reducedMotion: 'reduce' });
  const other = await context.newPage(), id = /#\/vm\/([^/]+)/.exec(page.url())?.[1] ?? '';
  await other.goto(`${page.url().split('#')[0]}#/console/${id}`);
  return other;
}

/** What a command in the guest's shell prints, between angle brackets that nothing else has; the shell is at its prompt again then. */
async function says(terminal: Terminal, command: string, expected: string): Promise<void> {
  await terminal.type(`echo "<$( ${command})>"`);
  await expect(terminal.text).toContainText(new RegExp(`<${expected.replaceAll('.', '\\.')}>\\s*/ #`), { timeout: 60_000 });
}

test('a desktop, then a phone: sizes, input devices and the running application follow, and nothing runs between them', async ({ page, genericGuest, host }) => {
  test.skip(host !== 'server', 'Clients of several kinds are browsers.');
  test.setTimeout(BOOT_MS + 180_000);
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)], settings = new EditSettings(page, vm);
  await wizard.create({ name: 'followed', linux: { kernelPath: genericGuest.kernel, initrdPath: genericGuest.initrd, commandLine: 'console=ttyAMA0 quiet' } });
  await settings.open();
  await settings.field('When nobody looks').selectOption('Suspend');
  await settings.save();
  await vm.openConsole();
  const desktop = await clientOf(page, DESKTOP), screen = new Display(desktop);
  await expect(screen.canvas).toBeVisible();
  await vm.powerOn();
  await expect(vm.terminal.text).toContainText('/ #', { timeout: BOOT_MS });
  const room = await screen.room();
  // The application: it counts on, and nobody can take its count for a fresh one.
  await says(vm.terminal, '(n=0; while sleep 1; do n=$((n+1)); echo $n > /count; done) > /dev/null 2>&1 & echo started', 'started');
  await says(vm.terminal, MODE, room);
  await says(vm.terminal, 'grep -c "Quarterdeck Tablet" /proc/bus/input/devices', '1');
  await says(vm.terminal, 'until [ $(cat /count) -ge 3 ]; do sleep 1; done; echo counted', 'counted');

  await desktop.context().close();
  await expect(vm.powerState).toHaveText('Suspended');
  const phone = await clientOf(page, PHONE), touched = new Display(phone);
  await expect(vm.powerState).toHaveText('Powered On', { timeout: 60_000 });
  await expect(touched.canvas).toBeVisible();
  const small = await touched.room();
  expect(small).toMatch(/^38\dx/);
  await says(vm.terminal, 'until grep -q "Quarterdeck Touch" /proc/bus/input/devices; do sleep 1; done; grep -c "Quarterdeck Tablet" /proc/bus/input/devices', '0');
  await says(vm.terminal, MODE, small);
  await says(vm.terminal, 'c=$(cat /count); until [ $(cat /count) -gt $c ]; do sleep 1; done; [ $c -ge 3 ] && echo survived', 'survived');
  // A finger arrives as a finger.
  await says(vm.terminal, `head -c 24 < ${DEVICE('Touch')} > /finger 2> /dev/null & until [ -e /finger ]; do sleep 1; done; echo waiting`, 'waiting');
  await touched.canvas.tap();
  await says(vm.terminal, 'until [ -s /finger ]; do sleep 1; done; echo touched', 'touched');

  await vm.openTab('Monitor');
  await vm.tab('Display').click();
  await expect(vm.panel).toContainText('keyboard, touch screen');
  await expect(vm.panel).toContainText(/Suspended as nobody looked\s*1/);
  await expect(vm.panel).toContainText(/Resumed for a session\s*1/);
  await phone.context().close();
});

/** Every key that prints on a German and on a French keyboard: its place, and what it says there. */
const PLACES = ['Backquote', ...'1234567890'.split('').map(key => `Digit${key}`), 'Minus', 'Equal', ...'QWERTYUIOP'.split('').map(key => `Key${key}`), 'BracketLeft', 'BracketRight',
  ...'ASDFGHJKL'.split('').map(key => `Key${key}`), 'Semicolon', 'Quote', 'Backslash', 'IntlBackslash', ...'ZXCVBNM'.split('').map(key => `Key${key}`), 'Comma', 'Period', 'Slash'];
const LAYOUTS = {
  German: ['Dead', ...'1234567890ß'.split(''), 'Dead', ...'qwertzuiopü+asdfghjklöä#<yxcvbnm,.-'.split('')],
  French: ['²', ...'&é"\'(-è_çà)='.split(''), ...'azertyuiop'.split(''), 'Dead', ...'$qsdfghjklmù*<wxcvbn,;:!'.split('')],
} as const;
/** Linux's codes of the same places (input-event-codes.h). */
const CODES = [41, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 43, 86, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53];

test('every key of a German and of a French keyboard arrives as the place that it has, whatever is printed on it', async ({ page, genericGuest, host }) => {
  test.skip(host !== 'server', 'Keys of other layouts are pressed by the browser’s own protocol.');
  test.setTimeout(BOOT_MS + 120_000);
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'typed', linux: { kernelPath: genericGuest.kernel, initrdPath: genericGuest.initrd, commandLine: 'console=ttyAMA0 quiet' } });
  await vm.openConsole();
  await vm.powerOn();
  await expect(vm.terminal.text).toContainText('/ #', { timeout: BOOT_MS });
  const client = await clientOf(page, DESKTOP), screen = new Display(client), keys = await client.context().newCDPSession(client);
  await expect(screen.canvas).toBeVisible();
  for (const [layout, prints] of Object.entries(LAYOUTS)) {
    expect(prints).toHaveLength(PLACES.length);
    // A key is four events of 24 bytes: down, its report, up, its report. The device is open before there is a file of them.
    const file = `/keys.${layout}`;
    await says(vm.terminal, `dd bs=24 count=${PLACES.length * 4} < ${DEVICE('Keyboard')} > ${file} 2> /dev/null & until [ -e ${file} ]; do sleep 1; done; echo waiting for ${layout}`, `waiting for ${layout}`);
    await screen.canvas.focus();
    // Linux keeps 64 events for a program that does not come to read, and drops them all when there are more: nobody types that far ahead.
    for (let typed = 0; typed < prints.length;) {
      for (const key of prints.slice(typed, typed + 12)) {
        for (const type of ['keyDown', 'keyUp'] as const) await keys.send('Input.dispatchKeyEvent', { type, key, code: PLACES[typed]!, ...(type === 'keyDown' && key.length === 1 && { text: key }) });
        typed++;
      }
      await says(vm.terminal, `until [ $(wc -c < ${file}) -ge ${typed * 4 * 24} ]; do sleep 1; done; echo ${typed} in ${layout}`, `${typed} in ${layout}`);
    }
    await says(vm.terminal, `od -An -v -tu2 -w24 ${file} | awk '$9==1 && $11==1 {printf "%s.",$10} END {print "${layout}"}'`, `${CODES.join('.')}.${layout}`);
  }
  await client.context().close();
});
