import { readFile } from 'node:fs/promises';
import { expect, test } from '../fixtures/app.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { Inventory } from '../pages/inventory.ts';
import { Monitor } from '../pages/monitor.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmPage } from '../pages/vm-page.ts';

test('a running VM and its host are charted second by second', async ({ page }) => {
  const [inventory, wizard, vm, monitor] = [new Inventory(page), new NewVmWizard(page), new VmPage(page), new Monitor(page)];
  await wizard.create({ name: 'charted', disks: [{ sizeMib: 1 }] });
  await monitor.open('Overview');
  await expect(monitor.panel).toContainText('It had none in this time.');
  await vm.powerOn();
  await expect(monitor.figures('Memory').nth(2)).toContainText('512 MiB');
  await expect(monitor.chart('Disk throughput')).toBeVisible();
  await expect(monitor.chart('Network throughput')).toHaveCount(0);
  await monitor.open('Exits by Cause');
  await expect(monitor.chart('Exits per second, by cause').getByRole('columnheader', { name: 'mmio' })).toBeAttached();
  await inventory.open('host-a');
  await monitor.open('Overview');
  await expect(monitor.chart('VMs powered on')).toContainText('1');
  await expect(monitor.chart('Memory usage')).toContainText('3.13 %');
});

test('any counters are shown beside each other, zoomed, and exported', async ({ page, host }) => {
  const [inventory, monitor] = [new Inventory(page), new Monitor(page)];
  await inventory.open('host-a');
  await monitor.open('Advanced');
  await monitor.choose(/^Granted/, /^VMs powered on/, 'host-b.lab.local');
  await expect(monitor.legend.getByRole('row')).toHaveCount(7);
  await expect(monitor.chart('Memory: Granted').getByRole('columnheader', { name: 'host-b.lab.local, Granted' })).toBeAttached();
  // Elsewhere than in a browser, Playwright is not told of downloads.
  if (host === 'server') {
    const csv = await readFile(await (await monitor.export('CSV')).path(), 'utf8');
    expect(csv.split('\r\n')[0]).toContain('host-a.lab.local, VMs powered on');
    expect(csv).toMatch(/\r\n\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z,0,/);
    const png = await readFile(await (await monitor.export('PNG')).path());
    expect(png.subarray(1, 4).toString()).toBe('PNG');
  }
  await page.getByRole('button', { name: 'Zoom in' }).click();
  await expect(page.getByRole('button', { name: 'Back to the time range' })).not.toHaveAttribute('aria-disabled');
  await page.getByRole('button', { name: 'Back to the time range' }).click();
  await page.getByLabel('Time range', { exact: true }).selectOption('Last day');
  await expect(monitor.legend.getByRole('row')).not.toHaveCount(1);
});

test('charts are accessible', { tag: LOOK }, async ({ page }) => {
  const [inventory, monitor] = [new Inventory(page), new Monitor(page)];
  await inventory.open('host-a');
  for (const section of ['Overview', 'Advanced']) {
    await monitor.open(section);
    await expect(page.getByRole('figure').first()).toBeVisible();
    expect(await violations(page)).toEqual([]);
  }
  await page.getByRole('button', { name: 'Chart Options…' }).click();
  await expect(monitor.options).toBeVisible();
  expect(await violations(page)).toEqual([]);
});
