import { readFileSync } from 'node:fs';
import { expect, test } from '../fixtures/app.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { Monitor } from '../pages/monitor.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmPage } from '../pages/vm-page.ts';

test('a VM that is off shows its device tree, and what each node of it becomes in ACPI', { tag: LOOK }, async ({ page }) => {
  const [wizard, vm, monitor] = [new NewVmWizard(page), new VmPage(page), new Monitor(page)];
  await wizard.create({ name: 'tabled' });
  await monitor.open('Firmware Tables');
  const source = page.getByRole('tree', { name: 'Device tree' }), tables = page.getByRole('tree', { name: 'ACPI tables' }), why = page.getByRole('region', { name: 'What it became' });
  await expect(vm.panel).toContainText('The guest of this virtual machine gets the device tree');
  await expect(source.getByRole('treeitem', { name: 'gpio-keys' })).toBeVisible();
  expect(await violations(page)).toEqual([]);

  // A node leads to its device, and says why when it has none.
  await source.getByRole('treeitem', { name: 'pl011@9000000' }).click();
  await expect(why).toContainText('ConvertedDSDT \\_SB.COM0 ARMH0011SPCRDBG2');
  await expect(tables.getByRole('treeitem', { name: '\\_SB.COM0' })).toHaveAttribute('aria-selected', 'true');
  await why.getByRole('button', { name: 'SPCR' }).click();
  await expect(tables.getByRole('treeitem', { name: 'SPCR' })).toHaveAttribute('aria-selected', 'true');
  await source.getByRole('treeitem', { name: 'apb-pclk' }).click();
  await expect(why).toContainText('ACPI has no clocks: firmware leaves them running.');

  // And back, by the keyboard.
  await tables.getByRole('treeitem', { name: '\\_SB.PCI0' }).click();
  await expect(source.getByRole('treeitem', { name: 'pcie@3f000000' })).toHaveAttribute('aria-selected', 'true');
  await tables.focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await expect(why).toContainText('PPTT: How CPUs and caches are arranged');
  expect(await violations(page)).toEqual([]);

  for (const [item, name, start] of [['Device tree (.dtb)', 'tabled board.dtb', '\u00d0\r\u00fe\u00ed'], ['DSDT.aml', 'tabled DSDT.aml', 'DSDT']] as const) {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    await page.getByRole('menuitem', { name: item }).click();
    const file = await download;
    expect(file.suggestedFilename()).toBe(name);
    expect(readFileSync(await file.path()).toString('latin1').slice(0, 4)).toBe(start);
  }
});
