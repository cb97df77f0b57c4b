import { expect, test } from 'vitest';
import type { HostId, VmId } from '../../../shared/base/ids.ts';
import { HOST_PROFILES, type Host } from '../../../shared/model/host.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { searchInventory } from './search.ts';

const host: Host = { ...HOST_PROFILES[0], id: 'h' as HostId, name: 'rack-web', connected: true, parent: { kind: 'datacenter', id: 'datacenter' } };
const vm = (name: string, kernelPath = '/k'): Vm => ({
  id: name as VmId, hostId: host.id, powerState: 'poweredOff', createdMs: 0, spec: { name, cpus: 1, memoryMib: 64, guest: { kind: 'linux', kernelPath, commandLine: '' }, disks: [] },
});
const names = (query: string) => searchInventory(query, [vm('old-web'), vm('WEB-01'), vm('db', '/images/web.img')], [host]).map(result => result.name);

test('names that begin with the query come first, then names with it, then other matches', () => {
  expect(names('web')).toEqual(['WEB-01', 'rack-web', 'old-web', 'db']);
});

test('nothing typed finds nothing', () => { expect(names('  ')).toEqual([]); });
