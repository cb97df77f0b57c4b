/** Guests of different hosts on one switch: their frames go over the hosts' links, and find a guest that has moved. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import type { HostId, NetworkId, TaskId, VmId } from '../../shared/base/ids.ts';
import { HOST_PROFILES, USUAL_LINK, type HostLink } from '../../shared/model/host.ts';
import { shellOf } from './migration-proof.ts';
import { openTestClient } from './test-client.ts';

test('frames between hosts go over their links, as fast and as late as these are, and a guest that moves is found at once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-fabric-')), { kernel, initrd } = await fetchGuests('cloud'), { client, client: { api }, ended, close } = await openTestClient(join(folder, 'data'));
  const done = async (task: Promise<TaskId>) => { const { error, state, result } = await ended(await task); expect(error ?? state).toBe('success'); return result?.id ?? ''; };
  try {
    const hosts: HostId[] = [];
    for (const name of ['one', 'two', 'three']) hosts.push(await done(api.hosts.add({ name, parent: { kind: 'datacenter', id: 'datacenter' }, profile: HOST_PROFILES[0] })) as HostId);
    const [one, two, three] = hosts as [HostId, HostId, HostId], link = (host: HostId, change: Partial<HostLink>) => done(api.hosts.setLink(host, { ...USUAL_LINK, ...change }));
    const boot = async (name: string, host: HostId) => {
      const id = await done(api.vms.create({ name, cpus: 1, memoryMib: 96, guest: { kind: 'linux', kernelPath: kernel, initrdPath: initrd, commandLine: 'console=ttyAMA0 quiet' }, disks: [], nics: [{ kind: 'switch', switch: 'lan', connected: true }] }, host)) as VmId;
      await done(api.vms.powerOn(id));
      return id;
    };
    const asker = await boot('asker', one), ask = await shellOf(client, asker), answerer = await boot('answerer', two), answer = await shellOf(client, answerer);
    await ask.run('ip addr add 192.168.1.1/24 dev eth0; ip link set eth0 up');
    await answer.run('ip addr add 192.168.1.2/24 dev eth0; ip link set eth0 up');
    const pings = async (count: number) => { const text = await ask.run(`ping -c ${count} -W 2 192.168.1.2`), [, received = '?'] = /(\d+) packets received/.exec(text) ?? [], [, least = '0'] = /min\/avg\/max = ([\d.]+)/.exec(text) ?? []; return { received: Number(received), leastMs: Number(least) }; };
    expect((await pings(2)).received).toBe(2);
    await link(two, { connected: false });
    expect((await pings(1)).received).toBe(0);
    await link(two, { latencyMs: 60 });
    const late = await pings(2);
    expect(late.received).toBe(2);
    expect(late.leastMs).toBeGreaterThanOrEqual(120);
    await link(two, {});
    // The answering guest says nothing by itself: only the announcement tells the switches where it is now.
    for (const to of [three, two, one]) {
      await done(api.vms.migrate([answerer], { hostId: to, downtimeMs: 5000 }));
      expect((await pings(2)).received).toBe(2);
    }
    // Another network, and back, while it runs.
    const network = async (name: string) => await done(api.inventory.create({ kind: 'network', name, switch: 'lan', vlan: name === 'apart' ? 7 : 0, parent: { kind: 'datacenter', id: 'datacenter' } })) as NetworkId, [apart, common] = [await network('apart'), await network('VM Network')];
    await done(api.vms.migrate([answerer], { hostId: two, downtimeMs: 5000, networks: [{ switch: 'lan', portGroup: 'VM Network', networkId: apart }] }));
    expect((await pings(1)).received).toBe(0);
    expect((await api.vms.checkMigration(answerer, { hostId: one, networks: [{ switch: 'lan', portGroup: 'VM Network', networkId: common }] })).map(({ name, severity }) => `${name} ${severity}`)).toContain('networks warning');
    await done(api.vms.migrate([answerer], { hostId: one, downtimeMs: 5000, networks: [{ switch: 'lan', portGroup: 'apart', networkId: common }] }));
    expect((await pings(2)).received).toBe(2);
    // On one host no link is between them.
    await link(one, { connected: false });
    expect((await pings(1)).received).toBe(1);
  } finally {
    await close();
    await rm(folder, { recursive: true, force: true });
  }
}, 180_000);
