import * as v from 'valibot';
import type { EngineApi } from '../../shared/api/engine-api.ts';
import type { HostId, SnapshotId, TaskId, VmId } from '../../shared/base/ids.ts';
import { fixed, say, type Phrase } from '../../shared/base/phrase.ts';
import { BootChange } from '../../shared/model/boot-watchdog.ts';
import { TimeChange } from '../../shared/model/guest-time.ts';
import { MigrationRequest } from '../../shared/model/migration.ts';
import { ObjectName } from '../../shared/model/object-name.ts';
import { ROOT } from '../../shared/model/task.ts';
import { CloneRequest, VmPlace } from '../../shared/model/clone.ts';
import { BULK_OPERATIONS, SnapshotEdit, SnapshotRequest, VmRequest, type Vm, type VmSpec } from '../../shared/model/vm.ts';
import { firmwareTablesOf } from '../hypervisor/firmware-tables.ts';
import { hostRef, refOf } from '../inventory/inventory.ts';
import { checkDisks } from './admission.ts';
import { checkAllocations } from './allocations.ts';
import { deleteFromDisk, emptyBin, moveToBin, restore } from './bin.ts';
import { EfiBootChange } from '../../shared/model/efi.ts';
import { changeEfiBoot, efiBoot } from './efi-boot.ts';
import { changeBoots, checkBanks, removeBank, saveBank } from './boots.ts';
import { bulk } from './bulk.ts';
import { clone, putNew, setTemplate } from './clone.ts';
import { checked, Count, FilePath, idOf } from './checked.ts';
import type { Engine } from './engine.ts';
import { changeMedium, changeTime, setBalloon } from './hardware.ts';
import { withNewDisks } from './new-disks.ts';
import { newId } from './new-id.ts';
import { reconfigure } from './reconfigure.ts';
import type { TaskWork } from './task-runner.ts';

const Id = idOf<VmId>(say`The VM`);
const SnapshotOf = idOf<SnapshotId>(say`The snapshot`);

type Context = Pick<Engine, 'inventory' | 'tasks' | 'power' | 'files' | 'captures' | 'snapshots' | 'datastores' | 'migrations' | 'peers'>;

