import { writeFile } from 'node:fs/promises';
import { expect, test } from '../fixtures/app.ts';
import { Display } from '../pages/display.ts';
import { EditSettings } from '../pages/edit-settings.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { RecentTasks } from '../pages/recent-tasks.ts';
import { VmPage } from '../pages/vm-page.ts';

const BOOT_MS = 180_000;

test('Debian finds the disk and the network that the wizard made, and a disk added while it runs', async ({ page, guests }) => {
  test.setTimeout(BOOT_MS + 120_000);
  const [wizard, vm, tasks] = [new NewVmWizard(page), new VmPage(page), new RecentTasks(page)], settings = new EditSettings(page, vm);
  const reconfigured = (times: number) => expect(tasks.row('Reconfigure virtual machine').filter({ hasText: 'Completed' })).toHaveCount(times, { timeout: 60_000 });
  await wizard.create({ name: 'equipped', linux: { kernelPath: guests.kernel, initrdPath: guests.initrd, commandLine: 'console=ttyAMA0 quiet' }, disks: [{ sizeMib: 64, bus: 'NVMe' }] });
  await expect(vm.panel).toContainText('disk-1.qcow2, qcow2, NVMe');
  await expect(vm.panel).toContainText('allocated of 64 MiB');
  await vm.openConsole();
  await vm.powerOn();
  await expect(vm.terminal.text).toContainText('/ #', { timeout: BOOT_MS });
  await vm.terminal.type('cat /sys/block/nvme0n1/size; ls /sys/class/net');
  await expect(vm.terminal.text).toContainText('131072');
  await expect(vm.terminal.text).toContainText('eth0');

  await settings.open();
  await expect(settings.field('CPU')).toBeDisabled();
  await settings.addNewDisk(2, { sizeMib: 32 });
  await settings.save();
  await reconfigured(1);
  await vm.terminal.type('until [ -e /dev/vda ]; do sleep 1; done; echo found $(cat /sys/block/vda/size)');
  await expect(vm.terminal.text).toContainText('found 65536', { timeout: 60_000 });

  await vm.terminal.type('udhcpc -n -q; dd if=/dev/nvme0n1 of=/dev/vda bs=1M count=16');
  await expect(vm.terminal.text).toContainText('16+0 records out', { timeout: 60_000 });
  await vm.openTab('Monitor');
  await vm.tab('Disks').click();
  await expect(page.getByRole('region', { name: 'Disk 2' })).toContainText(/[1-9]\d* writes \(16 MiB\)/);
  await vm.tab('Network').click();
  const adapter = page.getByRole('region', { name: 'Network adapter 1' });
  await expect(adapter).toContainText(/[1-9]\d* frames received/);
  await adapter.getByRole('button', { name: 'Start capture' }).click();
  await expect(adapter.getByRole('status')).toContainText(/Capturing to .*adapter-1.*\.pcapng/);
  await adapter.getByRole('button', { name: 'Stop capture' }).click();
  await expect(adapter.getByRole('status')).toContainText(/Captured to/);

  await settings.open();
  await settings.remove('disk 2');
  await expect(settings.dialog.getByRole('status')).toContainText('The file stays');
  await settings.save();
  await reconfigured(2);
  await vm.openTab('Configure');
  await expect(vm.panel).not.toContainText('Disk 2');
});

test('settings of a VM that is off are checked as they are typed', async ({ page }) => {
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)], settings = new EditSettings(page, vm);
  await wizard.create({ name: 'edited' });
  await settings.open();
  await settings.field('CPU').fill('9');
  await settings.dialog.getByRole('button', { name: 'Add network adapter' }).click();
  await settings.field('Network').selectOption('Virtual switch');
  await settings.save();
  await expect(settings.dialog).toContainText('CPU count must be at most 8.');
  await expect(settings.dialog).toContainText('Choose a switch.');
  await settings.field('CPU').fill('2');
  await settings.field('Virtual switch').fill('lab');
  await settings.field('VLAN').fill('7');
  await settings.save();
  await expect(settings.dialog).toBeHidden();
  await vm.openTab('Configure');
  await expect(vm.panel).toContainText('lab: VM Network, VLAN 7, connected');
  await page.getByRole('button', { name: 'Revert this change of edited' }).click();
  await expect(page.getByRole('alertdialog')).toContainText('It changed the number of CPUs, the network adapters.');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revert' }).click();
  await expect(vm.panel).not.toContainText('VLAN 7');
});

test('a network adapter and a CPU are added to a VM that runs', async ({ page }) => {
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)], settings = new EditSettings(page, vm);
  await wizard.create({ name: 'growing' });
  await settings.open();
  await settings.field('CPU hot add').fill('2');
  await settings.save();
  await vm.openTab('Configure');
  await expect(vm.panel).toContainText('1, up to 2 while it runs');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');

  await settings.open();
  await expect(settings.field('CPU hot add')).toBeDisabled();
  await settings.field('CPU').fill('2');
  await settings.dialog.getByRole('button', { name: 'Add network adapter' }).click();
  await expect(settings.dialog.getByRole('region', { name: 'Network adapter 1' })).toContainText('Added now');
  await settings.save();
  await expect(vm.panel).toContainText('2, up to 2 while it runs');
  await expect(vm.panel).toContainText('Network adapter 1');
  await settings.open();
  await expect(settings.dialog.getByRole('button', { name: 'Remove network adapter 1' })).toBeEnabled();
});

test('a CD/DVD drive is empty at first, and holds a disc while its VM runs until it is ejected', async ({ page }, testInfo) => {
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)], settings = new EditSettings(page, vm), disc = testInfo.outputPath('disc.iso');
  await writeFile(disc, Buffer.alloc(1 << 20));
  await wizard.create({ name: 'driven' });
  await settings.open();
  await settings.dialog.getByRole('button', { name: 'Add CD/DVD drive' }).click();
  await settings.field('Video adapter').selectOption('virtio-gpu');
  await settings.save();
  await vm.openTab('Configure');
  await expect(vm.panel).toContainText('CD/DVD drive 1empty');
  await vm.powerOn();
  await expect(vm.powerState).toHaveText('Powered On');

  await settings.open();
  await expect(settings.dialog.getByRole('button', { name: 'Add CD/DVD drive' })).toBeDisabled();
  await settings.field('CD/DVD drive 1 image').fill(disc);
  await settings.field('Memory balloon').fill('64');
  await settings.save();
  await expect(vm.panel).toContainText('disc.iso');
  await settings.open();
  await expect(settings.field('Memory balloon')).toHaveValue('64');
  await settings.dialog.getByRole('button', { name: 'Eject' }).click();
  await settings.save();
  await expect(vm.panel).toContainText('CD/DVD drive 1empty');

  const display = new Display(page);
  await vm.openDisplay();
  await display.choose('CD/DVD', 'Insert an image into drive 1…');
  await page.getByLabel('Path of the image').fill(disc);
  await page.getByRole('dialog').getByRole('button', { name: 'Insert', exact: true }).click();
  await vm.openTab('Configure');
  await expect(vm.panel).toContainText('disc.iso');
  await vm.openDisplay();
  await display.choose('CD/DVD', 'Eject drive 1');
  await vm.openTab('Configure');
  await expect(vm.panel).toContainText('CD/DVD drive 1empty');
});
