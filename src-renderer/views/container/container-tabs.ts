/** The tabs of each kind of place. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import type { InventoryObject } from '../../../shared/model/objects.ts';
import type { ContainedKind } from '../../stores/hierarchy.ts';

export interface Tab { readonly id: string; readonly label: Phrase; /** What the tab is a grid of. */ readonly kinds?: readonly ContainedKind[] }

const SUMMARY: Tab = { id: 'summary', label: say`Summary` }, MONITOR: Tab = { id: 'monitor', label: say`Monitor` }, CONFIGURE: Tab = { id: 'configure', label: say`Configure` }, VMS: Tab = { id: 'vms', label: say`VMs` };
const DATACENTERS: Tab = { id: 'datacenters', label: say`Datacenters`, kinds: ['datacenter'] }, COMPUTE: Tab = { id: 'hosts', label: say`Hosts & Clusters`, kinds: ['cluster', 'host'] };
const HOSTS: Tab = { id: 'hosts', label: say`Hosts`, kinds: ['host'] }, POOLS: Tab = { id: 'pools', label: say`Resource Pools`, kinds: ['resourcePool'] };
const DATASTORES: Tab = { id: 'datastores', label: say`Datastores`, kinds: ['datastore'] }, NETWORKS: Tab = { id: 'networks', label: say`Networks`, kinds: ['network'] };
const FILES: Tab = { id: 'files', label: say`Files` };
const DELETED: Tab = { id: 'deleted', label: say`Recently Deleted` };
const EVERYTHING = [COMPUTE, VMS, DATASTORES, NETWORKS];
const OF_FOLDER = { datacenter: [DATACENTERS, ...EVERYTHING], host: [COMPUTE, VMS], vm: [VMS], storage: [DATASTORES], network: [NETWORKS] } as const;
const OF_KIND: Partial<Record<string, readonly Tab[]>> = { root: [DATACENTERS, ...EVERYTHING, DELETED], datacenter: EVERYTHING, cluster: [HOSTS, VMS, POOLS], resourcePool: [VMS, POOLS], network: [VMS], datastore: [FILES, VMS] };

export const tabsOf = (kind: string, known: InventoryObject | undefined): readonly Tab[] => [SUMMARY, MONITOR, CONFIGURE, ...(known?.kind === 'folder' ? OF_FOLDER[known.object.tree] : OF_KIND[kind] ?? [])];
