import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '../fixtures/app.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { DatastoreFiles } from '../pages/datastore-files.ts';
import { Inventory } from '../pages/inventory.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { ObjectPage } from '../pages/object-page.ts';
import { RecentTasks } from '../pages/recent-tasks.ts';

test('files go into a datastore and out of it, and a VM is made on it', { tag: LOOK }, async ({ page }) => {
  const [inventory, files, object, wizard] = [new Inventory(page), new DatastoreFiles(page), new ObjectPage(page), new NewVmWizard(page)];
  const folder = await mkdtemp(join(tmpdir(), 'shelf-')), contents = Buffer.alloc(3 * 2 ** 20 + 17, 'quarterdeck');
  try {
    await inventory.show('Storage');
    await inventory.choose('Datacenter', 'New Datastore…');
    const dialog = page.getByRole('dialog', { name: 'New Datastore' });
    await dialog.getByRole('textbox', { name: 'Name' }).fill('shelf');
    await dialog.getByRole('textbox', { name: 'Folder' }).fill(folder);
    await dialog.getByText('Less than all of the file system').click();
    await dialog.getByRole('textbox', { name: 'Capacity in GiB' }).fill('0.5');
    expect(await violations(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Add' }).click();
    await expect(object.title).toHaveText('shelf');
    await expect(object.panel.getByRole('meter', { name: 'Used' })).toHaveAttribute('aria-valuetext', /of 512 MiB/);

    await object.openTab('Files');
    await files.upload('image.iso', contents);
    expect((await readFile(join(folder, 'image.iso'))).equals(contents)).toBe(true);
    await files.choose('image.iso');
    expect(await violations(page)).toEqual([]);
    await files.button('Checksum').click();
    await expect(new RecentTasks(page).row('Compute checksum')).toContainText(createHash('sha256').update(contents).digest('hex').slice(0, 8));
    const download = page.waitForEvent('download');
    await files.button('Download').click();
    expect((await readFile(await (await download).path())).equals(contents)).toBe(true);
    await files.button('Rename…').click();
    await files.answer('other.iso', 'Rename');
    await expect(files.row('other.iso')).toBeVisible();
    await files.button('New Folder…').click();
    await files.answer('deep', 'Create');
    await files.row('deep').getByRole('button', { name: 'deep' }).click();
    await expect(files.folder.getByRole('button', { name: 'deep' })).toHaveAttribute('aria-current', 'location');
    await files.folder.getByRole('button', { name: 'shelf' }).click();

    await inventory.show('Hosts and Clusters');
    await inventory.open('Quarterdeck');
    await wizard.open();
    await wizard.next();
    await wizard.nameIt('stored');
    await wizard.next();
    await wizard.next();
    await wizard.dialog.getByRole('radio', { name: 'shelf' }).check();
    await wizard.next();
    await wizard.next();
    await wizard.chooseDiagnostics();
    await wizard.next();
    await wizard.addNewDisk(1, { sizeMib: 4 });
    await wizard.next();
    await expect(wizard.dialog.getByRole('definition').filter({ hasText: 'shelf' })).toBeVisible();
    await wizard.finish();
    await expect(object.title).toHaveText('stored');
    const own = (await readdir(folder)).find(name => name.startsWith('vm-'))!;

    await inventory.show('Storage');
    await inventory.open('shelf');
    await object.openTab('Files');
    await files.choose(own);
    await expect(files.button('Delete…')).toHaveAttribute('aria-description', `${own} belongs to stored.`);
    await page.getByRole('checkbox', { name: `Select ${own}` }).uncheck();
    await files.choose('other.iso');
    await files.button('Delete…').click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await expect(files.row('other.iso')).toBeHidden();
  } finally { await rm(folder, { recursive: true }); }
});
