/** Snapshots of Debian, taken and gone back to through the engine's API while it writes to its disks. */
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import type { HostId, SnapshotId, TaskId, VmId } from '../../shared/base/ids.ts';
import type { VmRequest } from '../../shared/model/vm.ts';
import { openTestClient, type TestClient } from './test-client.ts';

const MINUTES = 60_000;
let folder: string, client: TestClient['client'], ended: TestClient['ended'], objects: TestClient['objects'], close: TestClient['close'];
let output = '', heard: () => void = () => { /* nobody waits */ };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quarterdeck-snapshots-'));
  output = '';
  ({ client, ended, objects, close } = await openTestClient(folder));
});
afterEach(async () => { await close(); await rm(folder, { recursive: true }); });

async function done(task: Promise<TaskId>): Promise<void> { expect(await ended(await task)).toMatchObject({ state: 'success' }); }
const vm = async () => (await objects('vm'))[0]!;
const snapshotNamed = async (name: string): Promise<SnapshotId> => (await vm()).snapshots!.find(each => each.name === name)!.id;

/** Waits for text that is printed from now on. */
async function printed(text: string): Promise<void> {
  while (!output.includes(text)) await new Promise<void>(resolve => { heard = resolve; });
  output = output.slice(output.indexOf(text) + text.length);
}

async function debianWithDisk(): Promise<{ id: VmId; type: (line: string) => Promise<void> }> {
  const guest = await fetchGuests('cloud'), path = join(folder, 'disk.img');
  await writeFile(path, '');
  await truncate(path, 2 ** 24);
  await done(client.api.vms.create({
    name: 'web', cpus: 1, memoryMib: 192, guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' },
    disks: [{ path, readOnly: false, bus: 'nvme' }],
  }, 'host-a' as HostId));
  const { id } = await vm(), { consoleId } = await client.api.consoles.attach(id);
  client.on('console.output', ({ bytes }) => {
    output += new TextDecoder().decode(bytes);
    client.api.consoles.acknowledge(consoleId, bytes.length).catch(() => { /* the engine has closed */ });
    heard();
  });
  return { id, type: line => client.api.consoles.write(consoleId, new TextEncoder().encode(`${line}\r`)) };
}

test('a guest goes back to its memory and its disk as they were, as often as it is asked to, and unused layers go', async () => {
  const { id, type } = await debianWithDisk();
  await done(client.api.vms.powerOn(id));
  await printed('# ');
  await type('put() { echo "$1" | dd of=/dev/nvme0n1 bs=512 seek=$2 conv=fsync 2>/dev/null; }; n=0; put first 1; while :; do n=$((n+1)); put "n $n" 2; [ $n = 20 ] && echo "twen""ty"; [ $n = 60 ] && break; sleep 0.05; done; echo "six""ty"');
  await printed('twenty');
  await done(client.api.vms.takeSnapshot(id, { name: 'early', description: 'in the middle of writing', memory: true }));
  await printed('sixty');
  await type('put second 1; echo "put sec""ond"');
  await printed('put second');
  for (let round = 0; round < 2; round++) {
    await done(client.api.vms.revertToSnapshot(id, await snapshotNamed('early')));
    expect((await vm()).powerState).toBe('poweredOn');
    // The loop goes on from where it was, and the disk agrees with it.
    await printed('sixty');
    await type('dd if=/dev/nvme0n1 bs=512 skip=1 count=1 iflag=direct 2>/dev/null | head -1; echo "that was" it');
    await printed('first\r\nthat was it');
  }
  const layers = (await readdir(join(folder, 'vms', id))).filter(name => name.endsWith('.layer.qcow2'));
  expect(layers).toHaveLength(1);
  await done(client.api.vms.powerOff(id));
  await done(client.api.vms.deleteSnapshot(id, await snapshotNamed('early')));
  // What the guest wrote is in the disk's own image again, which no snapshot keeps as it was.
  expect([await readdir(join(folder, 'vms', id)), (await vm()).spec.disks[0]?.path, (await vm()).needsConsolidation]).toEqual([[], join(folder, 'disk.img'), undefined]);
  expect((await readFile(join(folder, 'disk.img'))).subarray(512, 518).toString()).toBe('first\n');
}, 3 * MINUTES);

