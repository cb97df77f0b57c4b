/** Ways through the console that pass its pages, menus and dialogs; `audit` looks at the page at each place. */
import { expect, type Page } from '@playwright/test';
import { CommandPalette } from './command-palette.ts';
import { EditSettings } from './edit-settings.ts';
import { Grid } from './grid.ts';
import { Inventory } from './inventory.ts';
import { LabelsPage } from './labels-page.ts';
import { NewVmWizard } from './new-vm-wizard.ts';
import { ObjectPage } from './object-page.ts';
import { Shell } from './shell.ts';
import { VmPage } from './vm-page.ts';

export type Audit = (what: string) => Promise<void>;

async function eachTab(page: Page, tabs: readonly string[], title: string, audit: Audit) {
  const object = new ObjectPage(page);
  await expect(object.title).toHaveText(title);
  for (const tab of tabs) {
    await object.openTab(tab);
    await expect(object.tab(tab)).toHaveAttribute('aria-selected', 'true');
    await audit(`${title}, ${tab}`);
  }
}

async function eachWizardPage(page: Page, wizard: NewVmWizard, audit: Audit) {
  await wizard.open();
  for (const title of ['Select a creation type', 'Select a name and folder', 'Select a compute resource', 'Select storage', 'Select compatibility', 'Select a guest', 'Customize hardware', 'Ready to complete']) {
    await expect(wizard.pageTitle).toHaveText(title);
    if (title === 'Select a name and folder') await wizard.nameIt('another');
    // A machine for an operating system has a disk, a drive, an adapter and a display already.
    if (title === 'Select a guest') await wizard.chooseDiagnostics();
    if (title === 'Customize hardware') {
      await wizard.addNewDisk(1, { sizeMib: 64, bus: 'NVMe' });
      await wizard.dialog.getByRole('button', { name: 'Add network adapter' }).click();
      await wizard.dialog.getByRole('button', { name: 'Add port forward' }).click();
      await wizard.field('Host port of port forward 1 of network adapter 1').fill('8080');
      await wizard.field('Guest port of port forward 1 of network adapter 1').fill('80');
      await wizard.field('Video adapter').selectOption('virtio-gpu');
      await wizard.field('Display size').selectOption('Fixed');
      await wizard.field('VNC server').selectOption('TCP port on loopback');
    }
    await audit(title);
    if (title !== 'Ready to complete') await wizard.next();
  }
  await page.keyboard.press('Escape');
}

/** Every tab of the root, a host and a VM that is on, and the wizard for VMs. */
export async function walkPages(page: Page, audit: Audit): Promise<void> {
  const [inventory, wizard, vm] = [new Inventory(page), new NewVmWizard(page), new VmPage(page)];
  await eachTab(page, ['Summary', 'Monitor', 'VMs'], 'Quarterdeck', audit);
  await wizard.create({ name: 'gone' });
  await expect(vm.title).toHaveText('gone');
  await vm.delete();
  await inventory.open('Quarterdeck');
  await eachTab(page, ['Recently Deleted'], 'Quarterdeck', audit);
  await wizard.create({ name: 'audited', disks: [{ sizeMib: 1 }] });
  await expect(vm.title).toHaveText('audited');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');
  await eachTab(page, ['Summary', 'Monitor', 'Configure', 'Snapshots', 'Console'], 'audited', audit);
  await vm.openTab('Monitor');
  await vm.tab('Disks').click();
  await expect(page.getByRole('region', { name: 'Disk 1' })).toBeVisible();
  await audit('audited, Disks');
  await inventory.open('host-a');
  await eachTab(page, ['Summary', 'Monitor', 'VMs'], 'host-a.lab.local', audit);
  await eachWizardPage(page, wizard, audit);
}

/** A VM's menu and dialogs, the search, and the browser of files. */
export async function walkDialogs(page: Page, audit: Audit): Promise<void> {
  const [shell, wizard, vm] = [new Shell(page), new NewVmWizard(page), new VmPage(page)], settings = new EditSettings(page, vm);
  await wizard.create({ name: 'audited' });
  await expect(vm.title).toHaveText('audited');

  await page.getByRole('main').getByRole('button', { name: 'Actions' }).click();
  await expect(page.getByRole('menu')).toBeVisible();
  await audit('menu');
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await expect(page.getByRole('alertdialog')).toBeVisible();
  await audit('confirmation');
  await page.keyboard.press('Escape');
  await vm.choose('Rename');
  await page.getByRole('textbox', { name: 'Name' }).fill('');
  await expect(page.getByText('Enter a name.')).toBeVisible();
  await audit('rename, with an error');
  await page.keyboard.press('Escape');

  await settings.open();
  await settings.field('CPU').fill('');
  await audit('settings, with an error');
  await settings.dialog.getByRole('tab', { name: 'VM Options' }).click();
  await audit('options');
  await page.keyboard.press('Escape');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');
  await settings.open();
  await settings.addNewDisk(1, { sizeMib: 1 });
  await audit('settings of a running VM');
  await page.keyboard.press('Escape');

  await shell.search.fill('a');
  await expect(shell.result('audited')).toBeVisible();
  await audit('search');
  await shell.result('host-a').click();

  await wizard.open();
  await wizard.next();
  await wizard.nameIt('other');
  await wizard.next();
  await wizard.next();
  await wizard.next();
  await wizard.next();
  await wizard.chooseLinux({ kernelPath: '/dev/null' });
  await page.getByRole('button', { name: 'Browse for Kernel', exact: true }).click();
  await expect(page.getByRole('tree', { name: 'Files' })).toBeVisible();
  await audit('file browser');
}

