/** The boot order of VMs with the built-in UEFI, as an operator has it: kept with the VM, with its snapshots and its copies. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { VmId } from '../../shared/base/ids.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { openTestClient, type TestClient } from './test-client.ts';

let folder: string, opened: TestClient;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quarterdeck-efi-'));
  opened = await openTestClient(join(folder, 'data'));
});
afterEach(async () => {
  await opened.close();
  await rm(folder, { recursive: true });
});

const vmNow = async (id: VmId): Promise<Vm> => (await opened.objects('vm')).find(vm => vm.id === id)!;
const order = async (id: VmId) => (await opened.client.api.vms.efiBoot(id)).entries.map(({ number, description, isOwn }) => `${number} ${description}${isOwn ? '' : ' installed'}`);

/** Resolves when the firmware has made its entries. */
function whenKept(id: VmId): Promise<unknown> {
  return new Promise<void>((resolve, reject) => {
    const look = (vm: Vm | null) => { if (vm?.efiVariables?.some(({ name }) => name === 'BootOrder')) resolve(); };
    opened.client.on('inventory.changed', changes => { for (const change of changes) if (change.kind === 'vm' && change.id === id) look(change.after); });
    vmNow(id).then(look, reject);
  });
}

test('entries come with the first power-on, are changed while it is off, and go back with a snapshot', async () => {
  const { api } = opened.client, [host] = await opened.objects('host');
  const made = await opened.ended(await api.vms.create({
    name: 'efi', cpus: 1, memoryMib: 64, guest: { kind: 'uefi', settings: { delayMs: 0, showMenu: false } },
    disks: [{ create: { format: 'qcow2', sizeMib: 4 }, readOnly: false }, { path: '', readOnly: true, cdrom: true }],
  }, host!.id)), id = made.result!.id as VmId;
  expect(await order(id)).toEqual([]);
  await opened.ended(await api.vms.powerOn(id));
  await whenKept(id);
  expect(await order(id)).toEqual(['0 Disk 1 (virtio)', '1 CD drive 1']);
  await expect(api.vms.changeEfiBoot(id, { kind: 'forget' })).rejects.toThrow('efi is powered on');
  await opened.ended(await api.vms.powerOff(id));

  await opened.ended(await api.vms.takeSnapshot(id, { name: 'before', description: '', memory: false }));
  await api.vms.changeEfiBoot(id, { kind: 'order', order: [1] });
  await api.vms.changeEfiBoot(id, { kind: 'next', next: 0 });
  expect([await order(id), (await api.vms.efiBoot(id)).next]).toEqual([['1 CD drive 1', '0 Disk 1 (virtio)'], 0]);
  await expect(api.vms.changeEfiBoot(id, { kind: 'next', next: 9 })).rejects.toThrow('efi has no boot entry Boot0009.');
  const copy = (await opened.ended(await api.vms.clone(id, { name: 'copy', linked: false, template: false }))).result!.id as VmId;
  expect(await order(copy)).toEqual(['1 CD drive 1', '0 Disk 1 (virtio)']);

  // What boots next does so once.
  await opened.ended(await api.vms.powerOn(id));
  await vi.waitUntil(async () => (await api.vms.efiBoot(id)).next === undefined);
  await opened.ended(await api.vms.powerOff(id));

  await opened.ended(await api.vms.revertToSnapshot(id, (await vmNow(id)).snapshots![0]!.id));
  expect([await order(id), (await api.vms.efiBoot(id)).next]).toEqual([['0 Disk 1 (virtio)', '1 CD drive 1'], undefined]);
  await api.vms.changeEfiBoot(id, { kind: 'remove', number: 1 });
  expect(await order(id)).toEqual(['0 Disk 1 (virtio)']);
  await api.vms.changeEfiBoot(id, { kind: 'forget' });
  expect([await order(id), (await api.vms.efiBoot(id)).variables]).toEqual([[], { count: 0, bytes: 0 }]);
}, 60_000);
