import type { Locator, Page } from '@playwright/test';

/** A VM's Snapshots tab. */
export class Snapshots {
  readonly tree: Locator;
  private readonly page: Page;
  private readonly bar: Locator;

  constructor(page: Page) {
    this.page = page;
    this.tree = page.getByRole('tree', { name: 'Snapshots' });
    this.bar = page.getByRole('toolbar', { name: 'Snapshots' });
  }

  node(name: string): Locator { return this.tree.getByRole('treeitem', { name: new RegExp(`^${name}`) }); }

  async take(name: string, description = ''): Promise<void> {
    await this.bar.getByRole('button', { name: 'Take Snapshot…' }).click();
    const dialog = this.page.getByRole('dialog', { name: 'Take snapshot' });
    await dialog.getByLabel('Name').fill(name);
    await dialog.getByLabel('Description').fill(description);
    await dialog.getByRole('button', { name: 'Take Snapshot' }).click();
  }

  async rename(name: string, to: string): Promise<void> {
    await this.node(name).click();
    await this.bar.getByRole('button', { name: 'Edit…' }).click();
    const dialog = this.page.getByRole('dialog', { name: 'Edit snapshot' });
    await dialog.getByLabel('Name').fill(to);
    await dialog.getByRole('button', { name: 'Save' }).click();
  }

  async deleteAll(): Promise<void> {
    await this.bar.getByRole('button', { name: 'Delete All' }).click();
    await this.page.getByRole('alertdialog').getByRole('button', { name: 'Delete All' }).click();
  }

  async revertTo(name: string): Promise<void> { await this.change(name, 'Revert'); }
  async delete(name: string): Promise<void> { await this.change(name, 'Delete'); }

  private async change(name: string, action: string): Promise<void> {
    await this.node(name).click();
    await this.bar.getByRole('button', { name: action, exact: true }).click();
    await this.page.getByRole('alertdialog').getByRole('button', { name: action, exact: true }).click();
  }
}
