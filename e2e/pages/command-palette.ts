import type { Locator, Page } from '@playwright/test';

/** What Ctrl+K opens. */
export class CommandPalette {
  readonly input: Locator;
  /** The one that Enter does. */
  readonly chosen: Locator;

  constructor(page: Page) {
    const dialog = page.getByRole('dialog', { name: 'Command palette' });
    this.input = dialog.getByRole('combobox');
    this.chosen = dialog.getByRole('option', { selected: true });
  }
}
