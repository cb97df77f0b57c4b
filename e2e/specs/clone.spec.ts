import { expect, test } from '../fixtures/app.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { CloneDialog } from '../pages/clone-dialog.ts';
import { Inventory } from '../pages/inventory.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { RecentTasks } from '../pages/recent-tasks.ts';
import { Snapshots } from '../pages/snapshots.ts';
import { VmPage } from '../pages/vm-page.ts';

test('a VM is cloned, made a template, and deployed from it', async ({ page }) => {
  const [wizard, vm, inventory] = [new NewVmWizard(page), new VmPage(page), new Inventory(page)];
  await wizard.create({ name: 'golden', disks: [{ sizeMib: 4 }] });
  await expect(vm.title).toHaveText('golden');
  await vm.choose('Clone to Virtual Machine');
  await new CloneDialog(page, 'Clone Virtual Machine').finish('copy');
  await expect(vm.title).toHaveText('copy');

  await inventory.open('golden');
  await vm.choose('Convert to Template');
  await expect(page.getByRole('main').getByText('Template', { exact: true })).toBeVisible();
  await expect(vm.powerAction('Power On')).toHaveAttribute('aria-description', /It is a template/);

  await inventory.open('Quarterdeck');
  await wizard.open();
  await wizard.dialog.getByRole('radio', { name: 'Deploy from template' }).check();
  await wizard.next();
  await new CloneDialog(page, 'Deploy From Template').finish('deployed', { source: 'golden', linked: true });
  await expect(vm.title).toHaveText('deployed');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');

  await inventory.open('golden');
  await vm.openTab('Snapshots');
  const snapshots = new Snapshots(page);
  await expect(snapshots.node('Base of deployed')).toBeVisible();
  await snapshots.rename('Base of deployed', 'base');
  await expect(snapshots.node('base')).toBeVisible();
  await vm.choose('Convert to Virtual Machine');
  await expect(vm.powerState).toHaveText('Powered Off');
  await snapshots.deleteAll();
  await expect(new RecentTasks(page).row('Delete all snapshots')).toContainText('The disks of deployed, a linked clone, stand on the snapshot "base" of golden.');
});

test('the clone dialog is accessible, and says what is wrong', { tag: LOOK }, async ({ page }) => {
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'golden' });
  await expect(vm.title).toHaveText('golden');
  await vm.choose('Clone to Template');
  const clone = new CloneDialog(page, 'Clone to Template');
  await clone.finish('Golden');
  await expect(clone.dialog.getByText('There is already a virtual machine named "golden".')).toBeVisible();
  expect(await violations(page)).toEqual([]);
});
