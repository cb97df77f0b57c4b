import type { Page } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { CommandPalette } from '../pages/command-palette.ts';
import { Grid } from '../pages/grid.ts';
import { Inventory } from '../pages/inventory.ts';
import { LabelsPage } from '../pages/labels-page.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { ObjectPage } from '../pages/object-page.ts';
import { Shell } from '../pages/shell.ts';
import { VmPage } from '../pages/vm-page.ts';

async function createVms(page: Page, ...names: readonly string[]) {
  const [inventory, wizard, vm] = [new Inventory(page), new NewVmWizard(page), new VmPage(page)];
  for (const name of names) {
    await inventory.open('host-a');
    await wizard.create({ name });
    await expect(vm.title).toHaveText(name);
  }
}

test('each of the four trees shows its own folders and objects, and each has a page', async ({ page }) => {
  const [inventory, object] = [new Inventory(page), new ObjectPage(page)];
  await createVms(page, 'web');
  await inventory.create('Datacenter', 'New Cluster…', 'lab');
  await inventory.create('Datacenter', 'New VM and Template Folder…', 'apps');
  await inventory.create('Datacenter', 'New Network…', 'prod-net');
  await expect(inventory.names).toHaveText(['Quarterdeck', 'Datacenter', 'lab', 'host-a.lab.local', 'web', 'host-b.lab.local']);
  await inventory.show('VMs and Templates');
  await expect(inventory.names).toHaveText(['Quarterdeck', 'Datacenter', 'apps', 'web']);
  await inventory.show('Storage');
  await expect(inventory.names.first()).toHaveText('Quarterdeck');
  await expect(inventory.node('web')).toHaveCount(0);
  await inventory.show('Networking');
  await expect(inventory.names).toHaveText(['Quarterdeck', 'Datacenter', 'prod-net']);
  await inventory.open('prod-net');
  await expect(object.panel.getByRole('region', { name: 'Details' })).toContainText('Virtual switch');
  await inventory.open('Datacenter');
  await expect(object.panel.getByRole('region', { name: 'Inventory' })).toContainText('Hosts2');
  await object.openTab('Networks');
  await expect(new Grid(page, 'Networks').names).toHaveText(['prod-net']);
});

test('an object is renamed, and deleted when nothing is in it; what it was in is shown then', async ({ page }) => {
  const [inventory, object] = [new Inventory(page), new ObjectPage(page)];
  await inventory.show('VMs and Templates');
  await inventory.create('Datacenter', 'New VM and Template Folder…', 'outer');
  await inventory.create('outer', 'New Folder…', 'inner');
  await inventory.choose('inner', 'Rename…');
  await page.getByRole('textbox', { name: 'Name' }).fill('core');
  await page.getByRole('button', { name: 'Rename' }).click();
  await expect(object.title).toHaveText('core');
  await inventory.node('outer').click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Delete' }).hover();
  await expect(page.getByRole('menuitem', { name: 'Delete' })).toContainText('It is not empty: core is in it.');
  await page.keyboard.press('Escape');
  await inventory.choose('core', 'Delete');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(object.title).toHaveText('outer');
});

test('a name that is taken is refused in the dialog', async ({ page }) => {
  const inventory = new Inventory(page), dialog = page.getByRole('dialog');
  await inventory.create('Datacenter', 'New Cluster…', 'lab');
  await inventory.choose('Datacenter', 'New Cluster…');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('LAB');
  await dialog.getByRole('button', { name: 'Create cluster' }).click();
  await expect(dialog.getByText('There already is a cluster named lab in Datacenter.')).toBeVisible();
});

