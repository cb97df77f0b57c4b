import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostId, VmId } from '../../shared/base/ids.ts';
import { openTestClient, type TestClient } from './test-client.ts';

let dataPath: string, engine: TestClient;
beforeEach(async () => { dataPath = mkdtempSync(join(tmpdir(), 'bulk-')); engine = await openTestClient(dataPath); });
afterEach(async () => { await engine.close(); rmSync(dataPath, { recursive: true }); });

async function createVm(name: string): Promise<VmId> {
  const { result } = await engine.ended(await engine.client.api.vms.create({ name, cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [] }, 'host-a' as HostId));
  return result?.id as VmId;
}

test('many VMs are powered on by one task with a part for each; one that cannot be is named', async () => {
  const { api } = engine.client, ids = [await createVm('one'), await createVm('two'), await createVm('three')];
  await engine.ended(await api.vms.powerOn(ids[1] as VmId));
  const whole = await engine.ended(await api.vms.each('powerOn', ids));
  expect(whole).toMatchObject({ name: 'Power on virtual machines', state: 'error', error: '1 of 3 failed: two: two is powered on.' });
  expect((await api.tasks.list(10)).rows.filter(({ parentId }) => parentId === whole.id).map(({ target, state }) => `${target.name} ${state}`).sort()).toEqual(['one success', 'three success', 'two error']);
  expect((await engine.ended(await api.vms.each('powerOff', ids))).state).toBe('success');
  expect((await engine.objects('vm')).map(({ powerState }) => powerState)).toEqual(['poweredOff', 'poweredOff', 'poweredOff']);
  await expect(api.vms.each('explode' as never, ids)).rejects.toThrow('This cannot be done with many VMs at once.');
  await expect(api.vms.each('powerOn', [])).rejects.toThrow('Choose a VM.');
  await expect(api.vms.each('powerOn', ['vm-none' as VmId])).rejects.toThrow('The VM no longer exists.');
});
