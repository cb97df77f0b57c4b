import { expect, test } from '../fixtures/app.ts';
import { violations } from '../pages/accessibility.ts';
import { Grid } from '../pages/grid.ts';
import { HostPage } from '../pages/host-page.ts';
import { Inventory } from '../pages/inventory.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { ObjectPage } from '../pages/object-page.ts';

test('a resource pool’s page shows its settings and what is in it, and what was in it stays when it is deleted', async ({ page }) => {
  const [inventory, host, pool, wizard] = [new Inventory(page), new HostPage(page), new ObjectPage(page), new NewVmWizard(page)], dialog = page.getByRole('dialog');
  await inventory.open('host-b');
  await host.addPool('batch', { cpuReservation: 1500 });
  await inventory.open('batch');
  await expect(pool.title).toHaveText('batch');
  const details = pool.panel.getByRole('region', { name: 'Details' });
  await expect(details).toContainText('8,000 shares, reservation 1,500 MHz (expandable), unlimited');
  await wizard.create({ name: 'nightly' });
  await expect(pool.title).toHaveText('nightly');
  await inventory.open('batch');
  await pool.openTab('VMs');
  await expect(new Grid(page, 'Virtual machines').names).toHaveText(['nightly']);
  expect(await violations(page)).toEqual([]);

  await pool.choose('Edit Resource Pool…');
  await dialog.getByLabel('CPU reservation', { exact: true }).fill('999999');
  await dialog.getByRole('button', { name: 'OK' }).click();
  await expect(dialog.getByRole('alert')).toContainText('unreserved');
  await dialog.getByLabel('CPU reservation', { exact: true }).fill('500');
  await dialog.getByRole('button', { name: 'OK' }).click();
  await expect(dialog).toBeHidden();
  await pool.openTab('Summary');
  await expect(details).toContainText('reservation 500 MHz');

  await pool.choose('Delete');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
  await expect(pool.title).toHaveText('host-b.lab.local');
  await pool.openTab('VMs');
  await expect(new Grid(page, 'Virtual machines').names).toHaveText(['nightly']);
});
