import { expect, test } from '../fixtures/app.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { EditSettings } from '../pages/edit-settings.ts';
import { Monitor } from '../pages/monitor.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmPage } from '../pages/vm-page.ts';

test('a VM that never refreshes its watchdog is reset, falls back to a good bank, and an operator chooses again', { tag: LOOK }, async ({ page }) => {
  const [wizard, vm, monitor] = [new NewVmWizard(page), new VmPage(page), new Monitor(page)], settings = new EditSettings(page, vm);
  await wizard.create({ name: 'guarded' });
  await monitor.open('Boot');
  await expect(vm.panel).toContainText('It has not been powered on yet.');
  await settings.open();
  await settings.dialog.getByText('Boot watchdog', { exact: true }).first().click();
  await settings.field('Watchdog').selectOption('Protects the boot');
  await settings.field('Reset after').fill('0');
  await settings.field('Fall back after').fill('2');
  await expect(settings.dialog).toContainText('The time of the boot watchdog must be at least 1.');
  await settings.field('Reset after').fill('2');
  // What scrolling cuts off would look too small to press.
  await page.setViewportSize({ width: 1440, height: 1800 });
  expect(await violations(page)).toEqual([]);
  await page.setViewportSize({ width: 1440, height: 900 });
  await settings.save();

  const banks = page.getByRole('table', { name: 'Boot Banks' }), boots = page.getByRole('table', { name: 'Boots', exact: true });
  await page.getByRole('button', { name: 'Save settings as a bank' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Known good');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(banks).toContainText('Known good');
  await page.getByRole('button', { name: 'Mark Known good good' }).press('Enter');
  await expect(banks.getByRole('row', { name: /Known good/ })).toContainText('good');
  // What is built in is no file that could be broken.
  await expect(page.getByRole('button', { name: 'Break the next boot: Kernel panic' })).toHaveAttribute('aria-disabled', 'true');

  await vm.powerOn();
  await expect(vm.panel).toContainText('if the guest does not refresh it');
  await expect(page.getByRole('list', { name: 'Stages of boot 1', exact: true }).getByRole('listitem').nth(3)).toHaveAttribute('aria-current', 'step');
  await expect(page.getByText('It fell back from the boot bank "Settings" to "Known good"')).toBeVisible();
  await expect(boots.getByRole('row', { name: /Reset by the watchdog/ }).first()).toContainText('Handed over');
  expect(await violations(page)).toEqual([]);
  await vm.openTab('Summary');
  await expect(page.getByText('It fell back from the boot bank "Settings" to "Known good"')).toBeVisible();
  await monitor.open('Boot');
  await page.getByRole('button', { name: 'Boot from Settings' }).click();
  await expect(page.getByText('It fell back from the boot bank')).toBeHidden();
  await monitor.open('Events');
  await expect(vm.panel).toContainText('guarded did not boot from the settings, and boots from Known good.');
});
