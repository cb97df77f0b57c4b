import { randomBytes } from 'node:crypto';
import type { EngineApi } from '../../shared/api/engine-api.ts';
import { EngineError } from '../../shared/base/errors.ts';
import type { HostId, SnapshotId, TaskId, VmId } from '../../shared/base/ids.ts';
import { SnapshotRequest, VmName, VmSpec, type Vm } from '../../shared/model/vm.ts';
import { refOf } from '../inventory/inventory.ts';
import { checkFits, checkName } from './admission.ts';
import { checked, idOf } from './checked.ts';
import type { Engine } from './engine.ts';
import type { TaskWork } from './task-runner.ts';

const Id = idOf<VmId>('The VM');
const SnapshotOf = idOf<SnapshotId>('The snapshot');

type Context = Pick<Engine, 'inventory' | 'tasks' | 'power' | 'snapshots'>;

export function vmMethods(engine: Context): EngineApi['vms'] {
  const { inventory, power, snapshots, tasks } = engine;
  /** A task about an existing VM. */
  const task = (name: string, work: (id: VmId) => TaskWork, options: { cancelable?: boolean } = {}) =>
    checked([Id], id => engine.tasks.run(name, refOf(inventory.vm(id)), work(id), options));
  return {
    list: () => Promise.resolve(inventory.vms),
    create: checked([VmSpec, idOf<HostId>('The host')], (spec, hostId) => create(engine, spec, hostId)),
    rename: checked([Id, VmName], (id, name) => rename(engine, id, name)),
    powerOn: task('Power on virtual machine', id => context => power.on(id, context), { cancelable: true }),
    shutDownGuest: task('Shut down guest', id => context => power.shutDownGuest(id, context), { cancelable: true }),
    powerOff: task('Power off virtual machine', id => () => power.off(id)),
    suspend: task('Suspend virtual machine', id => context => power.suspend(id, context), { cancelable: true }),
    reset: task('Reset virtual machine', id => () => power.reset(id)),
    delete: task('Delete virtual machine', id => () => remove(engine, id)),
    takeSnapshot: checked([Id, SnapshotRequest], (id, request) => tasks.run('Create virtual machine snapshot', refOf(inventory.vm(id)), context => snapshots.take(id, request, context), { cancelable: true })),
    revertToSnapshot: checked([Id, SnapshotOf], (id, snapshot) => tasks.run('Revert to snapshot', refOf(inventory.vm(id)), context => snapshots.revert(id, snapshot, context))),
    deleteSnapshot: checked([Id, SnapshotOf], (id, snapshot) => tasks.run('Delete snapshot', refOf(inventory.vm(id)), () => snapshots.delete(id, snapshot))),
    stats: checked([Id], id => power.stats(id)),
  };
}

/** What is wrong with the wish is said at once, not by a task. */
function create({ inventory, tasks }: Context, spec: VmSpec, hostId: HostId): Promise<TaskId> {
  const host = inventory.host(hostId);
  checkFits(spec, host);
  checkName(spec.name, inventory.vms);
  return tasks.run('Create virtual machine', { kind: 'host', id: host.id, name: host.name }, async () => {
    await inventory.transact(edit => {
      checkName(spec.name, edit.vms);
      const vm: Vm = { id: `vm-${randomBytes(6).toString('hex')}` as VmId, hostId, spec, powerState: 'poweredOff', createdMs: Date.now() };
      edit.putVm(vm);
      edit.event({ severity: 'info', type: 'vm.created', message: `${spec.name} was created on ${host.name}.`, target: refOf(vm) });
    });
  });
}

async function rename({ inventory }: Context, id: VmId, name: string): Promise<void> {
  await inventory.transact(edit => {
    const vm = edit.vm(id);
    if (vm.spec.name === name) return;
    checkName(name, edit.vms, vm);
    const renamed = { ...vm, spec: { ...vm.spec, name } };
    edit.putVm(renamed);
    edit.event({ severity: 'info', type: 'vm.renamed', message: `${vm.spec.name} was renamed to ${name}.`, target: refOf(renamed) });
  });
}

/** Disk images stay: they are the operator's files. */
async function remove({ inventory, power }: Context, id: VmId): Promise<void> {
  await inventory.transact(edit => {
    const vm = edit.vm(id);
    if (vm.powerState !== 'poweredOff') throw new EngineError('wrong-state', `${vm.spec.name} must be powered off before it can be deleted.`);
    edit.removeVm(id);
    edit.event({ severity: 'info', type: 'vm.deleted', message: `${vm.spec.name} was deleted.`, target: refOf(vm) });
  });
  power.forget(id);
  await power.removeFiles(id);
}
