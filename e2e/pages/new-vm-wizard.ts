import type { Locator, Page } from '@playwright/test';
import { addNewDisk, type NewDisk } from './edit-settings.ts';

export interface LinuxGuest { readonly kernelPath: string; readonly initrdPath?: string; readonly commandLine?: string }

/** The New Virtual Machine wizard, page by page. */
export class NewVmWizard {
  readonly dialog: Locator;
  readonly pageTitle: Locator;
  private readonly page: Page;

  constructor(page: Page) {
    this.page = page;
    this.dialog = page.getByRole('dialog', { name: 'New Virtual Machine' });
    this.pageTitle = this.dialog.getByRole('heading', { level: 3 });
  }

  field(label: string): Locator { return this.dialog.getByLabel(label, { exact: true }); }

  async open(): Promise<void> {
    await this.page.getByRole('main').getByRole('button', { name: 'Actions' }).click();
    await this.page.getByRole('menuitem', { name: 'New Virtual Machine…' }).click();
  }

  async next(): Promise<void> { await this.dialog.getByRole('button', { name: 'Next' }).click(); }

  async finish(): Promise<void> { await this.dialog.getByRole('button', { name: 'Finish' }).click(); }

  location(name: string): Locator { return this.dialog.getByRole('treeitem', { name }); }

  async nameIt(name: string): Promise<void> { await this.field('Virtual machine name').fill(name); }

  /** A program that needs no files. */
  async chooseDiagnostics(): Promise<void> { await this.dialog.getByRole('radio', { name: 'Built-in diagnostics' }).check(); }

  async chooseLinux({ kernelPath, initrdPath, commandLine }: LinuxGuest): Promise<void> {
    await this.dialog.getByRole('radio', { name: 'Linux kernel' }).check();
    await this.field('Kernel').fill(kernelPath);
    if (initrdPath !== undefined) await this.field('Initial RAM disk').fill(initrdPath);
    if (commandLine !== undefined) await this.field('Kernel command line').fill(commandLine);
  }

  /** On the hardware page; `number` is its place, from 1. */
  async addNewDisk(number: number, { sizeMib, bus = 'virtio' }: NewDisk): Promise<void> { await addNewDisk(this.dialog, number, { sizeMib, bus }); }

  /** On the hardware page. */
  async addAdapter(on: string): Promise<void> {
    await this.dialog.getByRole('button', { name: 'Add network adapter' }).click();
    await this.field('Network').selectOption('Virtual switch');
    await this.field('Virtual switch').fill(on);
  }

  /** From the button to the new VM's page, with the defaults for all that is not given. */
  async create(vm: { readonly name: string; readonly linux?: LinuxGuest; readonly disks?: readonly NewDisk[]; readonly switch?: string }): Promise<void> {
    await this.open();
    await this.next();
    await this.nameIt(vm.name);
    for (const _ of ['host', 'storage', 'compatibility', 'guest']) await this.next();
    await (vm.linux ? this.chooseLinux(vm.linux) : this.chooseDiagnostics());
    await this.next();
    for (const [at, disk] of (vm.disks ?? []).entries()) await this.addNewDisk(at + 1, disk);
    if (vm.switch !== undefined) await this.addAdapter(vm.switch);
    await this.next();
    await this.finish();
    // It leads to the page of what was made.
    await this.page.getByRole('main').getByRole('heading', { level: 1, name: vm.name }).waitFor();
  }
}
