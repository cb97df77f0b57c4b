import { expect, test } from '../fixtures/app.ts';
import { otherEngine } from '../fixtures/other-engine.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { HostPage } from '../pages/host-page.ts';
import { Inventory } from '../pages/inventory.ts';
import { MigrateWizard } from '../pages/migrate-wizard.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmPage } from '../pages/vm-page.ts';

test('another engine is added by its fingerprint, and a VM that runs moves to a host of it', { tag: LOOK }, async ({ page }) => {
  const [root, inventory, wizard, vm, migrate] = [new HostPage(page), new Inventory(page), new NewVmWizard(page), new VmPage(page), new MigrateWizard(page)], other = await otherEngine();
  try {
    await inventory.open('Quarterdeck');
    await root.openConfigure('Peers');
    await expect(root.panel).toContainText('No other engine is known');
    expect(await violations(page)).toEqual([]);
    await root.panel.getByRole('button', { name: 'Copy the fingerprint' }).click();
    const own = await page.evaluate(() => navigator.clipboard.readText());
    expect(own).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);

    await root.panel.getByRole('button', { name: 'Add peer' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add peer' });
    await dialog.getByLabel('Name').fill('lab2');
    await dialog.getByLabel('Address').fill('nowhere');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await expect(dialog).toContainText('An address is written as HOST:PORT');
    expect(await violations(page)).toEqual([]);
    await dialog.getByLabel('Address').fill(other.address);
    await dialog.getByLabel('Fingerprint').fill(other.fingerprint.toLowerCase());
    await dialog.getByText('Command line').click();
    await expect(dialog).toContainText(`quarterdeck peer add lab2 ${other.address}`);
    await dialog.getByLabel('Fingerprint').press('Tab');
    await dialog.getByRole('button', { name: 'Add', exact: true }).press('Enter');
    await expect(dialog).toBeHidden();
    await root.panel.getByRole('button', { name: 'Check lab2' }).click();
    await expect(root.row('lab2')).toContainText('This engine is not known there');
    await other.run('peer', 'add', 'here', '127.0.0.1:1', own);
    await root.panel.getByRole('button', { name: 'Check lab2' }).click();
    await expect(root.row('lab2')).toContainText(/Answers: version .*, 2 hosts/);
    expect(await violations(page)).toEqual([]);

    await inventory.open('host-a');
    await wizard.create({ name: 'roamer' });
    await vm.powerOn();
    await expect(vm.powerState).toHaveText('Powered On');
    await vm.choose('Migrate…');
    await migrate.next();
    const theirs = migrate.dialog.getByRole('group', { name: /^Hosts of lab2/ });
    await theirs.getByRole('radio', { name: /^host-b/ }).check();
    await expect(migrate.compatibility).toContainText('a guest that runs can only take its time along when it is scaled');
    await theirs.getByRole('radio', { name: /^host-a/ }).check();
    await expect(migrate.compatibility).not.toContainText('when it is scaled');
    await migrate.next();
    await migrate.dialog.getByLabel('Longest downtime (ms)').fill('60000');
    await migrate.next();
    await migrate.dialog.getByText('Command line').click();
    await expect(migrate.dialog).toContainText('quarterdeck vm migrate roamer --peer lab2 --host host-a.lab.local --downtime 60000');
    expect(await violations(page)).toEqual([]);
    await migrate.finish();
    await expect(page.getByRole('main').getByRole('heading', { level: 1 })).toHaveText('host-a.lab.local');
    await expect(inventory.node('roamer')).toBeHidden();
    expect(JSON.parse(await other.run('vm', 'show', 'roamer', '--json'))).toMatchObject({ powerState: 'poweredOn' });

    await inventory.open('Quarterdeck');
    await root.openConfigure('Peers');
    await root.panel.getByRole('button', { name: 'Remove lab2' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click();
    await expect(root.panel).toContainText('No other engine is known');
  } finally { await other.close(); }
});
