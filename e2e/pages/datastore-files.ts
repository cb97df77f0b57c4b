import type { Locator, Page } from '@playwright/test';

/** The Files tab of a datastore. */
export class DatastoreFiles {
  readonly grid: Locator;
  readonly bar: Locator;
  readonly folder: Locator;
  private readonly page: Page;

  constructor(page: Page) {
    this.page = page;
    this.bar = page.getByRole('toolbar', { name: 'Files' });
    this.folder = page.getByRole('navigation', { name: 'Folder' });
    this.grid = page.getByRole('table', { name: 'Files of the datastore' });
  }

  row(name: string): Locator { return this.grid.getByRole('row').filter({ hasText: name }); }
  button(name: string): Locator { return this.bar.getByRole('button', { name, exact: true }); }
  async choose(name: string): Promise<void> { await this.grid.getByRole('checkbox', { name: `Select ${name}` }).check(); }

  async upload(name: string, contents: Buffer): Promise<void> {
    await this.page.getByLabel('Files to upload').setInputFiles({ name, mimeType: 'application/octet-stream', buffer: contents });
    await this.row(name).waitFor();
  }

  async answer(text: string, button: string): Promise<void> {
    const dialog = this.page.getByRole('dialog');
    await dialog.getByRole('textbox').fill(text);
    await dialog.getByRole('button', { name: button, exact: true }).click();
  }
}
