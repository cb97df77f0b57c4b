import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { HostId, PeerId, TaskId, VmId } from '../../../shared/base/ids.ts';
import { fetchGuests } from '../../../scripts/fetch-guests.ts';
import { createImage } from '../../storage/image-operations.ts';
import { DISK_LOAD, shellOf } from '../migration-proof.ts';
import { openTestClient, type TestClient } from '../test-client.ts';

const HOST = 'host-a' as HostId;

test('Debian moves to another engine and back while it writes to its disk and reads it again, and loses nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-peers-linux-')), disk = join(folder, 'disk.qcow2'), { kernel, initrd } = await fetchGuests('cloud'), sides: TestClient[] = [];
  const done = async ({ ended }: TestClient, task: Promise<TaskId>) => { const { error, state, result } = await ended(await task); expect(error ?? state).toBe('success'); return result?.id ?? ''; };
  try {
    await createImage(disk, { format: 'qcow2', sizeBytes: 32 * 2 ** 20 });
    for (const name of ['here', 'there']) sides.push(await openTestClient(join(folder, name)));
    const [here, there] = sides as [TestClient, TestClient], at = await Promise.all(sides.map(({ engine }) => engine.peers.listen({ port: 0, host: '127.0.0.1' }))), known = await Promise.all(sides.map(({ client }) => client.api.peers.identity()));
    const peers = [await done(here, here.client.api.peers.add({ name: 'there', address: at[1]!, fingerprint: known[1]!.fingerprint })), await done(there, there.client.api.peers.add({ name: 'here', address: at[0]!, fingerprint: known[0]!.fingerprint }))] as PeerId[];
    const id = await done(here, here.client.api.vms.create({
      name: 'roamer', cpus: 2, memoryMib: 128, guest: { kind: 'linux', kernelPath: kernel, initrdPath: initrd, commandLine: 'console=ttyAMA0 quiet' }, disks: [{ path: disk, readOnly: false }], nics: [{ kind: 'nat', connected: true, forwards: [] }],
    }, HOST)) as VmId;
    await done(here, here.client.api.vms.powerOn(id));
    const shell = await shellOf(here.client, id);
    await shell.run('udhcpc -i eth0 -q -n; echo $$ > /tmp/shell');
    shell.type(`(${DISK_LOAD}) &`);
    for (const [n, from] of [here, there, here].entries()) {
      const to = n % 2 === 0 ? there : here;
      from.engine.migrations.proof = { verify: true };
      await done(from, from.client.api.vms.migrate([id], { peerId: peers[n % 2]!, hostId: HOST, downtimeMs: 500, priority: 'high' }));
      const next = await shellOf(to.client, id, '\r');
      // The same shell, by a network card that the guest did not see change.
      expect(await next.run('[ $(cat /tmp/shell) = $$ ] && echo same; udhcpc -i eth0 -q -n >/dev/null 2>&1 && echo leased; cat /tmp/bad')).toMatch(/same\s+leased\s+cat: can't open '\/tmp\/bad'/);
      expect(Number(await next.run('cat /tmp/good'))).toBeGreaterThan(0);
    }
  } finally {
    for (const side of sides) await side.close();
    await rm(folder, { recursive: true, force: true });
  }
}, 300_000);
