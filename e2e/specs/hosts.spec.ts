import { expect, test } from '../fixtures/app.ts';
import { LOOK, violations } from '../pages/accessibility.ts';
import { EditSettings } from '../pages/edit-settings.ts';
import { HostPage } from '../pages/host-page.ts';
import { Inventory } from '../pages/inventory.ts';
import { Monitor } from '../pages/monitor.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmPage } from '../pages/vm-page.ts';

test('a host is added with a profile, runs a VM, and keeps it from running in maintenance', async ({ page }) => {
  const [host, inventory, wizard, vm] = [new HostPage(page), new Inventory(page), new NewVmWizard(page), new VmPage(page)];
  await inventory.open('Datacenter');
  await host.add('edge', { profile: 'Quarterdeck Q4', cpus: 2 });
  await inventory.open('edge');
  await expect(host.title).toHaveText('edge');
  await expect(host.state).toHaveText('Connected');
  await expect(host.card('Host Details')).toContainText('2 AArch64 CPUs at 2 GHz');
  await expect(host.card('Capacity and Usage')).toContainText('4 GHz');
  await wizard.create({ name: 'web' });
  await expect(vm.title).toHaveText('web');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');

  await inventory.open('edge');
  await expect(host.card('Virtual Machines')).toContainText('1 on 2 CPUs');
  await expect(host.card('Capacity and Usage')).toContainText('512 MiB');
  await host.openActions();
  await expect(host.menuItem('Edit Host…')).toHaveAccessibleDescription('1 virtual machine of it is powered on.');
  await host.menuItem('Enter Maintenance Mode…').click();
  await expect(host.maintenanceDialog).toContainText('once 1 virtual machine of it is powered off or suspended');
  await host.maintenanceDialog.getByRole('button', { name: 'Enter Maintenance Mode' }).click();
  await expect(host.state).toHaveText('Entering Maintenance Mode');
  await inventory.open('web');
  await vm.powerOff();
  await expect(vm.powerState).toHaveText('Powered Off');
  await inventory.open('edge');
  await expect(host.state).toHaveText('Maintenance Mode');
  await inventory.open('web');
  await expect(vm.powerAction('Power On')).toHaveAttribute('aria-description', 'Its host edge runs no VM now: Maintenance Mode.');
});

test('a host boots a VM of its own, is watched by its boot watchdog, and runs no others until that is up', { tag: LOOK }, async ({ page }) => {
  test.setTimeout(120_000);
  const [host, inventory, wizard, vm, monitor] = [new HostPage(page), new Inventory(page), new NewVmWizard(page), new VmPage(page), new Monitor(page)], settings = new EditSettings(page, vm);
  await inventory.open('host-b');
  await wizard.create({ name: 'web' });
  await inventory.open('host-b');
  await wizard.create({ name: 'own' });
  await settings.open();
  await settings.dialog.getByText('Boot watchdog', { exact: true }).first().click();
  await settings.field('Watchdog').selectOption('Protects the boot');
  await settings.field('Reset after').fill('2');
  await settings.save();

  await inventory.open('host-b');
  await host.openConfigure('Systems');
  const choose = page.getByRole('button', { name: 'Choose: Host system' });
  await expect(choose).toHaveAttribute('aria-description', 'The host must be powered off.');
  await host.power('Power Off');
  await expect(host.state).toHaveText('Powered Off');
  await choose.click();
  await host.systemDialog.getByLabel('Boots').selectOption('own');
  await expect(host.systemDialog).toContainText('Its boot watchdog is on: the host resets itself when the boot fails');
  await host.systemDialog.getByText('Command line').click();
  await expect(host.systemDialog).toContainText('quarterdeck host system host-b.lab.local --vm own');
  expect(await violations(page)).toEqual([]);
  await host.systemDialog.getByRole('button', { name: 'Set' }).click();
  await expect(host.card('Host system')).toContainText('Protects the boot');
  expect(await violations(page)).toEqual([]);

  // The diagnostics never take their watchdog over: this host does not come up.
  await host.power('Power On');
  await expect(host.state).toHaveText('Booting');
  await expect(host.card('Host system')).toContainText('Booting: Handed over');
  await monitor.open('Boot');
  await expect(page.getByRole('list', { name: 'Stages of boot 1', exact: true }).getByRole('listitem').nth(3)).toHaveAttribute('aria-current', 'step');
  await expect(page.getByRole('table', { name: 'Boots', exact: true }).getByRole('row', { name: /Reset by the watchdog/ }).first()).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await inventory.open('web');
  await expect(vm.powerAction('Power On')).toHaveAttribute('aria-description', 'Its host host-b.lab.local runs no VM now: Booting.');
  await inventory.open('host-b');
  await host.openTab('Summary');
  await expect(host.card('Host Details')).toContainText('own: Booting');
  await host.power('Power Off');
  await expect(host.state).toHaveText('Powered Off');
});