test('a VM is dragged into a folder, and the row says why it cannot be elsewhere; out of it from a grid', async ({ page }) => {
  const [inventory, object, grid] = [new Inventory(page), new ObjectPage(page), new Grid(page, 'Virtual machines')];
  await createVms(page, 'web');
  await inventory.show('VMs and Templates');
  await inventory.create('Datacenter', 'New VM and Template Folder…', 'apps');
  await inventory.drag(inventory.node('web'), 'Quarterdeck');
  await expect(inventory.hint).toHaveText('A VM cannot be in Quarterdeck; choose a host.');
  await inventory.drop('Quarterdeck');
  await expect(inventory.hint).toBeHidden();
  await inventory.drag(inventory.node('web'), 'apps');
  await expect(inventory.hint).toHaveText('Move web to apps');
  await inventory.drop('apps');
  await expect(inventory.node('web')).toHaveAttribute('aria-level', '4');
  await inventory.open('apps');
  await object.openTab('VMs');
  await expect(grid.names).toHaveText(['web']);
  await inventory.drag(grid.table.getByRole('row').filter({ hasText: 'web' }).getByText('Powered Off'), 'Datacenter');
  await expect(inventory.hint).toHaveText('Move web to Datacenter');
  await inventory.drop('Datacenter');
  await expect(inventory.node('web')).toHaveAttribute('aria-level', '3');
});

test('a host is cut and pasted into a cluster by keyboard, and moved out of it by dialog', async ({ page }) => {
  const inventory = new Inventory(page), dialog = page.getByRole('dialog');
  await inventory.create('Datacenter', 'New Cluster…', 'lab');
  await inventory.open('host-b');
  await page.keyboard.press('Control+x');
  for (const key of ['ArrowUp', 'ArrowUp']) await page.keyboard.press(key);
  await page.keyboard.press('Control+v');
  await expect(inventory.node('host-b')).toHaveAttribute('aria-level', '4');
  await inventory.choose('host-b', 'Move To…');
  await dialog.getByRole('treeitem', { name: 'Quarterdeck' }).click();
  await expect(dialog.getByText('A host cannot be in Quarterdeck.')).toBeVisible();
  await expect(dialog.getByRole('button', { name: 'Move' })).toBeDisabled();
  await dialog.getByRole('treeitem', { name: 'Datacenter' }).click();
  await expect(dialog.getByText('Compatibility checks succeeded.')).toBeVisible();
  await dialog.getByRole('button', { name: 'Move' }).click();
  await expect(inventory.node('host-b')).toHaveAttribute('aria-level', '3');
});

test('several VMs are selected, by Shift and by keyboard, and powered on, moved and deleted at once', async ({ page }) => {
  const [inventory, object, grid] = [new Inventory(page), new ObjectPage(page), new Grid(page, 'Virtual machines')], dialog = page.getByRole('dialog');
  await createVms(page, 'a1', 'a2', 'a3');
  await inventory.show('VMs and Templates');
  await inventory.create('Datacenter', 'New VM and Template Folder…', 'apps');
  await inventory.open('Datacenter');
  await object.openTab('VMs');
  await grid.check('a1').click();
  await grid.check('a3').click({ modifiers: ['Shift'] });
  await expect(grid.count).toHaveText('3 items, 3 selected');
  await grid.withSelected('Move To…');
  await dialog.getByRole('treeitem', { name: 'apps' }).click();
  await dialog.getByRole('button', { name: 'Move' }).click();
  await expect(inventory.node('a2')).toHaveAttribute('aria-level', '4');

  await grid.check('a1').focus();
  await page.keyboard.press('Escape');
  await expect(grid.count).toHaveText('3 items');
  await page.keyboard.press('Space');
  await page.keyboard.press('Shift+ArrowDown');
  await expect(grid.count).toHaveText('3 items, 2 selected');
  await grid.withSelected('Power On');
  await expect(grid.table.getByRole('row').filter({ hasText: 'Powered On' })).toHaveCount(2);
  await page.keyboard.press('Control+a');
  await grid.table.getByRole('checkbox', { name: 'Select all' }).check();
  await grid.withSelected(/^Delete \(1 of 3\)/);
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(grid.names).toHaveText(['a1', 'a2']);
});

