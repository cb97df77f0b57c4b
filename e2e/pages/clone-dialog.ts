import type { Locator, Page } from '@playwright/test';

/** The dialog that copies a VM or a template. */
export class CloneDialog {
  readonly dialog: Locator;
  constructor(page: Page, title: 'Clone Virtual Machine' | 'Clone to Template' | 'Deploy From Template') { this.dialog = page.getByRole('dialog', { name: title }); }

  field(label: string): Locator { return this.dialog.getByLabel(label, { exact: true }); }

  async finish(name: string, { linked = false, source }: { readonly linked?: boolean; readonly source?: string } = {}): Promise<void> {
    if (source !== undefined) await this.dialog.getByLabel(/^(Template|Virtual machine to clone)$/).selectOption({ label: source });
    await this.field('Name').fill(name);
    if (linked) await this.field('Disks').selectOption({ label: 'Linked clone' });
    await this.dialog.getByRole('button', { name: /^(Clone|Deploy)$/ }).click();
  }
}