test('snapshots of a VM that is off form a tree, and going back changes its hardware too', async () => {
  const { id } = await debianWithDisk();
  await done(client.api.vms.takeSnapshot(id, { name: 'a', description: '', memory: true }));
  await done(client.api.vms.takeSnapshot(id, { name: 'b', description: '', memory: false }));
  await done(client.api.vms.revertToSnapshot(id, await snapshotNamed('a')));
  await done(client.api.vms.takeSnapshot(id, { name: 'c', description: '', memory: false }));
  const { snapshots = [], currentSnapshotId } = await vm(), byName = Object.fromEntries(snapshots.map(each => [each.name, each]));
  expect([byName['a']?.memory, byName['b']?.parentId, byName['c']?.parentId, currentSnapshotId]).toEqual([false, byName['a']?.id, byName['a']?.id, byName['c']?.id]);
  await done(client.api.vms.deleteSnapshot(id, await snapshotNamed('a')));
  expect((await vm()).snapshots?.map(({ name, parentId }) => [name, parentId])).toEqual([['b', undefined], ['c', undefined]]);
  await done(client.api.vms.powerOn(id));
  await printed('# ');
}, 3 * MINUTES);

test('disks that were made after a snapshot go with the state that is given up; other images and those of snapshots stay', async () => {
  const outside = join(folder, 'outside.img'), fresh = { create: { format: 'qcow2', sizeMib: 1 }, readOnly: false } as const;
  await writeFile(outside, Buffer.alloc(2 ** 20));
  await done(client.api.vms.create({ name: 'web', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [fresh] }, 'host-a' as HostId));
  const { id } = await vm(), take = (name: string) => done(client.api.vms.takeSnapshot(id, { name, description: '', memory: false })), revert = async (name: string) => done(client.api.vms.revertToSnapshot(id, await snapshotNamed(name)));
  const add = async (...disks: VmRequest['disks']) => { const { spec } = await vm(); await done(client.api.vms.reconfigure(id, { ...spec, disks: [...spec.disks, ...disks] })); };
  const made = async () => (await readdir(join(folder, 'vms', id))).filter(name => /^disk-\d\./.test(name));
  await take('one disk');
  await add(fresh);
  await take('two disks');
  await add(fresh, { path: outside, readOnly: false });
  const shared = join(folder, 'vms', id, 'disk-4.qcow2');
  await add(fresh);
  await done(client.api.vms.create({ name: 'other', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [{ path: shared, readOnly: true }] }, 'host-a' as HostId));
  expect(await made()).toEqual(['disk-1.qcow2', 'disk-2.qcow2', 'disk-3.qcow2', 'disk-4.qcow2']);
  await revert('one disk');
  expect(await made(), 'another VM has the fourth').toEqual(['disk-1.qcow2', 'disk-2.qcow2', 'disk-4.qcow2']);
  await done(client.api.vms.deleteSnapshot(id, await snapshotNamed('two disks')));
  expect([(await vm()).spec.disks.length, await made(), (await readFile(outside)).length]).toEqual([1, ['disk-1.qcow2', 'disk-4.qcow2'], 2 ** 20]);
}, MINUTES);

test('a snapshot that cannot be taken leaves nothing behind, and says why', async () => {
  const { id } = await debianWithDisk();
  await rm(join(folder, 'disk.img'));
  const task = await ended(await client.api.vms.takeSnapshot(id, { name: 'a', description: '', memory: false }));
  expect(task).toMatchObject({ state: 'error', error: expect.stringMatching(/disk\.img cannot be opened/) as string });
  expect((await vm()).snapshots).toBeUndefined();
  expect(await readdir(join(folder, 'vms', id))).toEqual([]);
}, MINUTES);
