import type { Locator, Page } from '@playwright/test';
import type { VmPage } from './vm-page.ts';

export interface NewDisk { readonly sizeMib: number; readonly bus?: string }

/** Adds a disk in the wizard or in Edit Settings, as its `number`th, counted from 1. */
export async function addNewDisk(dialog: Locator, number: number, { sizeMib, bus = 'virtio' }: NewDisk): Promise<void> {
  await dialog.getByRole('button', { name: 'Add new disk' }).click();
  const disk = dialog.getByRole('region', { name: `Disk ${number}`, exact: true });
  await disk.getByLabel('Size', { exact: true }).fill(String(sizeMib));
  await disk.getByLabel(`Unit of size of disk ${number}`).selectOption('MiB');
  await disk.getByLabel('Bus').selectOption({ label: bus });
}

/** A VM's Edit Settings. */
export class EditSettings {
  readonly dialog: Locator;
  private readonly vm: VmPage;

  constructor(page: Page, vm: VmPage) {
    this.vm = vm;
    this.dialog = page.getByRole('dialog', { name: /^Edit Settings/ });
  }

  field(label: string): Locator { return this.dialog.getByLabel(label, { exact: true }); }

  async open(): Promise<void> { await this.vm.choose('Edit Settings…'); }

  async addNewDisk(number: number, disk: NewDisk): Promise<void> { await addNewDisk(this.dialog, number, disk); }

  async remove(what: string): Promise<void> { await this.dialog.getByRole('button', { name: `Remove ${what}` }).click(); }

  async save(): Promise<void> { await this.dialog.getByRole('button', { name: 'OK' }).click(); }
}
