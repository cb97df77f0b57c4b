import { expect, test } from '../fixtures/app.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmPage } from '../pages/vm-page.ts';

test('the console is attached before the first instruction, keeps what was printed, and can be searched', async ({ page }) => {
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'talkative' });
  await vm.openConsole();
  await expect(page.getByText('talkative is powered off.')).toBeVisible();
  await page.getByRole('button', { name: 'Power on', exact: true }).click();
  await expect(vm.terminal.text).toContainText('Quarterdeck diagnostics');
  await expect(vm.terminal.text).toContainText('diag>');
  await vm.terminal.type('help');
  await expect(vm.terminal.text).toContainText('reboot');

  await vm.openTab('Summary');
  await vm.openConsole();
  await expect(vm.terminal.text).toContainText('reboot');

  await page.getByRole('button', { name: /^Find/ }).click();
  await page.getByRole('textbox', { name: 'Find in console' }).fill('reboot');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Clear' }).click();
  await expect(vm.terminal.text).not.toContainText('reboot');
});

test('text is copied from the console and pasted into it', async ({ page }) => {
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'scribe' });
  await vm.openConsole();
  await vm.powerOn();
  await expect(vm.terminal.text).toContainText('diag>');
  await page.getByRole('button', { name: /^Copy/ }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain('Quarterdeck diagnostics');
  await page.evaluate(() => navigator.clipboard.writeText('help\r'));
  await page.getByRole('button', { name: /^Paste/ }).click();
  await expect(vm.terminal.text).toContainText('reboot');
});

test('a VM asked to reset starts again once that is confirmed', async ({ page }) => {
  const [wizard, vm] = [new NewVmWizard(page), new VmPage(page)];
  await wizard.create({ name: 'again' });
  await vm.openConsole();
  await vm.powerOn();
  await expect(vm.terminal.text).toContainText('diag>');
  await page.getByRole('button', { name: 'Clear' }).click();
  await expect(vm.terminal.text).not.toContainText('Quarterdeck diagnostics');
  await vm.powerAction('Reset').click();
  const confirm = page.getByRole('alertdialog');
  await expect(confirm).toContainText('Reset "again"?');
  await confirm.getByRole('button', { name: 'Reset', exact: true }).click();
  await expect(vm.terminal.text).toContainText('Quarterdeck diagnostics');
  await expect(vm.powerState).toHaveText('Powered On');
});
