import { expect, test } from '../fixtures/app.ts';
import { violations } from '../pages/accessibility.ts';
import { Inventory } from '../pages/inventory.ts';
import { Monitor } from '../pages/monitor.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { RecentTasks } from '../pages/recent-tasks.ts';
import { VmPage } from '../pages/vm-page.ts';

test('emptying the bin is one task with a part for each VM, and tasks are filtered by their state', async ({ page }) => {
  const [inventory, wizard, vm, monitor, recent] = [new Inventory(page), new NewVmWizard(page), new VmPage(page), new Monitor(page), new RecentTasks(page)];
  for (const name of ['first', 'second']) {
    await inventory.open('Quarterdeck');
    await wizard.create({ name });
    await expect(vm.title).toHaveText(name);
    await vm.delete();
    await expect(inventory.node(name)).toHaveCount(0);
  }
  await inventory.open('Quarterdeck');
  await page.getByRole('tab', { name: 'Recently Deleted' }).click();
  await page.getByRole('button', { name: /^Empty/ }).click();
  await page.getByRole('alertdialog').getByRole('button').last().click();
  await expect(recent.row('Empty bin')).toContainText('Completed');
  await expect(recent.row('Part: Delete virtual machine from disk')).toHaveCount(2);
  await monitor.open('Tasks');
  const tasks = page.getByRole('table', { name: 'Tasks', exact: true });
  await expect(tasks.getByRole('row').filter({ hasText: 'Create virtual machine' })).toHaveCount(2);
  await page.getByLabel('Target').selectOption('second');
  await expect(tasks.getByRole('link', { name: 'first' })).toHaveCount(0);
  await expect(tasks.getByRole('row').filter({ hasText: 'Delete virtual machine' }).first()).toContainText('second');
  await page.getByLabel('State').selectOption('Failed');
  await expect(page.getByRole('status').filter({ hasText: '0 tasks' })).toBeVisible();
  expect(await violations(page)).toEqual([]);
});
