import type { Page } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { violations } from '../pages/accessibility.ts';
import { EditSettings } from '../pages/edit-settings.ts';
import { Inventory } from '../pages/inventory.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { ObjectPage } from '../pages/object-page.ts';
import { Shell } from '../pages/shell.ts';
import { VmPage } from '../pages/vm-page.ts';

async function eachTab(page: Page, tabs: readonly string[], title: string) {
  const object = new ObjectPage(page);
  await expect(object.title).toHaveText(title);
  for (const tab of tabs) await test.step(`${title}, ${tab}`, async () => {
    await object.openTab(tab);
    await expect(object.tab(tab)).toHaveAttribute('aria-selected', 'true');
    expect(await violations(page)).toEqual([]);
  });
}

async function eachWizardPage(page: Page, wizard: NewVmWizard) {
  await wizard.open();
  for (const title of ['Select a creation type', 'Select a name', 'Select a compute resource', 'Select storage', 'Select a guest', 'Customize hardware', 'Ready to complete']) await test.step(title, async () => {
    await expect(wizard.pageTitle).toHaveText(title);
    if (title === 'Select a name') await wizard.nameIt('another');
    if (title === 'Customize hardware') {
      await wizard.addNewDisk(1, { sizeMib: 64, bus: 'NVMe' });
      await wizard.dialog.getByRole('button', { name: 'Add network adapter' }).click();
      await wizard.dialog.getByRole('button', { name: 'Add port forward' }).click();
      await wizard.field('Host port of port forward 1 of network adapter 1').fill('8080');
      await wizard.field('Guest port of port forward 1 of network adapter 1').fill('80');
    }
    expect(await violations(page)).toEqual([]);
    if (title !== 'Ready to complete') await wizard.next();
  });
  await page.keyboard.press('Escape');
}

for (const theme of ['Light', 'Dark'] as const) test(`every page is accessible in the ${theme.toLowerCase()} theme`, async ({ page }) => {
  test.setTimeout(120_000);
  const [inventory, shell, wizard, vm] = [new Inventory(page), new Shell(page), new NewVmWizard(page), new VmPage(page)];
  await shell.setTheme(theme);
  await eachTab(page, ['Summary', 'Monitor', 'VMs'], 'Quarterdeck');
  await wizard.create({ name: 'gone' });
  await expect(vm.title).toHaveText('gone');
  await vm.delete();
  await inventory.open('Quarterdeck');
  await eachTab(page, ['Recently Deleted'], 'Quarterdeck');
  await wizard.create({ name: 'audited', disks: [{ sizeMib: 1 }] });
  await expect(vm.title).toHaveText('audited');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');
  await eachTab(page, ['Summary', 'Monitor', 'Configure', 'Snapshots', 'Console'], 'audited');
  await vm.openTab('Monitor');
  await vm.tab('Disks').click();
  await expect(page.getByRole('region', { name: 'Disk 1' })).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await inventory.open('host-a');
  await eachTab(page, ['Summary', 'Monitor', 'VMs'], 'host-a.lab.local');
  await eachWizardPage(page, wizard);
});

for (const theme of ['Light', 'Dark'] as const) test(`menus, search and dialogs are accessible in the ${theme.toLowerCase()} theme`, async ({ page }) => {
  const [shell, wizard, vm] = [new Shell(page), new NewVmWizard(page), new VmPage(page)], settings = new EditSettings(page, vm);
  const audit = (what: string) => test.step(what, async () => { expect(await violations(page)).toEqual([]); });
  await shell.setTheme(theme);
  await wizard.create({ name: 'audited' });
  await expect(vm.title).toHaveText('audited');

  await page.getByRole('main').getByRole('button', { name: 'Actions' }).click();
  await expect(page.getByRole('menu')).toBeVisible();
  await audit('menu');
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await expect(page.getByRole('alertdialog')).toBeVisible();
  await audit('confirmation');
  await page.keyboard.press('Escape');
  await vm.choose('Rename');
  await page.getByRole('textbox', { name: 'Name' }).fill('');
  await expect(page.getByText('Enter a name.')).toBeVisible();
  await audit('rename, with an error');
  await page.keyboard.press('Escape');

  await settings.open();
  await settings.field('CPU').fill('');
  await audit('settings, with an error');
  await settings.dialog.getByRole('tab', { name: 'VM Options' }).click();
  await audit('options');
  await page.keyboard.press('Escape');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');
  await settings.open();
  await settings.addNewDisk(1, { sizeMib: 1 });
  await audit('settings of a running VM');
  await page.keyboard.press('Escape');

  await shell.search.fill('a');
  await expect(shell.result('audited')).toBeVisible();
  await audit('search');
  await shell.result('host-a').click();

  await wizard.open();
  await wizard.next();
  await wizard.nameIt('other');
  await wizard.next();
  await wizard.next();
  await wizard.next();
  await wizard.chooseLinux({ kernelPath: '/dev/null' });
  await page.getByRole('button', { name: 'Browse for Kernel', exact: true }).click();
  await expect(page.getByRole('tree', { name: 'Files' })).toBeVisible();
  await audit('file browser');
});
