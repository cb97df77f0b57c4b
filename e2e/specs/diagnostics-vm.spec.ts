import { expect, test } from '../fixtures/app.ts';
import { Inventory } from '../pages/inventory.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { RecentTasks } from '../pages/recent-tasks.ts';
import { VmPage } from '../pages/vm-page.ts';

test('a first VM needs no files: the wizard makes it and its diagnostics answer', async ({ page }) => {
  const [inventory, wizard, tasks, vm] = [new Inventory(page), new NewVmWizard(page), new RecentTasks(page), new VmPage(page)];
  await wizard.create({ name: 'first-vm' });
  await expect(vm.title).toHaveText('first-vm');
  await expect(inventory.node('first-vm')).toHaveAttribute('aria-selected', 'true');

  await vm.openConsole();
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');
  await expect(vm.terminal.text).toContainText('diag>');
  await vm.terminal.type('help');
  await expect(vm.terminal.text).toContainText('reboot');
  await expect(tasks.row(/power on/i)).toContainText('Completed');

  await vm.powerOff();
  await expect(vm.powerState).toHaveText('Powered Off');
  await vm.delete();
  await expect(inventory.node('first-vm')).toHaveCount(0);
  await expect(vm.title).toHaveText('host-a.lab.local');
});

test('a deleted VM is restored from the bin, and deleted from disk', async ({ page }) => {
  const [inventory, wizard, vm] = [new Inventory(page), new NewVmWizard(page), new VmPage(page)], bin = page.getByRole('main');
  await wizard.create({ name: 'brief' });
  await vm.delete();
  await inventory.open('Quarterdeck');
  await page.getByRole('tab', { name: 'Recently Deleted' }).click();
  await bin.getByRole('button', { name: 'Restore brief' }).click();
  await expect(inventory.node('brief')).toHaveCount(1);
  await expect(bin.getByText('The bin is empty')).toBeVisible();

  await inventory.open('brief');
  await vm.delete();
  await inventory.open('Quarterdeck');
  await page.getByRole('tab', { name: 'Recently Deleted' }).click();
  await bin.getByRole('button', { name: 'Delete brief from disk' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(bin.getByText('The bin is empty')).toBeVisible();
  await expect(inventory.node('brief')).toHaveCount(0);
});

test('a guest that powers itself off leaves its VM powered off', async ({ page }) => {
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'brief' });
  await vm.openConsole();
  await vm.powerOn();
  await expect(vm.terminal.text).toContainText('diag>');
  await vm.terminal.type('off');
  await expect(vm.powerState).toHaveText('Powered Off');
});

test('a VM that runs cannot be deleted, and the menu says why', async ({ page }) => {
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'busy' });
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');
  await page.getByRole('main').getByRole('button', { name: 'Actions' }).click();
  const remove = page.getByRole('menuitem', { name: 'Delete' });
  await expect(remove).toBeDisabled();
  await remove.hover();
  await expect(remove).toContainText('Power it off first.');
});

test('the navigator offers a VM’s actions by the right button', async ({ page }) => {
  const [inventory, wizard, vm] = [new Inventory(page), new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'nearby' });
  await expect(vm.title).toHaveText('nearby');
  await inventory.open('Quarterdeck');
  await inventory.node('nearby').click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Power On' }).click();
  await inventory.open('nearby');
  await expect(vm.powerState).toHaveText('Powered On');
});

test('the wizard refuses a name that is taken and a kernel that is none, as they are typed', async ({ page }) => {
  const [inventory, wizard, vm] = [new Inventory(page), new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'twin' });
  await expect(vm.title).toHaveText('twin');
  await inventory.open('Quarterdeck');
  await wizard.open();
  await wizard.next();
  await wizard.nameIt('twin');
  await expect(wizard.dialog.getByText('There is already a virtual machine named "twin".')).toBeVisible();
  await wizard.nameIt('other');
  for (const title of ['Select a compute resource', 'Select storage', 'Select compatibility', 'Select a guest']) {
    await wizard.next();
    await expect(wizard.pageTitle).toHaveText(title);
  }
  await wizard.chooseLinux({ kernelPath: '/dev/null' });
  await wizard.next();
  await expect(wizard.pageTitle).toHaveText('Select a guest');
  await expect(wizard.field('Kernel')).toHaveAttribute('aria-invalid', 'true');
});

test('a VM is made in the folder that the wizard is told, as its last page says', async ({ page }) => {
  const [inventory, wizard, vm] = [new Inventory(page), new NewVmWizard(page), new VmPage(page)];
  await inventory.create('Datacenter', 'New VM and Template Folder…', 'apps');
  await inventory.open('Quarterdeck');
  await wizard.open();
  await wizard.next();
  await wizard.nameIt('filed');
  await expect(wizard.location('Datacenter')).toHaveAttribute('aria-selected', 'true');
  await wizard.location('apps').click();
  for (const _ of ['host', 'storage', 'compatibility']) await wizard.next();
  await expect(wizard.dialog.getByText('host-a.lab.local supports Quarterdeck 1.')).toBeVisible();
  for (const _ of ['guest', 'hardware', 'review']) await wizard.next();
  await expect(wizard.dialog.getByRole('definition').filter({ hasText: /^apps$/ })).toBeVisible();
  await expect(wizard.dialog.getByRole('definition').filter({ hasText: /^Quarterdeck 1$/ })).toBeVisible();
  await wizard.finish();
  await expect(vm.title).toHaveText('filed');
  await inventory.show('VMs and Templates');
  await expect(inventory.node('filed')).toHaveAttribute('aria-level', '4');
});
