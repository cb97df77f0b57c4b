/** A VM whose disk's file system is full, or its datastore: it stands still, and nothing is lost. The former wants a file system of its own, which root can mount. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import type { DatastoreId, HostId, VmId } from '../../shared/base/ids.ts';
import { openImage } from '../storage/open-image.ts';
import { openTestClient, type TestClient } from './test-client.ts';

const MIB = 2 ** 20, WRITTEN = 12;
/** A whole number of lines, and a part of what is written. */
const LINES_BYTES = 12 * 2 ** 14;
const canMount = process.platform === 'linux' && process.getuid?.() === 0;
let folder: string, small: string, engine: TestClient;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'full-'));
  small = join(folder, 'small');
  mkdirSync(small);
  if (canMount) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', small]);
  engine = await openTestClient(join(folder, 'data'));
});
afterEach(async () => {
  await engine.close();
  if (canMount) execFileSync('umount', [small]);
  rmSync(folder, { recursive: true });
});

const happened = (type: string) => new Promise<void>(resolve => { engine.client.on('event.added', event => { if (event.type === type) resolve(); }); });

/** What is too small for a VM, and how room is made again. */
const FULL = {
  'a file system': { isThere: canMount, path: () => small, capacityBytes: undefined, makeRoom: async () => { rmSync(join(small, 'ballast')); await Promise.resolve(); } },
  'a datastore of less capacity': { isThere: true, path: () => mkdtempSync(join(folder, 'limited-')), capacityBytes: 24 * MIB, makeRoom: async (id: DatastoreId) => { await engine.ended(await engine.client.api.datastores.edit(id, { capacityBytes: 48 * MIB })); } },
} as const;

test.each(Object.entries(FULL).filter(([, { isThere }]) => isThere))('%s that fills up pauses its VM with an alarm; with room again it goes on, and what it wrote is whole', async (_, { path: make, capacityBytes, makeRoom }) => {
  const path = make();
  const { api } = engine.client, guest = await fetchGuests('cloud'), done = async (task: Promise<Parameters<typeof engine.ended>[0]>) => engine.ended(await task);
  const datastoreId = (await done(api.datastores.add({ name: 'small', path, capacityBytes }, { kind: 'datacenter', id: 'datacenter' }))).result?.id as DatastoreId;
  const { result } = await done(api.vms.create({
    name: 'web', cpus: 1, memoryMib: 192, guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' },
    disks: [{ create: { format: 'qcow2', sizeMib: 64 }, readOnly: false }],
  }, 'host-a' as HostId, { datastoreId })), id = result?.id as VmId;
  writeFileSync(join(path, 'ballast'), Buffer.alloc(16 * MIB));
  let output = '', heard: () => void = () => { /* nobody waits */ };
  const { consoleId } = await api.consoles.attach(id);
  engine.client.on('console.output', ({ bytes }) => { output += new TextDecoder().decode(bytes); void api.consoles.acknowledge(consoleId, bytes.length); heard(); });
  const printed = async (text: string) => { while (!output.includes(text)) await new Promise<void>(resolve => { heard = resolve; }); };
  const type = (line: string) => api.consoles.write(consoleId, new TextEncoder().encode(`${line}\r`));
  expect(await done(api.vms.powerOn(id))).toMatchObject({ state: 'success' });
  await printed('# ');

  const paused = happened('vm.paused'), alarmed = new Promise<string>(resolve => { engine.client.on('inventory.changed', changes => { for (const change of changes) if (change.kind === 'triggeredAlarm' && change.after) resolve(change.after.name); }); });
  // `yes` writes line by line, which takes as long as all the rest when it is done for every byte.
  await type(`yes quarterdeck | head -c ${LINES_BYTES} > /lines; for n in $(seq ${WRITTEN * MIB / LINES_BYTES}); do cat /lines; done | dd of=/dev/vda bs=64k count=${WRITTEN * 16} iflag=fullblock oflag=direct conv=fsync && echo "it is wri""tten"`);
  await paused;
  expect((await engine.objects('vm'))[0]?.problem).toMatch(/^It is paused: there is no room for .*disk-1\.qcow2\. It goes on when there is\.$/);
  expect(await alarmed).toBe('Virtual machine paused, its storage is full');
  const { instructions } = (await api.vms.stats(id))!, again = (await api.vms.stats(id))!.instructions;
  expect(again).toBe(instructions);
  expect(output).not.toContain('written');

  const wentOn = happened('vm.wentOn');
  if (capacityBytes !== undefined) expect((await api.datastores.usage(datastoreId)).usedBytes).toBeLessThan(capacityBytes + 2 * MIB);
  await makeRoom(datastoreId);
  await wentOn;
  await printed('it is written');
  expect((await engine.objects('vm'))[0]?.problem).toBeUndefined();
  await done(api.vms.powerOff(id));
  const image = await openImage((await engine.objects('vm'))[0]!.spec.disks[0]!.path, { readOnly: true }), bytes = Buffer.alloc(WRITTEN * MIB);
  await image.read(0, bytes);
  await image.close();
  const sum = (data: Buffer) => createHash('sha256').update(data).digest('hex');
  expect(sum(bytes)).toBe(sum(Buffer.from('quarterdeck\n'.repeat(Math.ceil(bytes.length / 12))).subarray(0, bytes.length)));
}, 180_000);

test.skipIf(!canMount)('what nobody waits for is recorded as soon as the disk of the inventory has room', async () => {
  const own = await openTestClient(join(small, 'data')), ballast = join(small, 'ballast'), target = { kind: 'datacenter', id: 'datacenter', name: 'Datacenter' } as const;
  try {
    const told = new Promise<void>(resolve => { own.client.on('event.added', event => { if (event.type === 'test.noted') resolve(); }); });
    execFileSync('sh', ['-c', `cat /dev/zero > ${ballast} 2>/dev/null || true`]);
    await expect(own.client.api.inventory.rename(target, 'x'.repeat(60))).rejects.toThrow('The inventory could not be saved');
    own.engine.inventory.eventually(edit => edit.event({ severity: 'info', type: 'test.noted', message: 'y'.repeat(20_000), target }));
    await expect(own.client.api.inventory.rename(target, 'other')).rejects.toThrow('The inventory could not be saved');
    rmSync(ballast);
    await told;
    expect(await own.ended(await own.client.api.inventory.rename(target, 'other'))).toMatchObject({ state: 'success' });
  } finally { await own.close(); }
}, 60_000);
