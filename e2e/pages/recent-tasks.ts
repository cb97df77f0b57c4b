import type { Locator, Page } from '@playwright/test';

/** The dock at the bottom. */
export class RecentTasks {
  private readonly dock: Locator;

  constructor(page: Page) { this.dock = page.getByRole('region', { name: 'Recent Tasks' }); }

  row(task: string | RegExp): Locator { return this.dock.getByRole('row').filter({ hasText: task }); }
}
