import type { Locator, Page } from '@playwright/test';

/** The wizard that moves VMs to another host, or their files to another datastore. */
export class MigrateWizard {
  readonly dialog: Locator;
  readonly compatibility: Locator;

  constructor(page: Page) {
    this.dialog = page.getByRole('dialog', { name: /^Migrate: / });
    this.compatibility = this.dialog.getByRole('region', { name: 'Compatibility' });
  }

  type(name: string): Locator { return this.dialog.getByRole('radio', { name: new RegExp(`^${name}`) }); }
  datastore(name: string): Locator { return this.dialog.getByRole('radio', { name: new RegExp(`^${name}`) }); }
  host(name: string): Locator { return this.dialog.getByRole('radio', { name: new RegExp(`^${name}`) }); }
  async next(): Promise<void> { await this.dialog.getByRole('button', { name: 'Next' }).click(); }
  async finish(): Promise<void> { await this.dialog.getByRole('button', { name: 'Finish' }).click(); }
}
