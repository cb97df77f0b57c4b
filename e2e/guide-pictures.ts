/** Makes the pictures of docs/guide from the console as it is, on an inventory of its own. Wants a build. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchServer } from './fixtures/server-app.ts';
import { EditSettings } from './pages/edit-settings.ts';
import { Display } from './pages/display.ts';
import { DatastoreFiles } from './pages/datastore-files.ts';
import { HostPage } from './pages/host-page.ts';
import { Inventory } from './pages/inventory.ts';
import { Monitor } from './pages/monitor.ts';
import { MigrateWizard } from './pages/migrate-wizard.ts';
import { NewVmWizard } from './pages/new-vm-wizard.ts';
import { Snapshots } from './pages/snapshots.ts';
import { VmPage } from './pages/vm-page.ts';
import { fetchGuests } from '../scripts/fetch-guests.ts';

const OUT = join(import.meta.dirname, '../docs/guide/images'), folder = await mkdtemp(join(tmpdir(), 'quarterdeck-guide-'));
const app = await launchServer(join(folder, 'data')), { page } = app;
const [inventory, wizard, vm, snapshots, monitor, files] = [new Inventory(page), new NewVmWizard(page), new VmPage(page), new Snapshots(page), new Monitor(page), new DatastoreFiles(page)], display = new Display(page), migrate = new MigrateWizard(page), settings = new EditSettings(page, vm);
const lit = async (pixels: number) => { while (await display.lit() < pixels) await page.waitForTimeout(200); };
const picture = (name: string) => page.screenshot({ path: join(OUT, `${name}.png`), animations: 'disabled' });

await mkdir(OUT, { recursive: true });
try {
  await page.setViewportSize({ width: 1200, height: 760 });
  await inventory.open('Quarterdeck');
  await picture('first');

  await wizard.create({ name: 'web-01', disks: [{ sizeMib: 64 }] });
  await vm.openConsole();
  await vm.powerOn();
  await vm.terminal.text.filter({ hasText: 'diag>' }).waitFor();
  await vm.terminal.type('help\r');
  await vm.terminal.text.filter({ hasText: 'reboot' }).waitFor();
  await picture('console');

  await vm.openTab('Snapshots');
  await snapshots.take('installed', 'as it came');
  await snapshots.node('installed').waitFor();
  await snapshots.take('before upgrade');
  await snapshots.node('before upgrade').click();
  await picture('snapshots');

  await monitor.open('Overview');
  await monitor.chart('CPU usage').waitFor();
  await monitor.figures('CPU usage').nth(9).waitFor({ state: 'attached' });
  await picture('charts');

  await inventory.show('VMs and Templates');
  for (const name of ['apps', 'databases']) await inventory.create('Datacenter', 'New VM and Template Folder…', name);
  await inventory.show('Hosts and Clusters');
  await inventory.create('Datacenter', 'New Cluster…', 'lab');
  await inventory.open('Datacenter');
  await picture('inventory');

  await inventory.open('host-a');
  await vm.openTab('Resource Allocation');
  await picture('host');

  const { kernel, initrd } = await fetchGuests('generic');
  await wizard.create({ name: 'desk-01', linux: { kernelPath: kernel, initrdPath: initrd, commandLine: 'console=ttyAMA0 console=tty0 quiet' } });
  await vm.openDisplay();
  await display.button('Sessions').click();
  await page.getByRole('list', { name: 'Sessions' }).waitFor();
  await vm.powerOn();
  await lit(200);
  await display.type('cat /proc/bus/input/devices | grep -A 4 Tablet; head -n 4 /sys/class/drm/card0-Virtual-1/modes');
  await lit(await display.lit() + 4000);
  await picture('display');

  await inventory.open('Datacenter');
  await wizard.create({ name: 'timed-01', linux: { kernelPath: kernel, initrdPath: initrd } });
  await settings.open();
  await settings.dialog.getByText('Guest time', { exact: true }).first().click();
  await settings.dialog.getByLabel('Scale the guest\'s time').check();
  await settings.field('Rate').fill('2');
  await settings.save();
  await vm.powerOn();
  await monitor.open('Guest Time');
  await monitor.figures('Effective rate').nth(9).waitFor({ state: 'attached' });
  await picture('guest-time');

  await inventory.show('Storage');
  await inventory.open('datastore1');
  await vm.openTab('Files');
  await files.upload('debian-12-arm64.iso', Buffer.alloc(2 ** 20));
  await picture('datastore');

  // Last, as its alarm is on the screen from then on.
  await inventory.show('Hosts and Clusters');
  const host = new HostPage(page);
  await inventory.open('host-b');
  await wizard.create({ name: 'system-b', linux: { kernelPath: kernel, initrdPath: initrd } });
  await settings.open();
  await settings.dialog.getByText('Boot watchdog', { exact: true }).first().click();
  await settings.field('Watchdog').selectOption('Protects the boot');
  for (const [name, value] of [['Reset after', '15'], ['A boot is good after', '2'], ['Fall back after', '1']] as const) await settings.field(name).fill(value);
  await settings.save();
  await monitor.open('Boot');
  await page.getByRole('button', { name: 'Save settings as a bank' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('6.1, known good');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Mark 6.1, known good good' }).click();
  await page.getByRole('button', { name: 'Break the next boot: Kernel panic' }).click();
  await inventory.open('host-b');
  await host.power('Power Off');
  await host.openConfigure('Systems');
  await page.getByRole('button', { name: 'Choose: Host system' }).click();
  await host.systemDialog.getByLabel('Boots').selectOption('system-b');
  await host.systemDialog.getByRole('button', { name: 'Set' }).click();
  await host.power('Power On');
  await monitor.open('Boot');
  await page.getByText('It fell back from the boot bank').waitFor();
  await host.state.filter({ hasText: 'Connected' }).waitFor({ timeout: 120_000 });
  await picture('host-boot');

  await inventory.open('Datacenter');
  await host.add('host-c', { profile: 'Quarterdeck Q8' });
  await inventory.open('web-01');
  for (const toast of await page.getByRole('button', { name: 'Dismiss' }).all()) await toast.click();
  await vm.choose('Migrate…');
  await migrate.next();
  await migrate.host('host-c').check();
  await migrate.compatibility.getByText(/succeeded|:/).first().waitFor();
  await picture('migrate');
  await migrate.next();
  await migrate.dialog.getByLabel('Longest downtime (ms)').fill('500');
  await migrate.next();
  await migrate.finish();
  await monitor.open('Migration');
  await vm.panel.getByText('Moved').first().waitFor();
  await picture('migration');
} finally {
  await app.close();
  await rm(folder, { recursive: true, force: true });
}
