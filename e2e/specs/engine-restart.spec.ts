import { expect, test } from '../fixtures/app.ts';
import { Inventory } from '../pages/inventory.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { Shell } from '../pages/shell.ts';
import { VmPage } from '../pages/vm-page.ts';

test('when the engine is killed the console says so, and the inventory comes back as it was', async ({ app, page }) => {
  const [inventory, shell, wizard, vm] = [new Inventory(page), new Shell(page), new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'survivor' });
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');

  const shown = await shell.watchBanner();
  await app.killEngine();
  await shown();
  await expect(shell.banner).toBeHidden();

  await expect(inventory.node('survivor')).toBeVisible();
  await expect(vm.powerState).toHaveText('Powered Off');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');
});
