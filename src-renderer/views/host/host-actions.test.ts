import { expect, test } from 'vitest';
import type { HostId, VmId } from '../../../shared/base/ids.ts';
import { HOST_PROFILES, type Host } from '../../../shared/model/host.ts';
import type { PowerState, Vm } from '../../../shared/model/vm.ts';
import { whyNot, type Action, type Situation } from './host-actions.ts';

const host: Host = { ...HOST_PROFILES[0], id: 'h' as HostId, name: 'h', parent: { kind: 'datacenter', id: 'd' }, connected: true };
const vm = (powerState: PowerState): Vm => ({ id: 'v' as VmId, hostId: host.id, powerState, createdMs: 0, spec: { name: 'v', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [] } });
const can = (changes: Partial<Host>, rest: Partial<Situation> = {}) => (action: Action) => whyNot(action, { host: { ...host, ...changes }, vms: [], pools: 0, ...rest }) === undefined;
const ALL: readonly Action[] = ['powerOn', 'powerOff', 'reboot', 'enterMaintenance', 'exitMaintenance', 'connect', 'disconnect', 'newPool', 'edit', 'remove'];

test.each<[string, Partial<Host>, Partial<Situation>, readonly Action[]]>([
  ['an idle host', {}, {}, ['powerOff', 'reboot', 'enterMaintenance', 'disconnect', 'newPool', 'edit', 'remove']],
  ['a host with a running VM', {}, { vms: [vm('poweredOn')] }, ['powerOff', 'reboot', 'enterMaintenance', 'newPool']],
  ['a host with a suspended VM', {}, { vms: [vm('suspended')] }, ['powerOff', 'reboot', 'enterMaintenance', 'disconnect', 'newPool']],
  ['a host that is off', { powerState: 'poweredOff' }, {}, ['powerOn', 'disconnect', 'newPool', 'edit', 'remove']],
  ['a host that enters maintenance', { maintenance: 'entering' }, {}, ['newPool', 'edit', 'remove']],
  ['a host in maintenance', { maintenance: 'on' }, {}, ['powerOff', 'reboot', 'exitMaintenance', 'disconnect', 'newPool', 'edit', 'remove']],
  ['a disconnected host', { connected: false }, {}, ['connect', 'newPool', 'edit', 'remove']],
  ['a host of a cluster', { parent: { kind: 'cluster', id: 'c' } }, {}, ['powerOff', 'reboot', 'enterMaintenance', 'disconnect', 'edit', 'remove']],
  ['a host with a pool', {}, { pools: 1 }, ['powerOff', 'reboot', 'enterMaintenance', 'disconnect', 'newPool', 'edit']],
])('of %s, what can be done is what the engine takes', (_, changes, rest, possible) => { expect(ALL.filter(can(changes, rest))).toEqual(possible); });

test('what keeps a host from being removed is said', () => {
  expect(whyNot('remove', { host, vms: [vm('poweredOff')], pools: 0 })).toBe('1 virtual machine is on it, those in the bin included.');
});
