import { expect, test } from '../fixtures/app.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { Snapshots } from '../pages/snapshots.ts';
import { VmPage } from '../pages/vm-page.ts';

test('a VM is suspended and goes on where it was', async ({ page }) => {
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'resting' });
  await vm.openConsole();
  await vm.powerOn();
  await expect(vm.terminal.text).toContainText('> ');
  await vm.terminal.type('hel');
  await vm.powerAction('Suspend').click();
  await expect(vm.powerState).toHaveText('Suspended');
  await expect(vm.powerAction('Suspend')).toBeDisabled();
  await vm.powerAction('Resume').click();
  await expect(vm.powerState).toHaveText('Powered On');
  await vm.terminal.type('help');
  await expect(vm.terminal.text).toContainText('help');
  await vm.powerAction('Suspend').click();
  await expect(vm.powerState).toHaveText('Suspended');
  await vm.powerOff();
  await expect(vm.powerState).toHaveText('Powered Off');
});

test('snapshots are taken, gone back to and deleted', async ({ page }) => {
  const [wizard, vm, snapshots] = [new NewVmWizard(page), new VmPage(page), new Snapshots(page)];
  await wizard.create({ name: 'kept' });
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');
  await vm.openTab('Snapshots');
  await snapshots.take('before', 'while it runs');
  await expect(snapshots.node('before')).toBeVisible();
  await vm.powerOff();
  await expect(vm.powerState).toHaveText('Powered Off');
  await snapshots.take('after');
  await expect(snapshots.node('after')).toBeVisible();

  await snapshots.revertTo('before');
  await expect(vm.powerState).toHaveText('Powered On');
  await expect(snapshots.tree.getByRole('treeitem')).toHaveText([/^before/, /^after/, 'You are here']);

  await snapshots.delete('before');
  await expect(snapshots.node('before')).toBeHidden();
  await expect(snapshots.node('after')).toBeVisible();
});
