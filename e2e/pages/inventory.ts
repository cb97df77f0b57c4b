import type { Locator, Page } from '@playwright/test';

/** The navigator at the left with its four trees, and what is done with it. */
export class Inventory {
  readonly tree: Locator;
  /** What is said of the row that something is dragged over. */
  readonly hint: Locator;
  private readonly page: Page;

  constructor(page: Page) {
    this.page = page;
    const pane = page.getByRole('navigation', { name: 'Inventory' });
    this.tree = pane.getByRole('tree');
    this.hint = pane.getByRole('status');
  }

  node(name: string): Locator { return this.tree.getByRole('treeitem', { name: new RegExp(`^${name}\\b`) }); }

  async open(name: string): Promise<void> { await this.node(name).click(); }

  async show(view: 'Hosts and Clusters' | 'VMs and Templates' | 'Storage' | 'Networking'): Promise<void> {
    await this.page.getByRole('tab', { name: view }).click();
  }

  /** The names of all nodes in view, in order. */
  get names(): Locator { return this.tree.getByRole('treeitem').locator('.tree-view-label'); }

  async choose(node: string, action: string): Promise<void> {
    await this.node(node).click({ button: 'right' });
    await this.page.getByRole('menuitem', { name: action, exact: true }).click();
  }

  /** By the menu of what it is made in; ends when its page is shown. */
  async create(parent: string, action: string, name: string): Promise<void> {
    await this.choose(parent, action);
    const dialog = this.page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Name' }).fill(name);
    await dialog.getByRole('button', { name: /^Create/ }).click();
    await this.page.getByRole('main').getByRole('heading', { level: 1, name }).waitFor();
  }

  /** Holds something over a node, until something is said of it. */
  async drag(from: Locator, to: string): Promise<void> {
    await from.hover();
    await this.page.mouse.down();
    // The first move begins to drag, the second is over the other node.
    for (const y of [8, 12]) await this.node(to).hover({ position: { x: 4, y } });
    await this.hint.waitFor();
  }

  /** Lets go of it where it is. */
  async drop(on: string): Promise<void> {
    for (const y of [9, 10]) await this.node(on).hover({ position: { x: 4, y } });
    await this.page.mouse.up();
  }
}
