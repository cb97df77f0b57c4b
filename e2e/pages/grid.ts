import { readFile } from 'node:fs/promises';
import type { Locator, Page } from '@playwright/test';

/** A grid with tools: filter, selection, columns, export. */
export class Grid {
  readonly table: Locator;
  readonly filter: Locator;
  readonly count: Locator;
  private readonly page: Page;
  private readonly tools: Locator;

  constructor(page: Page, label: string) {
    this.page = page;
    this.table = page.getByRole('main').getByRole('table', { name: label });
    this.tools = page.getByRole('toolbar', { name: `${label}: tools` });
    this.filter = this.tools.getByRole('searchbox');
    this.count = this.tools.getByRole('status');
  }

  get names(): Locator { return this.table.getByRole('row').getByRole('link'); }
  column(name: string): Locator { return this.table.getByRole('columnheader', { name, exact: true }); }
  check(name: string): Locator { return this.table.getByRole('checkbox', { name: `Select ${name}`, exact: true }); }

  async select(...names: readonly string[]): Promise<void> { for (const name of names) await this.check(name).check(); }

  async withSelected(action: string | RegExp): Promise<void> {
    await this.tools.getByRole('button', { name: 'With selected' }).click();
    await this.page.getByRole('menuitem', { name: action }).click();
  }

  async toggleColumn(name: string): Promise<void> {
    await this.tools.getByRole('button', { name: 'Columns' }).click();
    await this.page.getByRole('menuitemcheckbox', { name, exact: true }).click();
    await this.page.keyboard.press('Escape');
  }

  /** What is in the file that is saved. */
  async export(which: RegExp): Promise<string> {
    await this.tools.getByRole('button', { name: 'Export' }).click();
    const [file] = await Promise.all([this.page.waitForEvent('download'), this.page.getByRole('menuitem', { name: which }).click()]);
    return readFile(await file.path(), 'utf8');
  }
}
