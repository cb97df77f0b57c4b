/** A data folder as of a large site: hosts in clusters, VMs on them and in folders, some with tags and notes. Written as the engine writes. */
import { join } from 'node:path';
import type { ClusterId, DatacenterId, FolderId, HostId, TagCategoryId, TagId, VmId } from '../shared/base/ids.ts';
import type { PowerState, Vm } from '../shared/model/vm.ts';
import { Inventory, type Edit } from '../src-main/inventory/inventory.ts';
import { Store } from '../src-main/inventory/store.ts';

const CENTRE = { kind: 'datacenter', id: 'datacenter' as DatacenterId } as const;
const VMS_PER_HOST = 100, HOSTS_PER_CLUSTER = 10, FOLDERS = 50, TAGS = 8;
const STATES: readonly PowerState[] = ['poweredOff', 'poweredOn', 'suspended', 'poweredOn'];
const ROLES = ['web', 'db', 'cache', 'build', 'mail', 'ci', 'proxy', 'desk'] as const;

const vmOf = (at: number): Vm => ({
  id: `vm-${at}` as VmId, hostId: `host-${Math.floor(at / VMS_PER_HOST)}` as HostId, createdMs: 1.7e12 + at * 1000, powerState: STATES[at % STATES.length]!,
  ...(at % 3 > 0 && { folderId: `folder-${at % FOLDERS}` as FolderId }), ...(at % 4 === 0 && { tagIds: [`tag-${at % TAGS}` as TagId] }), ...(at % 10 === 0 && { notes: `Ticket ${at}: handed over` }),
  spec: { name: `${ROLES[at % ROLES.length]!}-${at}`, cpus: 1 + at % 4, memoryMib: 256 << (at % 4), guest: { kind: 'linux', kernelPath: '/images/Image', commandLine: 'console=ttyAMA0' }, disks: [{ path: `/disks/${at}.qcow2`, readOnly: false }] },
});

function fill(edit: Edit, vms: number): void {
  for (let at = 0; at < FOLDERS; at++) edit.put('folder', { id: `folder-${at}` as FolderId, name: `Team ${at}`, tree: 'vm', parent: CENTRE });
  edit.put('tagCategory', { id: 'stage' as TagCategoryId, name: 'Stage', single: true });
  for (let at = 0; at < TAGS; at++) edit.put('tag', { id: `tag-${at}` as TagId, name: `stage ${at}`, categoryId: 'stage' as TagCategoryId, colour: 'blue' });
  for (let at = 0; at < vms / VMS_PER_HOST; at++) {
    const cluster = Math.floor(at / HOSTS_PER_CLUSTER), id = `cluster-${cluster}` as ClusterId;
    edit.put('cluster', { id, name: `Cluster ${cluster}`, parent: CENTRE });
    edit.put('host', { id: `host-${at}` as HostId, name: `esx-${at}.site.example`, parent: { kind: 'cluster', id }, model: 'Quarterdeck Q8', cpus: 64, memoryMib: 1 << 20, counterHz: 62_500_000, connected: true });
  }
  for (let at = 0; at < vms; at++) edit.put('vm', vmOf(at));
}

export async function writeInventory(dataPath: string, vms: number): Promise<void> {
  const store = await Store.open(join(dataPath, 'inventory.db'));
  try {
    const inventory = await Inventory.open(store);
    await inventory.transact(edit => fill(edit, vms));
  } finally { await store.close(); }
}

/** Some VMs, from `from` on, go to their next state. */
export function changeStates(edit: Edit, from: number, count: number, vms: number): void {
  for (let step = 0; step < count; step++) {
    const vm = edit.get('vm', `vm-${(from + step) % vms}`);
    edit.put('vm', { ...vm, powerState: vm.powerState === 'poweredOn' ? 'poweredOff' : 'poweredOn' });
  }
}