test('tags and attributes are made, assigned to several VMs, seen on their pages, and searched by', async ({ page }) => {
  const [inventory, object, shell, labels, grid] = [new Inventory(page), new ObjectPage(page), new Shell(page), new LabelsPage(page), new Grid(page, 'Virtual machines')];
  await createVms(page, 'web', 'db');
  await shell.goTo('Tags & Custom Attributes');
  await labels.create('tag category', 'Stage');
  for (const name of ['Production', 'Test']) await labels.create('tag', name, dialog => dialog.getByLabel('Colour').selectOption('Red'));
  await labels.openTab('Custom Attributes');
  await labels.create('custom attribute', 'Owner');
  await inventory.open('host-a');
  await object.openTab('VMs');
  await grid.select('web', 'db');
  await grid.withSelected('Tags & Custom Attributes…');
  await labels.dialog.getByRole('checkbox', { name: 'Test' }).check();
  await labels.dialog.getByRole('checkbox', { name: 'Production' }).check();
  await expect(labels.dialog.getByRole('checkbox', { name: 'Test' })).not.toBeChecked();
  await labels.dialog.getByLabel('Owner').fill('Ada');
  await labels.save();
  await expect(grid.table.getByRole('row').filter({ hasText: 'Production' })).toHaveCount(2);
  await inventory.open('db');
  await expect(object.panel.getByRole('region', { name: 'Tags' })).toContainText('Production');
  await expect(object.panel.getByRole('region', { name: 'Custom Attributes' })).toContainText('OwnerAda');
  await object.panel.getByRole('button', { name: 'Edit notes' }).click();
  await labels.dialog.getByLabel('Notes').fill('Backed up\nnightly');
  await labels.save();
  await expect(object.panel.getByRole('region', { name: 'Notes' })).toContainText('nightly');

  await shell.search.fill('tag:prod notes:nightly');
  await expect(shell.result('db')).toBeVisible();
  await expect(shell.result('web')).toHaveCount(0);
  await shell.search.fill('colour:red');
  await expect(page.getByText('The search knows no "colour:"')).toBeVisible();
  await shell.search.fill('owner:ada');
  await shell.result('Show 2 results').click();
  await expect(new Grid(page, 'Search results').names).toHaveText(['db', 'web']);
  await page.getByRole('button', { name: 'Save Search…' }).click();
  await labels.dialog.getByRole('textbox', { name: 'Name' }).fill('Of Ada');
  await labels.save();
  await inventory.open('Quarterdeck');
  await shell.search.focus();
  await shell.result('Of Ada').click();
  await expect(new Grid(page, 'Search results').names).toHaveText(['db', 'web']);
});

test('a grid is filtered, its columns are chosen for good, and it is exported', async ({ page, host }) => {
  const [inventory, object, grid] = [new Inventory(page), new ObjectPage(page), new Grid(page, 'Virtual machines')];
  await createVms(page, '=web', 'db');
  await inventory.open('host-a');
  await object.openTab('VMs');
  await grid.toggleColumn('Guest');
  await grid.toggleColumn('Disks');
  await expect(grid.column('Guest')).toHaveCount(0);
  await page.reload();
  await expect(grid.column('Disks')).toBeVisible();
  await expect(grid.column('Guest')).toHaveCount(0);
  await grid.filter.fill('web off');
  await expect(grid.names).toHaveText(['=web']);
  await expect(grid.count).toHaveText('1 of 2 items');
  // Elsewhere than in a browser, Playwright is not told of downloads.
  if (host === 'server') expect(await grid.export(/^All rows/)).toBe("Name,State,Host,CPUs,Memory,Host CPU,Disks,Tags\r\n'=web,Powered Off,host-a.lab.local,1,512 MiB,,0,\r\n");
  await grid.filter.fill('nothing like it');
  await expect(page.getByText('Nothing matches the filter.')).toBeVisible();
});

test('the command palette does what the page can do, says why it cannot, and changes the look', async ({ page }) => {
  const [palette, vm] = [new CommandPalette(page), new VmPage(page)];
  const type = async (text: string) => {
    await page.keyboard.press('Control+k');
    await expect(palette.input).toBeFocused();
    await page.keyboard.type(text);
  };
  await createVms(page, 'web');
  await type('power off');
  await expect(palette.chosen).toContainText('It is powered off already.');
  await page.keyboard.press('Escape');
  await type('power on');
  await page.keyboard.press('Enter');
  await expect(vm.powerState).toHaveText('Powered On');
  await type('theme dark');
  await page.keyboard.press('Enter');
  await expect(page.locator('body')).toHaveAttribute('cds-theme', 'dark');
  await type('compact');
  await page.keyboard.press('Enter');
  await expect(page.locator('body')).toHaveAttribute('clr-density', 'compact');
  await type('renam');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'Rename virtual machine' })).toBeVisible();
});
