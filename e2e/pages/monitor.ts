import type { Locator, Page } from '@playwright/test';

/** The Monitor tab of any object. */
export class Monitor {
  readonly panel: Locator;
  readonly legend: Locator;
  readonly options: Locator;
  private readonly page: Page;

  constructor(page: Page) {
    this.page = page;
    this.panel = page.getByRole('main').getByRole('tabpanel').last();
    this.legend = page.getByRole('table', { name: 'Legend' });
    this.options = page.getByRole('dialog', { name: 'Chart Options' });
  }

  async open(section: string): Promise<void> {
    await this.page.getByRole('main').getByRole('tab', { name: 'Monitor', exact: true }).click();
    await this.page.getByRole('tablist', { name: 'Monitor' }).getByRole('tab', { name: section, exact: true }).click();
  }

  chart(title: string): Locator { return this.page.getByRole('figure', { name: title, exact: true }); }
  /** The latest figures of a chart, as a screen reader has them. */
  figures(title: string): Locator { return this.chart(title).getByRole('table').locator('tbody tr'); }

  async choose(...counters: (string | RegExp)[]): Promise<void> {
    await this.page.getByRole('button', { name: 'Chart Options…' }).click();
    for (const counter of counters) await this.options.getByRole('checkbox', { name: counter }).check();
    await this.options.getByRole('button', { name: 'OK' }).click();
  }

  async export(what: 'PNG' | 'CSV') {
    const download = this.page.waitForEvent('download');
    await this.page.getByRole('button', { name: `Export ${what}` }).click();
    return download;
  }
}
