import type { Browser } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { Display } from '../pages/display.ts';
import { Inventory } from '../pages/inventory.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { ObjectPage } from '../pages/object-page.ts';
import { VmPage } from '../pages/vm-page.ts';

/** A VM that needs no files, with a display of so many heads and a rule for several clients. */
async function createShown(wizard: NewVmWizard, { heads = '1', rule = 'Share' }: { readonly heads?: string; readonly rule?: string } = {}): Promise<void> {
  await wizard.open();
  await wizard.next();
  await wizard.nameIt('shown');
  for (const _ of ['host', 'storage', 'compatibility', 'guest']) await wizard.next();
  await wizard.chooseDiagnostics();
  await wizard.next();
  await wizard.field('Video adapter').selectOption('virtio-gpu');
  await wizard.field('Number of displays').selectOption(heads);
  await wizard.field('When several want to look').selectOption(rule);
  await wizard.next();
  await wizard.finish();
}

test('a display’s window has its tools; what was recorded is played, and what is shown is small elsewhere', { tag: LOOK }, async ({ page }) => {
  const [wizard, vm, display, inventory, object] = [new NewVmWizard(page), new VmPage(page), new Display(page), new Inventory(page), new ObjectPage(page)];
  const audit = (what: string) => test.step(what, async () => { expect(await violations(page)).toEqual([]); });
  await createShown(wizard);
  await vm.openDisplay();
  await expect(display.canvas).toBeVisible();
  await audit('before power-on');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');
  await display.button('Sessions').click();
  await expect(page.getByRole('list', { name: 'Sessions' })).toContainText('(this window)');
  await audit('with its sessions');
  for (const panel of ['Keys on the screen', 'Type text']) await display.button(panel).click();
  await page.getByRole('textbox', { name: 'Text to type' }).fill('ünder');
  await expect(page.getByText('No key prints: ü')).toBeVisible();
  await page.getByLabel('Layout of the guest').selectOption('Deutsch');
  await expect(page.getByText(/No key prints/)).toBeHidden();
  await audit('with its panels');
  const download = page.waitForEvent('download');
  await display.button('Save a screenshot').click();
  expect((await download).suggestedFilename()).toBe('shown.png');
  await display.button('Record').click();
  await display.button('Stop recording').click();
  await expect(display.button('Record')).toBeVisible();

  await vm.openTab('Monitor');
  await vm.tab('Display').click();
  await expect(vm.panel).toContainText(/Sessions opened\s*1/);
  await audit('figures');
  await page.getByRole('button', { name: /^Play display-/ }).click();
  const player = page.getByRole('dialog');
  await expect(player.getByRole('application', { name: /^Recording / }).locator('canvas')).toBeVisible();
  await audit('a recording');
  await player.getByRole('button', { name: 'Close', exact: true }).last().click();

  await vm.openTab('Summary');
  await expect.poll(() => page.getByRole('img', { name: 'What shown shows' }).evaluate((picture: HTMLImageElement) => picture.naturalWidth)).toBeGreaterThan(100);
  await inventory.open('host-a');
  await object.openTab('VMs');
  await page.getByRole('button', { name: 'Displays', exact: true }).click();
  await expect(page.getByRole('list', { name: 'Displays' }).getByRole('img', { name: 'What shown shows' })).toBeVisible();
  await audit('a grid of displays');
});

test('the newest session takes over where the rule says so, and the other says by whom and can take it back', async ({ page, host }) => {
  test.skip(host !== 'server', 'A second client is another browser.');
  const [wizard, vm, display] = [new NewVmWizard(page), new VmPage(page), new Display(page)];
  await createShown(wizard, { rule: 'Take over' });
  await vm.openDisplay();
  await expect(display.canvas).toBeVisible();
  const context = await (page.context().browser() as Browser).newContext({ storageState: await page.context().storageState() }), other = await context.newPage();
  await other.goto(page.url());
  await expect(new Display(other).canvas).toBeVisible();
  await expect(display.notice).toContainText('Console took over the display of shown.');
  await page.getByRole('button', { name: 'Open a session' }).click();
  await expect(new Display(other).notice).toContainText('took over');
  await expect(display.canvas).toBeVisible();
  await context.close();
});

test('each display of a VM has a window, in the same session', async ({ page, host }) => {
  test.skip(host !== 'server', 'Windows of the desktop app are opened by its main process.');
  const [wizard, vm, display] = [new NewVmWizard(page), new VmPage(page), new Display(page)];
  await createShown(wizard, { heads: '2', rule: 'Refuse' });
  await vm.openDisplay();
  await expect(display.canvas).toBeVisible();
  const opened = page.waitForEvent('popup');
  await display.choose('Open in new window', 'Display 2');
  const second = new Display(await opened);
  await expect(second.canvas).toBeVisible();
  await display.button('Sessions').click();
  await expect(page.getByRole('list', { name: 'Sessions' }).getByRole('listitem')).toHaveCount(1);
  await expect(page.getByRole('list', { name: 'Sessions' })).toContainText(/\d+ × \d+, \d+ × \d+, mouse/);
  await vm.openConsole();
  await expect(second.notice).toContainText('The session has ended.');
  await second.notice.getByRole('button', { name: 'Open a session' }).click();
  await expect(second.notice).not.toContainText('The session has ended.');
  await expect(second.canvas).toBeVisible();
});
