import type { Locator, Page } from '@playwright/test';

/** Definitions of alarms on an object's Configure tab, and what is triggered in the dock. */
export class Alarms {
  readonly wizard: Locator;
  readonly definitions: Locator;
  readonly triggered: Locator;
  readonly issues: Locator;
  private readonly page: Page;

  constructor(page: Page) {
    this.page = page;
    this.wizard = page.getByRole('dialog', { name: /Alarm Definition$/ });
    this.definitions = page.getByRole('table', { name: 'Alarm Definitions' });
    this.triggered = page.getByRole('region', { name: 'Recent Tasks and Alarms' }).getByRole('table', { name: 'Alarms' });
    this.issues = page.getByRole('table', { name: 'All Issues' });
  }

  async openDefinitions(): Promise<void> {
    await this.page.getByRole('main').getByRole('tab', { name: 'Configure', exact: true }).click();
    await this.page.getByRole('tab', { name: 'Alarm Definitions' }).click();
  }

  async showDock(): Promise<void> { await this.page.getByRole('tab', { name: 'Alarms', exact: true }).click(); }

  async begin(name: string): Promise<void> {
    await this.page.getByRole('button', { name: 'New alarm definition' }).click();
    await this.field('Alarm name').fill(name);
  }

  field(label: string): Locator { return this.wizard.getByLabel(label, { exact: true }); }
  async next(): Promise<void> { await this.wizard.getByRole('button', { name: 'Next' }).click(); }
  async finish(): Promise<void> { await this.wizard.getByRole('button', { name: 'Finish' }).click(); }
  row(table: Locator, text: string): Locator { return table.getByRole('row').filter({ hasText: text }); }
}
