import type { Locator, Page } from '@playwright/test';

/** The page of the datacenter, a host or a VM. */
export class ObjectPage {
  readonly title: Locator;
  readonly panel: Locator;
  protected readonly page: Page;
  private readonly main: Locator;

  constructor(page: Page) {
    this.page = page;
    this.main = page.getByRole('main');
    this.title = this.main.getByRole('heading', { level: 1 });
    this.panel = this.main.getByRole('tabpanel').first();
  }

  tab(name: string): Locator { return this.main.getByRole('tab', { name, exact: true }); }

  async openTab(name: string): Promise<void> { await this.tab(name).click(); }

  async choose(action: string): Promise<void> {
    await this.main.getByRole('button', { name: 'Actions' }).click();
    await this.page.getByRole('menuitem', { name: action }).click();
  }
}
