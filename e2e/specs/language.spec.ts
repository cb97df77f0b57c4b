import { expect, test } from '../fixtures/app.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { Inventory } from '../pages/inventory.ts';
import { speak, untranslated } from '../pages/language.ts';
import { Shell } from '../pages/shell.ts';
import { walkDialogs, walkInventory, walkPages, type Audit } from '../pages/walks.ts';

/** What operators, the walks and the engine's first start have named. */
const NAMES = ['SBSA revision 1', 'audited', 'gone', 'another', 'other', 'lab', 'net', 'apps', 'Stage', 'Production', 'Owner', 'host-a.lab.local', 'host-b.lab.local', 'Datacenter', 'VM Network', 'datastore', 'New VM', 'colour:red'];

/** Where a question or an answer is held that was said before the language changes. */
const HELD = ['confirmation', 'move', 'dragging'];

for (const [what, walk] of [['page', walkPages], ['menu and dialog', walkDialogs], ['page and dialog of the inventory', walkInventory]] as const) test(`every text of each ${what} is in the catalogs`, { tag: LOOK }, async ({ page }) => {
  test.setTimeout(180_000);
  const audit: Audit = where => test.step(where, async () => {
    await speak(page, 'en-XA');
    await expect(page.getByRole('button', { name: '⟦Menu⟧', includeHidden: true })).toBeAttached();
    expect.soft(await untranslated(page, NAMES, HELD.includes(where)), where).toEqual([]);
    await speak(page, 'en');
    await expect(page.getByRole('button', { name: 'Menu', exact: true, includeHidden: true })).toBeAttached();
  });
  await walk(page, audit);
});

test('the menu of languages changes the page at once, and for the next time', async ({ page }) => {
  const header = page.getByRole('banner'), main = page.getByRole('main');
  await new Inventory(page).create('Datacenter', 'New Network…', 'net');
  await new Shell(page).goTo('Tags & Custom Attributes');
  await expect(page.locator('html')).toHaveAttribute('lang', 'en-GB');
  await header.getByRole('button', { name: 'Language' }).click();
  await page.getByRole('menuitemradio', { name: 'Deutsch' }).click();
  const german = async () => {
    await expect(page.locator('html')).toHaveAttribute('lang', 'de-DE');
    await expect(main.getByRole('heading', { level: 1 })).toHaveText('Tags und benutzerdefinierte Attribute');
    await expect(main.getByRole('tab', { name: 'Kategorien', exact: true })).toBeVisible();
    await expect(page.getByRole('tab', { name: 'Aktuelle Aufgaben' })).toBeVisible();
    await expect(page.getByRole('tree', { name: 'Hosts und Cluster' })).toBeVisible();
  };
  await german();
  expect(await violations(page)).toEqual([]);
  await page.reload();
  await german();

  // The dock as well, with its dates.
  const dock = page.getByRole('region', { name: 'Aktuelle Aufgaben und Alarme' });
  await expect(dock.getByRole('columnheader', { name: 'Startzeit' })).toBeVisible();
  await expect(dock.getByRole('row').nth(1)).toContainText(/Abgeschlossen.*\d{2}\.\d{2}\.\d{2}, \d{2}:\d{2}:\d{2}/);

  await header.getByRole('button', { name: 'Sprache' }).click();
  await page.getByRole('menuitemradio', { name: 'English' }).click();
  await expect(page.getByRole('tab', { name: 'Recent Tasks' })).toBeVisible();
});
