import type { Locator, Page } from '@playwright/test';
import { ObjectPage } from './object-page.ts';

/** A host's page, its dialogs, and the wizard that adds one. */
export class HostPage extends ObjectPage {
  readonly state: Locator;
  readonly addWizard: Locator;
  readonly editDialog: Locator;
  readonly poolDialog: Locator;
  readonly maintenanceDialog: Locator;
  readonly systemDialog: Locator;

  constructor(page: Page) {
    super(page);
    this.state = page.getByRole('main').getByText(/^(Connected|Disconnected|Powered Off|Booting|Not Responding|(Entering )?Maintenance Mode)$/).first();
    this.addWizard = page.getByRole('dialog', { name: 'Add Host' });
    this.editDialog = page.getByRole('dialog', { name: /^Edit Host/ });
    this.poolDialog = page.getByRole('dialog', { name: /Resource Pool/ });
    this.systemDialog = page.getByRole('dialog', { name: 'Host system' });
    this.maintenanceDialog = page.getByRole('dialog', { name: 'Enter maintenance mode' });
  }

  card(name: string): Locator { return this.panel.getByRole('region', { name, exact: true }); }
  menuItem(name: string): Locator { return this.page.getByRole('menuitem', { name }); }
  row(name: string): Locator { return this.panel.getByRole('row').filter({ hasText: name }); }

  async openActions(): Promise<void> { await this.page.getByRole('main').getByRole('button', { name: 'Actions' }).click(); }

  async openConfigure(section: string): Promise<void> {
    await this.openTab('Configure');
    await this.page.getByRole('tablist', { name: 'Configure' }).getByRole('tab', { name: section, exact: true }).click();
  }

  async power(action: 'Power On' | 'Power Off'): Promise<void> {
    await this.page.getByRole('main').getByRole('button', { name: action, exact: true }).click();
    if (action === 'Power Off') await this.page.getByRole('alertdialog').getByRole('button', { name: action }).click();
  }

  /** From the page of a datacenter. */
  async add(name: string, { profile, cpus }: { readonly profile: string; readonly cpus?: number }): Promise<void> {
    const { addWizard } = this;
    await this.choose('Add Host…');
    await addWizard.getByLabel('Host name', { exact: true }).fill(name);
    await addWizard.getByRole('button', { name: 'Next' }).click();
    await addWizard.getByLabel('Profile').selectOption(profile);
    if (cpus !== undefined) await addWizard.getByLabel('CPUs', { exact: true }).fill(String(cpus));
    await addWizard.getByRole('button', { name: 'Next' }).click();
    await addWizard.getByRole('button', { name: 'Finish' }).click();
  }

  async addPool(name: string, { cpuReservation }: { readonly cpuReservation: number }): Promise<void> {
    await this.choose('New Resource Pool…');
    await this.poolDialog.getByLabel('Name', { exact: true }).fill(name);
    await this.poolDialog.getByLabel('CPU shares').selectOption('High');
    await this.poolDialog.getByLabel('CPU reservation', { exact: true }).fill(String(cpuReservation));
    await this.poolDialog.getByRole('button', { name: 'OK' }).click();
  }
}
