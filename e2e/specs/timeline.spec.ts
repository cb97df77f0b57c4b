import { expect, test } from '../fixtures/app.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { Inventory } from '../pages/inventory.ts';
import { Monitor } from '../pages/monitor.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmPage } from '../pages/vm-page.ts';

test('tasks, events and figures stand on one axis of time', { tag: LOOK }, async ({ page }) => {
  const [inventory, wizard, vm, monitor] = [new Inventory(page), new NewVmWizard(page), new VmPage(page), new Monitor(page)];
  await wizard.create({ name: 'timed' });
  await expect(vm.title).toHaveText('timed');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');
  await monitor.open('Timeline');
  const list = page.getByRole('list', { name: 'Tasks, events and alarms, newest first' }), task = list.getByRole('listitem').filter({ hasText: 'Power on virtual machine: completed' });
  await expect(task).toBeVisible();
  await expect(list.getByRole('listitem').filter({ hasText: 'timed was powered on.' })).toBeVisible();
  await expect(monitor.chart('CPU usage')).toBeVisible();
  const mark = page.locator('.timeline-mark[title="Power on virtual machine: completed"]');
  await task.hover();
  await expect(mark).toHaveClass(/current/);
  await mark.click();
  await expect(task.getByRole('link', { name: 'timed' })).toBeFocused();
  expect(await violations(page)).toEqual([]);
  await inventory.open('host-a');
  await monitor.open('Timeline');
  await expect(list.getByRole('listitem').filter({ hasText: 'Create virtual machine: completed' })).toBeVisible();
});
