import type { Locator, Page } from '@playwright/test';
import { ObjectPage } from './object-page.ts';
import { Terminal } from './terminal.ts';

/** A VM's page with its power actions. */
export class VmPage extends ObjectPage {
  readonly powerState: Locator;
  readonly terminal: Terminal;
  private readonly power: Locator;

  constructor(page: Page) {
    super(page);
    this.power = page.getByRole('toolbar', { name: 'Power' });
    this.powerState = page.getByRole('main').getByText(/^(Power(ed|ing) (On|Off)|Suspend(ing|ed))$/).first();
    this.terminal = new Terminal(page);
  }

  powerAction(name: string): Locator { return this.power.getByRole('button', { name, exact: true }); }

  async powerOn(): Promise<void> { await this.powerAction('Power On').click(); }

  async shutDownGuest(): Promise<void> { await this.powerAction('Shut Down Guest OS').click(); }

  async powerOff(): Promise<void> {
    await this.powerAction('Power Off').click();
    await this.confirm('Power Off');
  }

  async delete(): Promise<void> {
    await this.choose('Delete');
    await this.confirm('Delete');
  }

  /** Its serial port, also of a VM that has a display. */
  async openConsole(): Promise<void> {
    await this.openTab('Console');
    const serial = this.page.getByRole('tab', { name: 'Serial Port' });
    await this.terminal.console.or(serial).first().waitFor();
    if (await serial.isVisible()) await serial.click();
  }

  async openDisplay(): Promise<void> {
    await this.openTab('Console');
    await this.page.getByRole('tab', { name: 'Display', exact: true }).click();
  }

  private async confirm(label: string): Promise<void> {
    await this.page.getByRole('alertdialog').getByRole('button', { name: label, exact: true }).click();
  }
}