export function vmMethods(engine: Context): EngineApi['vms'] {
  const { inventory, power, snapshots, tasks } = engine;
  /** A task about an existing VM. */
  const task = (name: Phrase, work: (id: VmId) => TaskWork, { alone, ...options }: { cancelable?: boolean; alone?: true } = {}) =>
    checked([Id], id => engine.tasks.run(name, refOf(inventory.vm(id)), work(id), { ...options, alone: alone && id }));
  const deletedTask = (name: Phrase, work: (id: VmId) => TaskWork) => checked([Id], id => tasks.run(name, refOf(inventory.deletedVm(id)), work(id)));
  return {
    create: checked([VmRequest, idOf<HostId>(say`The host`), v.optional(VmPlace)], (spec, hostId, place) => create(engine, spec, { hostId, ...place })),
    reconfigure: checked([Id, VmRequest], (id, spec) => reconfigure(engine, id, spec)),
    powerOn: task(say`Power on virtual machine`, id => context => power.on(id, context), { cancelable: true }),
    shutDownGuest: task(say`Shut down guest`, id => context => power.shutDownGuest(id, context), { cancelable: true }),
    restartGuest: task(say`Restart guest`, id => context => power.restartGuest(id, context), { cancelable: true }),
    powerOff: task(say`Power off virtual machine`, id => () => power.off(id)),
    suspend: task(say`Suspend virtual machine`, id => context => power.suspend(id, context), { cancelable: true }),
    reset: task(say`Reset virtual machine`, id => () => power.reset(id)),
    delete: task(say`Delete virtual machine`, id => () => moveToBin(engine, id)),
    migrate: checked([v.pipe(v.array(Id), v.maxLength(10_000, fixed(say`These are too many VMs.`))), MigrationRequest], (ids, request) => engine.migrations.start(ids, request)),
    checkMigration: checked([Id, MigrationRequest], (id, request) => engine.migrations.checks(id, request)),
    goOnHere: task(say`Go on here`, id => () => engine.peers.goOnHere(id)),
    migrations: checked([Id], id => Promise.resolve(engine.migrations.of(id))),
    each: checked([v.picklist(BULK_OPERATIONS, fixed(say`This cannot be done with many VMs at once.`)), v.pipe(v.array(Id), v.maxLength(10_000, fixed(say`These are too many VMs.`)))], (operation, ids) => bulk(engine, operation, ids)),
    restore: deletedTask(say`Restore virtual machine`, id => () => restore(engine, id)),
    deleteFromDisk: deletedTask(say`Delete virtual machine from disk`, id => () => deleteFromDisk(engine, id)),
    emptyBin: () => tasks.run(say`Empty bin`, ROOT, context => emptyBin(engine, context), { cancelable: true }),
    takeSnapshot: checked([Id, SnapshotRequest], (id, request) => tasks.run(say`Create virtual machine snapshot`, refOf(inventory.vm(id)), context => snapshots.take(id, request, context), { cancelable: true, alone: id })),
    revertToSnapshot: checked([Id, SnapshotOf], (id, snapshot) => tasks.run(say`Revert to snapshot`, refOf(inventory.vm(id)), context => snapshots.revert(id, snapshot, context), { alone: id })),
    editSnapshot: checked([Id, SnapshotOf, SnapshotEdit], (id, snapshot, text) => tasks.run(say`Edit snapshot`, refOf(inventory.vm(id)), () => snapshots.edit(id, snapshot, text))),
    deleteSnapshot: checked([Id, SnapshotOf], (id, snapshot) => tasks.run(say`Delete snapshot`, refOf(inventory.vm(id)), context => snapshots.delete(id, snapshot, context), { cancelable: true, alone: id })),
    deleteAllSnapshots: task(say`Delete all snapshots`, id => context => snapshots.deleteAll(id, context), { cancelable: true, alone: true }),
    consolidate: task(say`Consolidate virtual machine disks`, id => context => snapshots.consolidate(id, context), { cancelable: true, alone: true }),
    clone: checked([Id, CloneRequest], (id, request) => clone(engine, id, request)),
    convertToTemplate: task(say`Convert to template`, id => () => setTemplate(engine, id, true)),
    convertToVm: task(say`Convert to virtual machine`, id => () => setTemplate(engine, id, false)),
    changeMedium: checked([Id, Count, v.optional(FilePath)], (id, drive, path) => changeMedium(engine, id, drive, path || undefined)),
    setBalloon: checked([Id, Count], (id, mib) => setBalloon(engine, id, mib)),
    changeTime: checked([Id, TimeChange], (id, change) => changeTime(engine, id, change)),
    changeBoots: checked([Id, BootChange], (id, change) => changeBoots(engine, id, change)),
    saveBootBank: checked([Id, ObjectName], (id, name) => saveBank(engine, id, name)),
    removeBootBank: checked([Id, v.pipe(v.string(), v.maxLength(64))], (id, bank) => removeBank(engine, id, bank)),
    efiBoot: checked([Id], id => Promise.resolve(efiBoot(inventory.vm(id)))),
    changeEfiBoot: checked([Id, EfiBootChange], (id, change) => changeEfiBoot(engine, id, change)),
    stats: checked([Id], id => engine.captures.stats(id)),
    firmwareTables: checked([Id], id => Promise.resolve(firmwareTablesOf(describedBoard(inventory.vm(id).spec)))),
    pressRestart: checked([Id], id => power.pressRestart(id)),
    startCapture: checked([Id, Count, v.optional(FilePath)], (id, nic, path) => engine.captures.start(id, nic, path)),
    stopCapture: checked([Id, Count], (id, nic) => engine.captures.stop(id, nic)),
  };
}

/** As the VM is powered on. */
const describedBoard = ({ cpus, maxCpus, memoryMib, guest, iommu, display, time, bootWatchdog }: VmSpec) => ({ cpus, maxCpus, memoryMib, guest, iommu: iommu === true, display, time, bootWatchdog });

/** What is wrong with the wish is said at once, not by a task. */
function create({ inventory, tasks, files, datastores }: Context, wanted: VmRequest, { hostId, ...place }: VmPlace & { readonly hostId: HostId }): Promise<TaskId> {
  const { datastoreId } = place, elsewhere = datastores.placeOf(datastoreId), host = inventory.host(hostId), id = newId<VmId>('vm');
  const newVm = (disks: VmSpec['disks']): Vm => ({ id, hostId, ...(elsewhere !== undefined && datastoreId && { datastoreId }), spec: { ...wanted, disks }, powerState: 'poweredOff', createdMs: Date.now() });
  checkAllocations(wanted, host);
  checkBanks(wanted);
  checkDisks(wanted, inventory.allVms);
  inventory.rehearse(edit => putNew(edit, newVm([]), place));
  return tasks.run(say`Create virtual machine`, hostRef(host), async context => {
    if (elsewhere !== undefined) await files.place(id, elsewhere);
    try {
      await withNewDisks(files, id, { ...context, disks: wanted.disks }, disks => inventory.transact(edit => {
        const vm = newVm(disks);
        putNew(edit, vm, place);
        context.made(refOf(vm));
        edit.event({ severity: 'info', type: 'vm.created', message: say`${wanted.name} was created on ${host.name}.`, target: refOf(vm) });
      }));
    } catch (error) {
      if (elsewhere !== undefined) await files.remove(id);
      throw error;
    }
  }, { cancelable: true });
}
