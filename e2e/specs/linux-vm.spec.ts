import { expect, test } from '../fixtures/app.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmPage } from '../pages/vm-page.ts';

const BOOT_MS = 180_000;

test('Debian boots to a shell in a VM made with the wizard', async ({ page, guests }) => {
  test.setTimeout(BOOT_MS + 60_000);
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'debian', linux: { kernelPath: guests.kernel, initrdPath: guests.initrd } });
  await vm.openConsole();
  await vm.powerOn();
  await expect(vm.terminal.text).toContainText('/ #', { timeout: BOOT_MS });

  await vm.terminal.type('uname -a');
  await expect(vm.terminal.text).toContainText('aarch64');

  await vm.powerOff();
  await expect(vm.powerState).toHaveText('Powered Off');
});
