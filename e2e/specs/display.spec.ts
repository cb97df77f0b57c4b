import { expect, test } from '../fixtures/app.ts';
import { Display } from '../pages/display.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmPage } from '../pages/vm-page.ts';

const BOOT_MS = 180_000;
/** The last console is where the shell is: on the display. What is asked there is answered at the serial port. */
const COMMAND_LINE = 'console=ttyAMA0 console=tty0 quiet';

test('a session shows what Linux draws, types into it, and the guest takes the size of the window', async ({ page, genericGuest }) => {
  test.setTimeout(BOOT_MS + 120_000);
  const [wizard, vm, display] = [new NewVmWizard(page), new VmPage(page), new Display(page)];
  await wizard.create({ name: 'shown', linux: { kernelPath: genericGuest.kernel, initrdPath: genericGuest.initrd, commandLine: COMMAND_LINE } });
  await vm.openDisplay();
  await expect(display.notice).toContainText('shown is powered off. Its display is attached');
  await vm.powerOn();
  await expect.poll(() => display.lit(), { timeout: BOOT_MS }).toBeGreaterThan(200);
  const fitting = () => display.room();
  await expect.poll(async () => await display.size() === await fitting(), { timeout: 30_000 }).toBe(true);

  await expect(async () => {
    await display.type('cat /sys/class/drm/card0-Virtual-1/modes | head -n 1 > /dev/ttyAMA0');
    await expect(display.toolbar.getByRole('status')).toContainText('The guest has the keyboard');
  }).toPass({ timeout: BOOT_MS });
  const before = await fitting();
  await page.setViewportSize({ width: 900, height: 700 });
  await expect.poll(async () => await display.size() === await fitting() && await fitting() !== before, { timeout: 30_000 }).toBe(true);
  await display.type('cat /sys/class/drm/card0-Virtual-1/modes | head -n 1 > /dev/ttyAMA0');
  const after = await fitting();
  await vm.openConsole();
  await expect(vm.terminal.text).toContainText(before);
  await expect(vm.terminal.text).toContainText(after);
});
