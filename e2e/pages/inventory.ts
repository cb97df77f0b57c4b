import type { Locator, Page } from '@playwright/test';

/** The navigator at the left: Hosts and Clusters, or VMs and Templates. */
export class Inventory {
  readonly tree: Locator;
  private readonly page: Page;

  constructor(page: Page) {
    this.page = page;
    this.tree = page.getByRole('navigation', { name: 'Inventory' }).getByRole('tree');
  }

  node(name: string): Locator { return this.tree.getByRole('treeitem', { name: new RegExp(`^${name}\\b`) }); }

  async open(name: string): Promise<void> { await this.node(name).click(); }

  async show(view: 'Hosts and Clusters' | 'VMs and Templates'): Promise<void> {
    await this.page.getByRole('tab', { name: view }).click();
  }
}
