import { defineStore } from 'pinia';
import { computed } from 'vue';
import type { HostId, SnapshotId, VmId } from '../../shared/base/ids.ts';
import type { CloneRequest, VmPlace } from '../../shared/model/clone.ts';
import type { EfiBootChange } from '../../shared/model/efi.ts';
import type { BootChange } from '../../shared/model/boot-watchdog.ts';
import type { MigrationRequest } from '../../shared/model/migration.ts';
import type { TimeChange } from '../../shared/model/guest-time.ts';
import type { BulkOperation, SnapshotEdit, SnapshotRequest, Vm, VmRequest } from '../../shared/model/vm.ts';
import { useEngine } from '../engine/use-engine.ts';
import { compareNames, inOrder } from './by-id.ts';
import { useInventory } from './inventory.ts';

const byName = (a: Vm, b: Vm) => compareNames(a.spec.name, b.spec.name), sameName = (a: Vm, b: Vm) => a.spec.name === b.spec.name;

export const useVms = defineStore('vms', () => {
  const engine = useEngine(), inventory = useInventory();
  const byId = computed(() => inventory.maps.vm);
  const deleted = computed(() => [...inventory.maps.deletedVm.values()].sort((a, b) => (b.deletedMs ?? 0) - (a.deletedMs ?? 0)));
  const all = computed((before?: readonly Vm[]) => inOrder(byId.value, before ?? [], sameName) ?? [...byId.value.values()].sort(byName));
  const byHost = computed(() => Map.groupBy(all.value, vm => vm.hostId));

  return {
    byId, all, byHost, deleted,
    create: (spec: VmRequest, host: HostId, place: VmPlace) => engine.call(api => api.vms.create(spec, host, place)),
    reconfigure: (vm: VmId, spec: VmRequest) => engine.call(api => api.vms.reconfigure(vm, spec)),
    migrate: (all: readonly VmId[], request: MigrationRequest) => engine.call(api => api.vms.migrate(all, request)),
    checkMigration: (vm: VmId, request: MigrationRequest) => engine.call(api => api.vms.checkMigration(vm, request)),
    migrations: (vm: VmId) => engine.call(api => api.vms.migrations(vm)),
    changeMedium: (vm: VmId, drive: number, path?: string) => engine.call(api => api.vms.changeMedium(vm, drive, path)),
    each: (operation: BulkOperation, vms: readonly VmId[]) => engine.call(api => api.vms.each(operation, vms)),
    powerOn: (vm: VmId) => engine.call(api => api.vms.powerOn(vm)),
    shutDownGuest: (vm: VmId) => engine.call(api => api.vms.shutDownGuest(vm)),
    restartGuest: (vm: VmId) => engine.call(api => api.vms.restartGuest(vm)),
    powerOff: (vm: VmId) => engine.call(api => api.vms.powerOff(vm)),
    suspend: (vm: VmId) => engine.call(api => api.vms.suspend(vm)),
    reset: (vm: VmId) => engine.call(api => api.vms.reset(vm)),
    remove: (vm: VmId) => engine.call(api => api.vms.delete(vm)),
    restore: (vm: VmId) => engine.call(api => api.vms.restore(vm)),
    deleteFromDisk: (vm: VmId) => engine.call(api => api.vms.deleteFromDisk(vm)),
    emptyBin: () => engine.call(api => api.vms.emptyBin()),
    takeSnapshot: (vm: VmId, request: SnapshotRequest) => engine.call(api => api.vms.takeSnapshot(vm, request)),
    revertToSnapshot: (vm: VmId, snapshot: SnapshotId) => engine.call(api => api.vms.revertToSnapshot(vm, snapshot)),
    deleteSnapshot: (vm: VmId, snapshot: SnapshotId) => engine.call(api => api.vms.deleteSnapshot(vm, snapshot)),
    editSnapshot: (vm: VmId, snapshot: SnapshotId, text: SnapshotEdit) => engine.call(api => api.vms.editSnapshot(vm, snapshot, text)),
    deleteAllSnapshots: (vm: VmId) => engine.call(api => api.vms.deleteAllSnapshots(vm)),
    consolidate: (vm: VmId) => engine.call(api => api.vms.consolidate(vm)),
    clone: (vm: VmId, request: CloneRequest) => engine.call(api => api.vms.clone(vm, request)),
    convertToTemplate: (vm: VmId) => engine.call(api => api.vms.convertToTemplate(vm)),
    convertToVm: (vm: VmId) => engine.call(api => api.vms.convertToVm(vm)),
    stats: (vm: VmId) => engine.call(api => api.vms.stats(vm)),
    changeTime: (vm: VmId, change: TimeChange) => engine.call(api => api.vms.changeTime(vm, change)),
    firmwareTables: (vm: VmId) => engine.call(api => api.vms.firmwareTables(vm)),
    efiBoot: (vm: VmId) => engine.call(api => api.vms.efiBoot(vm)),
    changeEfiBoot: (vm: VmId, change: EfiBootChange) => engine.call(api => api.vms.changeEfiBoot(vm, change)),
    changeBoots: (vm: VmId, change: BootChange) => engine.call(api => api.vms.changeBoots(vm, change)),
    saveBootBank: (vm: VmId, name: string) => engine.call(api => api.vms.saveBootBank(vm, name)),
    removeBootBank: (vm: VmId, bank: string) => engine.call(api => api.vms.removeBootBank(vm, bank)),
    setBalloon: (vm: VmId, mib: number) => engine.call(api => api.vms.setBalloon(vm, mib)),
    startCapture: (vm: VmId, nic: number) => engine.call(api => api.vms.startCapture(vm, nic)),
    stopCapture: (vm: VmId, nic: number) => engine.call(api => api.vms.stopCapture(vm, nic)),
  };
});
