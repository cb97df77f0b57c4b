import { expect, test } from '../fixtures/app.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmPage } from '../pages/vm-page.ts';

test('a console in a window of its own powers its VM on and speaks to it', async ({ app, page }) => {
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'windowed' });
  const opened = app.electron ? app.electron.waitForEvent('window') : page.waitForEvent('popup');
  await vm.choose('Open Console in New Window');
  const window = await opened;
  const console = new VmPage(window).terminal;
  await expect(window).toHaveTitle('windowed - Console');
  await window.getByRole('button', { name: 'Power on', exact: true }).click();
  await expect(console.text).toContainText('diag>');
  await console.type('help');
  await expect(console.text).toContainText('reboot');
  await expect(vm.powerState).toHaveText('Powered On');
});
