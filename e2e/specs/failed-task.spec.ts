import { copyFile, rm } from 'node:fs/promises';
import { expect, test } from '../fixtures/app.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { RecentTasks } from '../pages/recent-tasks.ts';
import { VmPage } from '../pages/vm-page.ts';

test('a task that fails says why in Recent Tasks, and the VM stays powered off', async ({ page, guests }, testInfo) => {
  const [wizard, tasks, vm] = [new NewVmWizard(page), new RecentTasks(page), new VmPage(page)];
  const kernelPath = testInfo.outputPath('Image');
  await copyFile(guests.kernel, kernelPath);
  await wizard.create({ name: 'kernelless', linux: { kernelPath } });
  await expect(vm.title).toHaveText('kernelless');
  await rm(kernelPath);

  await vm.powerOn();
  await expect(tasks.row(/power on/i)).toContainText(kernelPath);
  await expect(vm.powerState).toHaveText('Powered Off');
});
