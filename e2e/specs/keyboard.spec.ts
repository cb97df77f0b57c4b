import type { Locator, Page } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { CommandPalette } from '../pages/command-palette.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { Shell } from '../pages/shell.ts';
import { VmPage } from '../pages/vm-page.ts';

const STOPS = 40;

/** Presses Tab until the control has the focus. */
async function tabTo(page: Page, control: Locator) {
  for (let stop = 0; stop < STOPS; stop++) {
    await page.keyboard.press('Tab');
    if (await control.evaluate(element => element === document.activeElement)) return;
  }
  throw new Error(`${String(control)} is not within ${STOPS} tab stops`);
}

test('a VM is made, powered on and used by keyboard alone', async ({ page }) => {
  const [shell, wizard, vm, palette] = [new Shell(page), new NewVmWizard(page), new VmPage(page), new CommandPalette(page)];
  await tabTo(page, page.getByRole('button', { name: 'New virtual machine' }));
  await page.keyboard.press('Enter');
  await expect(wizard.pageTitle).toHaveText('Select a creation type');
  await page.keyboard.press('Enter');
  await expect(wizard.field('Virtual machine name')).toBeFocused();
  await page.keyboard.type('by-hand');
  for (const title of ['Select a compute resource', 'Select storage', 'Select compatibility', 'Select a guest', 'Customize hardware', 'Ready to complete']) {
    await page.keyboard.press('Enter');
    await expect(wizard.pageTitle).toHaveText(title);
    if (title !== 'Select a guest') continue;
    await tabTo(page, wizard.dialog.getByRole('radio', { name: 'Operating system' }));
    await page.keyboard.press('ArrowDown');
    await expect(wizard.dialog.getByRole('radio', { name: 'Built-in diagnostics' })).toBeChecked();
  }
  await expect(wizard.dialog.getByRole('button', { name: 'Finish' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(vm.title).toHaveText('by-hand');

  await tabTo(page, vm.powerAction('Power On'));
  await page.keyboard.press('Enter');
  await expect(vm.powerState).toHaveText('Powered On');
  await tabTo(page, vm.tab('Summary'));
  await page.keyboard.press('End');
  await expect(vm.terminal.text).toContainText('diag>');
  await page.keyboard.type('help');
  await page.keyboard.press('Enter');
  await expect(vm.terminal.text).toContainText('reboot');

  await page.keyboard.press('Control+Shift+M');
  await page.keyboard.press('Control+k');
  await expect(palette.input).toBeFocused();
  await page.keyboard.type('host-b');
  await expect(palette.chosen).toContainText('host-b.lab.local');
  await page.keyboard.press('Enter');
  await expect(vm.title).toHaveText('host-b.lab.local');
  await page.keyboard.press('/');
  await expect(shell.search).toBeFocused();
  await page.keyboard.type('by-h');
  await expect(shell.result('by-hand')).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(vm.title).toHaveText('by-hand');
});
