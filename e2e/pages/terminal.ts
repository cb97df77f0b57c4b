import type { Locator, Page } from '@playwright/test';

/** A VM's serial console, read as a screen reader reads it. */
export class Terminal {
  readonly console: Locator;
  /** The rows now on screen. */
  readonly text: Locator;
  private readonly page: Page;
  private readonly input: Locator;

  constructor(page: Page) {
    this.console = page.getByRole('group', { name: /^Serial console of / });
    this.page = page;
    this.text = this.console.getByRole('list');
    this.input = this.console.getByRole('textbox');
  }

  async type(line: string): Promise<void> {
    await this.input.focus();
    await this.page.keyboard.type(line);
    await this.page.keyboard.press('Enter');
  }
}
