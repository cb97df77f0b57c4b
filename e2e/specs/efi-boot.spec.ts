/** A VM as the wizard makes it: the built-in UEFI on its screen and its boot order. */
import { expect, test } from '../fixtures/app.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { Display } from '../pages/display.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmPage } from '../pages/vm-page.ts';

test('a new machine with an empty disk shows its boot menu, and its boot order is changed while it is off', { tag: LOOK }, async ({ page }) => {
  test.setTimeout(90_000);
  const [wizard, vm, screen] = [new NewVmWizard(page), new VmPage(page), new Display(page)], order = page.getByRole('table', { name: 'Boot Order' });
  await wizard.open();
  await wizard.next();
  await wizard.nameIt('fresh');
  for (const _ of ['host', 'storage', 'compatibility', 'guest']) await wizard.next();
  await expect(wizard.dialog.getByRole('radio', { name: 'Operating system' })).toBeChecked();
  expect(await violations(page)).toEqual([]);
  await wizard.next();
  await wizard.next();
  await wizard.finish();
  await page.getByRole('main').getByRole('heading', { level: 1, name: 'fresh' }).waitFor();

  await vm.openTab('Configure');
  await vm.tab('Boot Order').click();
  await expect(vm.panel).toContainText('There are entries once it was powered on');
  await vm.openDisplay();
  await vm.powerOn();
  await expect.poll(() => screen.lit()).toBeGreaterThan(2000);
  await page.getByRole('tab', { name: 'Serial Port' }).click();
  await expect(vm.terminal.text).toContainText('Nothing could be started.');
  await vm.openTab('Configure');
  await vm.tab('Boot Order').click();
  await expect(order.getByRole('row').nth(1)).toContainText('Disk 1 (virtio)');
  await expect(page.getByRole('button', { name: 'Move CD drive 1 up' })).toHaveAttribute('aria-disabled', 'true');
  expect(await violations(page)).toEqual([]);
  await vm.powerOff();
  await expect(vm.powerState).toHaveText('Powered Off');
  await page.getByRole('button', { name: 'Move CD drive 1 up' }).press('Enter');
  await expect(order.getByRole('row').nth(1)).toContainText('CD drive 1');
  await page.getByRole('button', { name: 'Boot Disk 1 (virtio) next' }).press('Enter');
  await expect(order.getByRole('row', { name: /Disk 1/ })).toContainText('boots next');
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Forget variables' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Forget' }).click();
  await expect(vm.panel).toContainText('There are entries once it was powered on');
});
