/** Puts right what an engine left behind that was killed: nothing it was doing goes on, and files of nothing go. */
import type { Write } from '../inventory/database.ts';
import { refOf } from '../inventory/inventory.ts';
import type { Store } from '../inventory/store.ts';
import type { VmFiles } from './vm-files.ts';
import type { Host } from '../../shared/model/host.ts';
import type { Task } from '../../shared/model/task.ts';
import type { Vm } from '../../shared/model/vm.ts';

const TASK_ERROR = 'The engine stopped while this task ran.';
const VM_PROBLEM = 'The engine stopped while this VM ran.';

/** Updates the store's contents too: they are what the inventory begins with. */
export async function recover(store: Store, files: VmFiles): Promise<void> {
  const { objects, unfinished } = store.contents, vms = objects.flatMap(({ kind, object }) => (kind === 'vm' ? [object] : []));
  // Only then was something under way: an inventory that is new, or older than its folder, must not cost VMs their disks.
  if (unfinished.length > 0) await files.removeOthers(new Set(vms.map(({ id }) => id)));
  const entering = objects.flatMap(({ kind, object }) => (kind === 'host' && object.maintenance === 'entering' ? [object] : []));
  const orphans = vms.filter(({ powerState }) => powerState !== 'poweredOff' && powerState !== 'suspended');
  if (orphans.length + unfinished.length + entering.length === 0) return;
  const nowMs = Date.now();
  await store.commit([...unfinished.map(task => failed(task, nowMs)), ...entering.map(notEntered), ...orphans.flatMap(vm => (files.isSuspended(vm.id) ? suspended(vm) : poweredOff(vm, nowMs)))]);
  await store.reload();
}

function failed(task: Task, nowMs: number): Write {
  return { kind: 'task', after: { ...task, state: 'error', error: TASK_ERROR, cancelable: false, completedMs: nowMs } };
}

/** Nobody waits any more for its VMs to be off. */
const notEntered = (host: Host): Write => ({ kind: 'object', after: { kind: 'host', object: { ...host, maintenance: 'none' } } });

/** The state is whole, and the guest has not run since. */
const suspended = (vm: Vm): Write[] => [{ kind: 'object', after: { kind: 'vm', object: { ...vm, powerState: 'suspended' } } }];

function poweredOff(vm: Vm, atMs: number): Write[] {
  return [
    { kind: 'object', after: { kind: 'vm', object: { ...vm, powerState: 'poweredOff', problem: VM_PROBLEM } } },
    { kind: 'event', event: { atMs, severity: 'warning', type: 'vm.poweredOff', message: `${vm.spec.name} was powered off: the engine stopped while it ran.`, target: refOf(vm) } },
  ];
}
