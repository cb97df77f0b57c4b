import { expect, test } from '../fixtures/app.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { RecentTasks } from '../pages/recent-tasks.ts';
import { VmPage } from '../pages/vm-page.ts';

test('a shutdown that the guest ignores is under way until it is cancelled', async ({ page }) => {
  const [wizard, tasks, vm] = [new NewVmWizard(page), new RecentTasks(page), new VmPage(page)];
  await wizard.create({ name: 'deaf' });
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');

  await vm.shutDownGuest();
  const shutdown = tasks.row(/shut down/i);
  await expect(shutdown.getByRole('progressbar')).toBeVisible();
  await shutdown.getByRole('button', { name: /^Cancel/ }).click();
  await expect(shutdown).toContainText('Cancelled');
  await expect(vm.powerState).toHaveText('Powered On');
});
