/** What a new inventory begins with: a datacenter with two servers. */
import { LOCAL_DATASTORE } from '../../shared/model/container.ts';
import type { DatacenterId, HostId } from '../../shared/base/ids.ts';
import { HOST_PROFILES } from '../../shared/model/host.ts';
import type { InventoryObject } from '../../shared/model/objects.ts';
import { DEFAULT_ALARMS } from '../../shared/model/alarm.ts';
import { ROOT } from '../../shared/model/task.ts';

const DATACENTER = 'datacenter' as DatacenterId, parent = { kind: 'datacenter', id: DATACENTER } as const;

export const FIRST_OBJECTS: readonly InventoryObject[] = [
  { kind: 'datacenter', object: { id: DATACENTER, name: 'Datacenter', parent: { kind: ROOT.kind, id: ROOT.id } } },
  { kind: 'datastore', object: { id: LOCAL_DATASTORE, name: 'datastore1', parent, path: '' } },
  { kind: 'host', object: { id: 'host-a' as HostId, name: 'host-a.lab.local', parent, ...HOST_PROFILES[0], connected: true } },
  { kind: 'host', object: { id: 'host-b' as HostId, name: 'host-b.lab.local', parent, ...HOST_PROFILES[1], connected: true } },
  ...DEFAULT_ALARMS.map(object => ({ kind: 'alarmDefinition', object }) as const),
];
