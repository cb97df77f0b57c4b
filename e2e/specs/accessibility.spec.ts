import type { Page } from '@playwright/test';
import { expect, test } from '../fixtures/app.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { walkDialogs, walkInventory, walkPages, type Audit } from '../pages/walks.ts';

const auditOf = (page: Page): Audit => what => test.step(what, async () => { expect.soft(await violations(page)).toEqual([]); });

for (const [what, walk] of [['every page is', walkPages], ['menus, search and dialogs are', walkDialogs], ['pages and dialogs of the inventory are', walkInventory]] as const) {
  test(`${what} accessible`, { tag: LOOK }, async ({ page }) => {
    test.setTimeout(180_000);
    await walk(page, auditOf(page));
  });
}