test('a resource pool and the shares of a VM show in the allocation of their host', async ({ page }) => {
  const [host, inventory, wizard, vm] = [new HostPage(page), new Inventory(page), new NewVmWizard(page), new VmPage(page)], settings = new EditSettings(page, vm);
  await inventory.open('host-b');
  await host.addPool('batch', { cpuReservation: 1500 });
  await wizard.create({ name: 'web' });
  await expect(vm.title).toHaveText('web');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');
  await settings.open();
  await settings.dialog.getByText('CPU shares, reservation and limit').click();
  await settings.field('CPU shares').selectOption('Custom');
  await settings.field('CPU shares, custom').fill('3000');
  await settings.field('CPU reservation').fill('99999');
  await expect(settings.dialog.getByText('Its CPUs have 2000 MHz on host-b.lab.local.')).toBeVisible();
  await settings.field('CPU reservation').fill('500');
  await settings.save();
  await expect(settings.dialog).toBeHidden();

  await inventory.open('host-b');
  await host.openTab('Resource Allocation');
  await expect(host.row('batch')).toContainText('1.5 GHz, expandable');
  await expect(host.row('batch')).toContainText('High, 8,000');
  await expect(host.row('web')).toContainText('Custom, 3,000');
  await expect(host.panel.getByRole('meter', { name: 'Reserved' })).toHaveAttribute('aria-valuetext', '2 GHz of 8 GHz, 6 GHz unreserved');
  await expect(host.row('web')).toContainText(/\d MHz\s*\d+ MHz/);
});

test('pages and dialogs of hosts are accessible', { tag: LOOK }, async ({ page }) => {
  const [host, inventory] = [new HostPage(page), new Inventory(page)];
  const audit = (what: string) => test.step(what, async () => { expect(await violations(page)).toEqual([]); });
  await inventory.open('Datacenter');
  await host.choose('Add Host…');
  await host.addWizard.getByRole('button', { name: 'Next' }).click();
  await audit('name, with an error');
  await host.addWizard.getByLabel('Host name').fill('edge');
  await host.addWizard.getByRole('button', { name: 'Next' }).click();
  await host.addWizard.getByLabel('Memory', { exact: true }).fill('');
  await audit('hardware, with an error');
  await host.addWizard.getByLabel('Memory', { exact: true }).fill('1');
  await host.addWizard.getByRole('button', { name: 'Next' }).click();
  await audit('ready');
  await page.keyboard.press('Escape');
  await inventory.open('host-b');
  await host.addPool('batch', { cpuReservation: 100 });
  for (const tab of ['Summary', 'Configure', 'Resource Allocation']) {
    await host.openTab(tab);
    await expect(host.tab(tab)).toHaveAttribute('aria-selected', 'true');
    await audit(tab);
  }
  await host.openActions();
  await expect(page.getByRole('menu')).toBeVisible();
  await audit('menu');
  await host.menuItem('Edit Host…').click();
  await host.editDialog.getByLabel('CPUs', { exact: true }).fill('x');
  await audit('edit, with an error');
  await page.keyboard.press('Escape');
  await host.choose('New Resource Pool…');
  await host.poolDialog.getByLabel('CPU reservation', { exact: true }).fill('-1');
  await audit('pool, with an error');
  await page.keyboard.press('Escape');
  await host.choose('Enter Maintenance Mode…');
  await expect(host.maintenanceDialog).toBeVisible();
  await audit('maintenance');
});