/** What the inventory is ordered by: containers, moving, tags and attributes, the palette and the search. */
export async function walkInventory(page: Page, audit: Audit): Promise<void> {
  const [inventory, object, shell, labels, grid, vm] = [new Inventory(page), new ObjectPage(page), new Shell(page), new LabelsPage(page), new Grid(page, 'Virtual machines'), new VmPage(page)];
  const dialog = page.getByRole('dialog');
  await new NewVmWizard(page).create({ name: 'audited' });
  await expect(vm.title).toHaveText('audited');
  await inventory.create('Datacenter', 'New Cluster…', 'lab');
  await audit('cluster');
  await inventory.create('Datacenter', 'New Network…', 'net');
  await audit('network');
  await inventory.create('Datacenter', 'New VM and Template Folder…', 'apps');
  await inventory.show('VMs and Templates');
  await audit('folder');
  await object.openTab('VMs');
  await audit('empty grid');
  await inventory.open('Datacenter');
  for (const tab of ['Summary', 'Monitor', 'Hosts & Clusters', 'VMs', 'Datastores', 'Networks']) {
    await object.openTab(tab);
    await expect(object.tab(tab)).toHaveAttribute('aria-selected', 'true');
    await audit(`datacenter, ${tab}`);
  }
  await inventory.choose('Datacenter', 'New Network…');
  await audit('new network');
  await page.keyboard.press('Escape');

  await object.openTab('VMs');
  await grid.select('audited');
  await page.getByRole('button', { name: 'Columns' }).click();
  await audit('columns');
  await page.keyboard.press('Escape');
  await grid.withSelected('Move To…');
  await dialog.getByRole('treeitem', { name: 'Quarterdeck' }).click();
  await expect(dialog.getByText('A VM cannot be in Quarterdeck')).toBeVisible();
  await audit('move');
  await page.keyboard.press('Escape');
  await inventory.drag(inventory.node('audited'), 'Quarterdeck');
  await expect(inventory.hint).toContainText('cannot be in Quarterdeck');
  await audit('dragging');
  await inventory.drop('Quarterdeck');

  await shell.goTo('Tags & Custom Attributes');
  await audit('no tags');
  await labels.create('tag category', 'Stage');
  await labels.create('tag', 'Production', async form => { await form.getByLabel('Colour').selectOption('Yellow'); await audit('new tag'); });
  await audit('tags');
  await labels.openTab('Categories');
  await audit('categories');
  await labels.openTab('Custom Attributes');
  await labels.create('custom attribute', 'Owner');
  await inventory.open('audited');
  await object.choose('Tags & Custom Attributes…');
  await labels.dialog.getByRole('checkbox', { name: 'Production' }).check();
  await audit('tags of a VM');
  await labels.save();
  await expect(object.panel.getByText('Production')).toBeVisible();
  await audit('summary with tags');
  await object.choose('Edit Notes…');
  await audit('notes');
  await page.keyboard.press('Escape');

  await page.keyboard.press('Control+k');
  await expect(new CommandPalette(page).input).toBeFocused();
  await page.keyboard.type('po');
  await audit('palette');
  await page.keyboard.press('Escape');
  await shell.search.fill('audited');
  await shell.result('Show 1 result').click();
  await expect(new Grid(page, 'Search results').names).toHaveText(['audited']);
  await audit('search results');
  await page.getByRole('button', { name: 'Save Search…' }).click();
  await audit('save search');
  await labels.save();
  await page.getByRole('searchbox', { name: 'Search query' }).fill('colour:red');
  await page.keyboard.press('Enter');
  await expect(page.getByText('The search knows no "colour:"')).toBeVisible();
  await audit('search with an error');
  await shell.setTheme('Compact rows');
  await audit('compact');
}
