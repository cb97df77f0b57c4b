import type { Locator, Page } from '@playwright/test';
import { ObjectPage } from './object-page.ts';

/** Tags & Custom Attributes, and the dialog that assigns them. */
export class LabelsPage extends ObjectPage {
  readonly dialog: Locator;

  constructor(page: Page) {
    super(page);
    this.dialog = page.getByRole('dialog');
  }

  /** On the tab that lists its kind; `more` fills in what else there is. */
  async create(kind: 'tag category' | 'tag' | 'custom attribute', name: string, more: (dialog: Locator) => Promise<unknown> = () => Promise.resolve()): Promise<void> {
    await this.panel.getByRole('button', { name: `New ${kind}`, exact: true }).click();
    await this.dialog.getByRole('textbox', { name: 'Name' }).fill(name);
    await more(this.dialog);
    await this.dialog.getByRole('button', { name: 'Create' }).click();
    await this.dialog.waitFor({ state: 'detached' });
  }

  async save(): Promise<void> {
    await this.dialog.getByRole('button', { name: 'Save', exact: true }).click();
    await this.dialog.waitFor({ state: 'detached' });
  }
}
