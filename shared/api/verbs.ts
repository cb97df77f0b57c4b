/**
 * What the command line can do, a row each: its words, what it takes, and the call of the engine that it is. The console
 * shows the same words for what its dialogs do.
 */
import { EngineError } from '../base/errors.ts';
import type { DatastoreId, HostId, PeerId, ResourcePoolId, SnapshotId, TaskId, VmId } from '../base/ids.ts';
import { say } from '../base/phrase.ts';
import { NORMAL_ALLOCATION, SHARES, type PoolAllocation } from '../model/container.ts';
import type { FirmwareTables } from '../model/firmware-tables.ts';
import { BOOT_DRILLS, NO_BOOTS, SETTINGS_BANK, USUAL_WATCHDOG, type BootDrill } from '../model/boot-watchdog.ts';
import { HOST_PROFILES, HOST_ROLES, linkOf, type HostProfile, type HostRole, type NewHost } from '../model/host.ts';
import { MIGRATION_PRIORITIES, type MigrationPriority, type MigrationRequest } from '../model/migration.ts';
import type { ObjectKind, ObjectKinds } from '../model/objects.ts';
import { ROOT } from '../model/task.ts';
import type { Place } from '../model/place.ts';
import type { VmPlace } from '../model/clone.ts';
import type { VmRequest } from '../model/vm.ts';
import type { EngineApi } from './engine-api.ts';

/** What a parameter is: an object by its name or id, several of them, one of certain words, text, a number, JSON, or a switch that is there or not. */
export type ParameterKind = ObjectKind | 'place' | 'object' | 'objects' | 'snapshot' | 'task' | 'deletedVm' | 'text' | 'number' | 'json' | 'flag' | readonly string[];

/** A positional argument, or an option with two dashes before its name. */
export interface Parameter { readonly name: string; readonly kind: ParameterKind; readonly text: string; readonly option?: boolean; readonly optional?: boolean }

/** By parameter: what the caller gave, with objects as `{ kind, id }`. */
export type Values = Readonly<Record<string, unknown>>;

export interface Verb { readonly words: string; readonly text: string; readonly parameters: readonly Parameter[]; readonly call: (api: EngineApi, values: Values) => Promise<unknown> }

interface Known { readonly kind: ObjectKind; readonly id: string }
const idIn = <T extends string>(values: Values, name: string): T => (values[name] as Known).id as T;
const vmIn = (values: Values): VmId => idIn<VmId>(values, 'vm');
const snapshotIn = (values: Values): SnapshotId => values.snapshot as SnapshotId;
const textIn = (values: Values, name: string): string => (values[name] as string | undefined) ?? '';

const argument = (name: string, kind: ParameterKind, text: string): Parameter => ({ name, kind, text });
const option = (name: string, kind: ParameterKind, text: string): Parameter => ({ name, kind, text, option: true, optional: true });
const needed = (name: string, kind: ParameterKind, text: string): Parameter => ({ name, kind, text, option: true });
/** Where a new VM is to be, besides its host. */
const placeIn = (values: Values): VmPlace => ({
  ...(values.folder !== undefined && { folderId: idIn(values, 'folder') }), ...(values.pool !== undefined && { poolId: idIn(values, 'pool') }), ...(values.datastore !== undefined && { datastoreId: idIn(values, 'datastore') }),
});

const VM = argument('vm', 'vm', 'name or id of the VM');
const SNAPSHOT = argument('snapshot', 'snapshot', 'name or id of the snapshot');
const NAME = argument('name', 'text', 'its name'), PEER = argument('peer', 'peer', 'name or id of the peer');

const DATASTORE = argument('datastore', 'datastore', 'name or id of the datastore'), FILE = argument('path', 'text', 'its path in the datastore');

const verb = (words: string, text: string, parameters: readonly Parameter[], call: Verb['call']): Verb => ({ words, text, parameters, call });
const DESTINATION: readonly Parameter[] = [option('to', 'host', 'name or id of the host'), option('datastore', 'datastore', 'where its files are to be'), option('pool', 'resourcePool', 'the resource pool it is to be in'), option('peer', 'peer', 'name or id of the peer, for a host of another engine'), option('host', 'text', 'name or id of the host of the peer')];
/** Of one VM, and nothing else to say. */
const ofVm = (word: string, text: string, call: (api: EngineApi, id: VmId) => Promise<unknown>): Verb => verb(`vm ${word}`, text, [VM], (api, values) => call(api, vmIn(values)));

/** To a host of this engine, or to one of a peer's, whose name only the peer knows. */
async function destinationIn(api: EngineApi, values: Values): Promise<Pick<MigrationRequest, 'hostId' | 'peerId'>> {
  if (values.peer === undefined && values.to === undefined && values.datastore === undefined || values.peer !== undefined && values.host === undefined) throw new EngineError('invalid', 'Say where to: --to HOST, --datastore DATASTORE, or --peer PEER and --host HOST.');
  if (values.peer === undefined) return values.to === undefined ? {} : { hostId: idIn<HostId>(values, 'to') };
  const peerId = idIn<PeerId>(values, 'peer'), name = textIn(values, 'host'), host = (await api.peers.check(peerId)).hosts.find(each => each.id === name || each.name.toLocaleLowerCase('en') === name.toLocaleLowerCase('en'));
  if (host === undefined) throw new EngineError('not-found', say`The peer has no host ${name}.`);
  return { peerId, hostId: host.id };
}
const migrationIn = async (api: EngineApi, values: Values): Promise<MigrationRequest> => ({
  ...await destinationIn(api, values), ...(values.datastore !== undefined && { datastoreId: idIn<DatastoreId>(values, 'datastore') }), ...(values.pool !== undefined && { poolId: idIn<ResourcePoolId>(values, 'pool') }), ...(values.priority !== undefined && { priority: values.priority as MigrationPriority }),
  ...(values.networks !== undefined && { networks: values.networks as MigrationRequest['networks'] }), ...(values.downtime !== undefined && { downtimeMs: values.downtime as number }), ...(values.rate !== undefined && { rateMbps: values.rate as number }), ...(values['keep-speed'] === true && { keepsSpeed: true }), ...(values['post-copy'] === true && { postCopy: true }),
});
const HOST = argument('host', 'host', 'name or id of the host'), FORCE = option('force', 'flag', 'VMs that run on it lose their power too');
const hostIn = (values: Values): HostId => idIn<HostId>(values, 'host');
/** Of one host, and nothing else to say. */
const ofHost = (word: string, text: string, call: (api: EngineApi, id: HostId) => Promise<unknown>): Verb => verb(`host ${word}`, text, [HOST], (api, values) => call(api, hostIn(values)));
/** The named hardware, with what is given instead. */
const profileIn = (values: Values): HostProfile => ({ ...(HOST_PROFILES.find(({ model }) => model === values.profile) ?? HOST_PROFILES[0]), ...values.hardware as object });

/** What is not named stays; a limit is taken away by null. */
const withChanges = (now: PoolAllocation, changes: unknown): PoolAllocation => {
  const { limit, ...rest } = { ...now, ...changes as Partial<Record<keyof PoolAllocation, unknown>> };
  return { ...rest, ...(limit !== null && limit !== undefined && { limit }) } as PoolAllocation;
};

async function found<K extends 'host' | 'resourcePool'>(api: EngineApi, kind: K, id: string): Promise<ObjectKinds[K] | undefined> {
  return (await api.inventory.list()).flatMap(change => (change.kind === kind && change.id === id && change.after !== null ? [change.after as ObjectKinds[K]] : []))[0];
}

async function editHost(api: EngineApi, values: Values): Promise<unknown> {
  const host = await found(api, 'host', hostIn(values));
  return host && api.hosts.edit(host.id, { ...host, ...values.hardware as Partial<HostProfile> });
}

async function editLink(api: EngineApi, values: Values): Promise<unknown> {
  const host = await found(api, 'host', hostIn(values)), link = host && linkOf(host);
  return link && api.hosts.setLink(host.id, {
    mbps: (values.mbps as number | undefined) ?? link.mbps, latencyMs: (values.latency as number | undefined) ?? link.latencyMs, lossPercent: (values.loss as number | undefined) ?? link.lossPercent,
    connected: values.cut === true ? false : values.connect === true || link.connected,
  });
}

async function editPool(api: EngineApi, values: Values): Promise<unknown> {
  const pool = await found(api, 'resourcePool', idIn(values, 'pool'));
  return pool && api.resourcePools.edit(pool.id, { name: textIn(values, 'name') || pool.name, cpu: withChanges(pool.cpu, values.cpu), memory: withChanges(pool.memory, values.memory) });
}

/** Bytes as base64. */
const printable = ({ deviceTree, tables, ...rest }: FirmwareTables) => ({ ...rest, deviceTree: base64(deviceTree), tables: tables.map(({ signature, bytes }) => ({ signature, bytes: base64(bytes) })) });
const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
const BANK = argument('bank', 'text', 'name or id of the boot bank, or "settings"');

async function bootStatus(api: EngineApi, id: VmId) {
  const vm = (await api.inventory.list()).flatMap(change => (change.kind === 'vm' && change.id === id && change.after !== null ? [change.after] : []))[0];
  if (vm === undefined) return undefined;
  const { banks, ...rules } = vm.spec.bootWatchdog ?? USUAL_WATCHDOG, { bank, good, ...record } = vm.boot ?? NO_BOOTS;
  return {
    ...rules, ...record, watchdog: (await api.vms.stats(id))?.watchdog ?? null,
    banks: [{ id: SETTINGS_BANK, name: SETTINGS_BANK, guest: vm.spec.guest }, ...banks].map(each => ({ ...each, good: good.includes(each.id), boots: each.id === bank })),
  };
}

async function bankOf(api: EngineApi, values: Values): Promise<string> {
  const text = textIn(values, 'bank'), banks = (await bootStatus(api, vmIn(values)))?.banks ?? [];
  return banks.find(({ id, name }) => id === text || name === text)?.id ?? text;
}

const POOL: PoolAllocation = { ...NORMAL_ALLOCATION, expandable: true };
const listOf = (word: string, kind: ObjectKind | 'deletedVm', text: string): Verb => verb(word, text, [], async api => (await api.inventory.list()).flatMap(change => (change.kind === kind ? [change.after] : [])));

export const VERBS: readonly Verb[] = [
  listOf('vm list', 'vm', 'lists the VMs and templates'),
  ofVm('show', 'shows everything about a VM', async (api, id) => (await api.inventory.list()).find(change => change.kind === 'vm' && change.id === id)?.after),
  verb('vm create', 'creates a VM', [
    argument('spec', 'json', 'its settings, as "vm show --json" prints them in "spec"; new disks as {"create":{"format":"qcow2","sizeMib":1024},"readOnly":false}'), needed('host', 'host', 'the host it runs on'), option('folder', 'folder', 'the VM folder it is to be in'), option('pool', 'resourcePool', 'the resource pool it is to be in'), option('datastore', 'datastore', 'where its files are to be'),
  ], (api, values) => api.vms.create(values.spec as VmRequest, idIn<HostId>(values, 'host'), placeIn(values))),
  verb('vm edit', 'changes the settings of a VM', [VM, argument('spec', 'json', 'its settings, all of them')], (api, values) => api.vms.reconfigure(vmIn(values), values.spec as VmRequest)),
  ofVm('power-on', 'powers a VM on, or resumes it', (api, id) => api.vms.powerOn(id)),
  ofVm('shut-down', 'asks the guest to shut down', (api, id) => api.vms.shutDownGuest(id)),
  ofVm('restart', 'asks the guest to shut down, and powers the VM on again', (api, id) => api.vms.restartGuest(id)),
  ofVm('power-off', 'powers a VM off', (api, id) => api.vms.powerOff(id)),
  ofVm('suspend', 'writes a running VM to disk and stops it', (api, id) => api.vms.suspend(id)),
  ofVm('reset', 'resets a VM', (api, id) => api.vms.reset(id)),
  ofVm('stats', 'shows live figures of a running VM', (api, id) => api.vms.stats(id)),
  verb('vm firmware-tables', 'shows the device tree of a VM’s board, and the ACPI tables made of it', [VM], async (api, values) => printable(await api.vms.firmwareTables(vmIn(values)))),
  ofVm('press-restart', 'presses the restart button of a VM', (api, id) => api.vms.pressRestart(id)),
  verb('vm migrate', 'moves a VM to another host, of this engine or of a peer, its files to another datastore, or both, while it runs if it is on', [
    VM, ...DESTINATION, option('networks', 'json', 'other networks for adapters: [{"switch":"lan","portGroup":"VM Network","networkId":"network-…"}]'), option('priority', MIGRATION_PRIORITIES, 'regular unless it is said'),
    option('downtime', 'number', 'for how many ms the guest may stand still'), option('rate', 'number', 'at most so many Mb/s'), option('keep-speed', 'flag', 'never slows the guest down'), option('post-copy', 'flag', 'lets the guest go on at the destination before all of its memory is there'),
  ], async (api, values) => await api.vms.migrate([vmIn(values)], await migrationIn(api, values))),
  verb('vm check-migration', 'says what stands against moving a VM', [VM, ...DESTINATION], async (api, values) => await api.vms.checkMigration(vmIn(values), await migrationIn(api, values))),
  ofVm('go-on-here', 'lets a VM go on here that was given to a peer which is gone for good', (api, id) => api.vms.goOnHere(id)),
  ofVm('migrations', 'shows what became of a VM’s moves', (api, id) => api.vms.migrations(id)),
  verb('vm clone', 'copies a VM or a template', [
    VM, NAME, option('linked', 'flag', 'its disks hold only what differs'), option('template', 'flag', 'makes a template'), option('snapshot', 'snapshot', 'copies what it was at a snapshot'),
    option('host', 'host', 'the host it is to run on'), option('folder', 'folder', 'the VM folder it is to be in'), option('pool', 'resourcePool', 'the resource pool it is to be in'), option('datastore', 'datastore', 'where its files are to be'),
  ], (api, values) => api.vms.clone(vmIn(values), {
    name: textIn(values, 'name'), linked: values.linked === true, template: values.template === true, ...(values.snapshot !== undefined && { snapshotId: snapshotIn(values) }),
    ...(values.host !== undefined && { hostId: idIn(values, 'host') }), ...placeIn(values),
  })),
  ofVm('to-template', 'turns a VM into a template', (api, id) => api.vms.convertToTemplate(id)),
  ofVm('to-vm', 'turns a template into a VM', (api, id) => api.vms.convertToVm(id)),
  ofVm('consolidate', 'merges layers of disks that deleted snapshots left', (api, id) => api.vms.consolidate(id)),
  verb('vm insert', 'puts an image into a CD drive', [VM, argument('image', 'text', 'path of the image'), option('drive', 'number', 'which CD drive, from 0')], (api, values) => api.vms.changeMedium(vmIn(values), Number(values.drive ?? 0), textIn(values, 'image'))),
  verb('vm eject', 'empties a CD drive', [VM, option('drive', 'number', 'which CD drive, from 0')], (api, values) => api.vms.changeMedium(vmIn(values), Number(values.drive ?? 0))),
  verb('vm balloon', 'asks the guest to give up memory', [VM, argument('mib', 'number', 'how much, in MiB')], (api, values) => api.vms.setBalloon(vmIn(values), Number(values.mib))),
  ofVm('time', 'shows how a guest’s time goes', async (api, id) => (await api.vms.stats(id))?.time ?? null),
  verb('vm time-rate', 'lets guest time run at another rate', [VM, argument('rate', 'number', 'of guest time to host time, 0.01 to 100')], (api, values) => api.vms.changeTime(vmIn(values), { rate: Number(values.rate) })),
  ofVm('time-pause', 'stops guest time, while the guest runs', (api, id) => api.vms.changeTime(id, { paused: true })),
  ofVm('time-go-on', 'lets guest time go on', (api, id) => api.vms.changeTime(id, { paused: false })),
  verb('vm time-date', 'sets the guest’s date', [VM, argument('date', 'text', 'for example 2030-01-01T12:00:00Z')], (api, values) => api.vms.changeTime(vmIn(values), { dateMs: Date.parse(textIn(values, 'date')) })),
  ofVm('boot', 'shows a VM’s boot watchdog, and what became of its boots', bootStatus),
  ofVm('boot-banks', 'lists what a VM can boot', async (api, id) => (await bootStatus(api, id))?.banks ?? []),
  verb('vm boot-choose', 'chooses what a VM boots from next', [VM, BANK], (api, values) => bankOf(api, values).then(bank => api.vms.changeBoots(vmIn(values), { kind: 'choose', bank }))),
  verb('vm boot-mark', 'says that a boot bank is good', [VM, BANK, option('bad', 'flag', 'or that it is not')], (api, values) => bankOf(api, values).then(bank => api.vms.changeBoots(vmIn(values), { kind: 'mark', bank, good: values.bad !== true }))),
  verb('vm boot-save', 'keeps what is in a VM’s settings as a boot bank', [VM, NAME], (api, values) => api.vms.saveBootBank(vmIn(values), textIn(values, 'name'))),
  verb('vm boot-remove', 'removes a boot bank', [VM, BANK], (api, values) => bankOf(api, values).then(bank => api.vms.removeBootBank(vmIn(values), bank))),
  verb('vm boot-drill', 'breaks a VM’s next boot, once, to see that it comes back', [VM, argument('drill', [...BOOT_DRILLS, 'none'], 'what is broken of the copy in memory, or none after all')], (api, values) =>
    api.vms.changeBoots(vmIn(values), { kind: 'drill', ...(values.drill !== 'none' && { drill: values.drill as BootDrill }) })),
  ofVm('efi', 'shows what a VM’s built-in UEFI can boot, and in which order', (api, id) => api.vms.efiBoot(id)),
  verb('vm efi-order', 'sets the boot order of a VM that is off', [VM, argument('order', 'text', 'numbers of boot entries, with commas between them')], (api, values) => api.vms.changeEfiBoot(vmIn(values), { kind: 'order', order: textIn(values, 'order').split(',').map(Number) })),
  verb('vm efi-next', 'sets what a VM that is off boots next, once', [VM, argument('entry', 'text', 'number of a boot entry, or "none"')], (api, values) => api.vms.changeEfiBoot(vmIn(values), { kind: 'next', ...(values.entry !== 'none' && { next: Number(values.entry) }) })),
  verb('vm efi-remove', 'removes a boot entry of a VM that is off', [VM, argument('entry', 'number', 'number of a boot entry')], (api, values) => api.vms.changeEfiBoot(vmIn(values), { kind: 'remove', number: Number(values.entry) })),
  ofVm('efi-forget', 'makes the built-in UEFI of a VM that is off forget its variables', (api, id) => api.vms.changeEfiBoot(id, { kind: 'forget' })),
  verb('vm capture', 'captures what passes a network adapter', [VM, option('nic', 'number', 'which adapter, from 0'), option('path', 'text', 'file to write')], (api, values) => api.vms.startCapture(vmIn(values), Number(values.nic ?? 0), values.path as string | undefined)),
  verb('vm capture-stop', 'ends a capture', [VM, option('nic', 'number', 'which adapter, from 0')], (api, values) => api.vms.stopCapture(vmIn(values), Number(values.nic ?? 0))),
  ofVm('display', 'shows the sessions at a VM’s display, and what they made of it', (api, id) => api.displays.get(id)),
  verb('vm disconnect', 'ends a session at a VM’s display', [VM, argument('session', 'text', 'id of the session, as `vm display` shows it')], (api, values) => api.displays.close(textIn(values, 'session'))),
  verb('vm record', 'records what a VM’s display shows', [VM, option('head', 'number', 'which display, from 0'), option('path', 'text', 'file to write')], (api, values) => api.displays.startRecording(vmIn(values), { head: Number(values.head ?? 0), path: values.path as string | undefined })),
  ofVm('record-stop', 'ends a recording', (api, id) => api.displays.stopRecording(id)),
  ofVm('recordings', 'lists the recordings of a VM', (api, id) => api.displays.recordings(id)),
  ofVm('delete', 'moves a VM to the bin', (api, id) => api.vms.delete(id)),
  listOf('bin list', 'deletedVm', 'lists deleted VMs'),
  verb('bin restore', 'restores a VM from the bin', [argument('vm', 'deletedVm', 'name or id of the deleted VM')], (api, values) => api.vms.restore(vmIn(values))),
  verb('bin delete', 'deletes a VM in the bin from disk', [argument('vm', 'deletedVm', 'name or id of the deleted VM')], (api, values) => api.vms.deleteFromDisk(vmIn(values))),
  verb('bin empty', 'deletes all VMs in the bin from disk', [], api => api.vms.emptyBin()),

  verb('snapshot list', 'lists the snapshots of a VM', [VM], async (api, values) => (await api.inventory.list()).flatMap(change => (change.kind === 'vm' && change.id === vmIn(values) ? change.after?.snapshots ?? [] : []))),
  verb('snapshot take', 'takes a snapshot of a VM', [VM, NAME, option('description', 'text', 'what it is for'), option('memory', 'flag', 'keeps the memory of a running VM too')], (api, values) =>
    api.vms.takeSnapshot(vmIn(values), { name: textIn(values, 'name'), description: textIn(values, 'description'), memory: values.memory === true })),
  verb('snapshot edit', 'renames a snapshot', [VM, SNAPSHOT, NAME, option('description', 'text', 'what it is for')], (api, values) => api.vms.editSnapshot(vmIn(values), snapshotIn(values), { name: textIn(values, 'name'), description: textIn(values, 'description') })),
  verb('snapshot revert', 'makes a VM what it was at a snapshot', [VM, SNAPSHOT], (api, values) => api.vms.revertToSnapshot(vmIn(values), snapshotIn(values))),
  verb('snapshot delete', 'deletes a snapshot', [VM, SNAPSHOT], (api, values) => api.vms.deleteSnapshot(vmIn(values), snapshotIn(values))),
  verb('snapshot delete-all', 'deletes all snapshots of a VM', [VM], (api, values) => api.vms.deleteAllSnapshots(vmIn(values))),

  listOf('datastore list', 'datastore', 'lists the datastores'),
  verb('datastore add', 'adds a folder as a datastore', [NAME, argument('path', 'text', 'the folder'), needed('in', 'place', 'KIND:NAME or id of the datacenter or folder'), option('capacity', 'number', 'what may be taken of it, in bytes')], (api, values) =>
    api.datastores.add({ name: textIn(values, 'name'), path: textIn(values, 'path'), ...(values.capacity !== undefined && { capacityBytes: Number(values.capacity) }) }, values.in as Place)),
  verb('datastore edit', 'changes the capacity of a datastore', [DATASTORE, option('capacity', 'number', 'what may be taken of it, in bytes; all of the file system when absent')], (api, values) => api.datastores.edit(idIn(values, 'datastore'), values.capacity === undefined ? {} : { capacityBytes: Number(values.capacity) })),
  verb('datastore usage', 'shows how full a datastore is', [DATASTORE], (api, values) => api.datastores.usage(idIn(values, 'datastore'))),
  verb('datastore ls', 'lists files of a datastore', [DATASTORE, option('path', 'text', 'a folder in it')], (api, values) => api.datastores.list(idIn(values, 'datastore'), textIn(values, 'path'))),
  verb('datastore mkdir', 'makes a folder', [DATASTORE, FILE], (api, values) => api.datastores.makeFolder(idIn(values, 'datastore'), textIn(values, 'path'))),
  verb('datastore mv', 'renames or moves a file', [DATASTORE, FILE, argument('to', 'text', 'its new path')], (api, values) => api.datastores.move(idIn(values, 'datastore'), textIn(values, 'path'), textIn(values, 'to'))),
  verb('datastore rm', 'deletes a file or folder', [DATASTORE, FILE], (api, values) => api.datastores.delete(idIn(values, 'datastore'), [textIn(values, 'path')])),
  verb('datastore checksum', 'computes the SHA-256 of a file', [DATASTORE, FILE], (api, values) => api.datastores.checksum(idIn(values, 'datastore'), textIn(values, 'path'))),

  listOf('host list', 'host', 'lists the hosts'),
  verb('host add', 'adds a host', [NAME, needed('in', 'place', 'KIND:NAME or id of the datacenter, folder or cluster'), option('profile', HOST_PROFILES.map(({ model }) => model), 'hardware to start from'), option('hardware', 'json', 'what is different: cpus, cpuMhz, memoryMib …')], (api, values) =>
    api.hosts.add({ name: textIn(values, 'name'), parent: values.in as NewHost['parent'], profile: profileIn(values) })),
  verb('host edit', 'changes the hardware of a host', [HOST, argument('hardware', 'json', 'what is different: cpus, cpuMhz, memoryMib …')], editHost),
  ofHost('stats', 'shows what the VMs of a host have of its CPUs', (api, id) => api.hosts.stats(id)),
  ofHost('power-on', 'powers a host on', (api, id) => api.hosts.powerOn(id)),
  verb('host power-off', 'powers a host off', [HOST, FORCE], (api, values) => api.hosts.powerOff(hostIn(values), { force: values.force === true })),
  verb('host reboot', 'powers a host off and on', [HOST, FORCE], (api, values) => api.hosts.reboot(hostIn(values), { force: values.force === true })),
  verb('host enter-maintenance', 'waits until no VM of a host is on, and starts none', [HOST, option('move', 'flag', 'moves its VMs to other hosts of the cluster')], (api, values) => api.hosts.enterMaintenance(hostIn(values), { moveVms: values.move === true })),
  ofHost('exit-maintenance', 'takes a host out of maintenance', (api, id) => api.hosts.exitMaintenance(id)),
  verb('host link', 'changes the way of a host to other hosts, by which VMs move', [
    HOST, option('mbps', 'number', 'bandwidth in Mb/s'), option('latency', 'number', 'one way, in ms'), option('loss', 'number', 'percent of packets that are lost'), option('cut', 'flag', 'cuts it'), option('connect', 'flag', 'joins it again'),
  ], editLink),
  verb('host system', 'makes a VM on a host what the host boots itself, or its SmartNIC; nothing without one', [HOST, option('vm', 'vm', 'name or id of the VM'), option('role', HOST_ROLES, 'whose system: host, as usual, or smartNic')], (api, values) =>
    api.hosts.setSystem(hostIn(values), values.role as HostRole | undefined ?? 'host', values.vm === undefined ? null : vmIn(values))),
  ofHost('connect', 'connects a host', (api, id) => api.hosts.connect(id)),
  ofHost('disconnect', 'disconnects a host', (api, id) => api.hosts.disconnect(id)),
  ofHost('remove', 'removes a host', (api, id) => api.hosts.remove(id)),
  listOf('peer list', 'peer', 'lists the other engines that this one knows'),
  verb('peer add', 'lets this engine know another one, which has to know this one too', [NAME, argument('address', 'text', 'where it listens: HOST:PORT'), argument('fingerprint', 'text', 'SHA-256 of its certificate, as `peer identity` shows it there')], (api, values) =>
    api.peers.add({ name: textIn(values, 'name'), address: textIn(values, 'address'), fingerprint: textIn(values, 'fingerprint') })),
  verb('peer remove', 'forgets another engine', [PEER], (api, values) => api.peers.remove(idIn<PeerId>(values, 'peer'))),
  verb('peer identity', 'shows by what other engines know this one', [], api => api.peers.identity()),
  verb('peer check', 'asks another engine for its version and its hosts', [PEER], (api, values) => api.peers.check(idIn<PeerId>(values, 'peer'))),
  listOf('pool list', 'resourcePool', 'lists the resource pools'),
  listOf('network list', 'network', 'lists the networks'),
  listOf('tag list', 'tag', 'lists the tags'),
  verb('inventory list', 'lists all objects', [option('kind', 'text', 'only those of a kind')], async (api, values) =>
    (await api.inventory.list()).filter(({ kind }) => values.kind === undefined || kind === values.kind).map(({ kind, id, after }) => ({ kind, id, name: after === null ? '' : 'spec' in after ? after.spec.name : after.name }))),
  verb('inventory rename', 'renames an object', [argument('object', 'object', 'KIND:NAME or id'), NAME], (api, values) => api.inventory.rename(values.object as Known, textIn(values, 'name'))),
  verb('inventory move', 'moves objects to a place in their tree', [argument('to', 'place', 'KIND:NAME or id of the place; root'), argument('objects', 'objects', 'KIND:NAME or id of each')], (api, values) => api.inventory.move(values.objects as Known[], values.to as Place)),
  verb('inventory remove', 'removes objects other than VMs', [argument('objects', 'objects', 'KIND:NAME or id of each')], (api, values) => api.inventory.remove(values.objects as Known[])),
  verb('inventory notes', 'writes the notes of an object', [argument('object', 'object', 'KIND:NAME or id'), argument('notes', 'text', 'the text')], (api, values) => api.inventory.label([values.object as Known], { notes: textIn(values, 'notes') })),
  verb('datacenter create', 'creates a datacenter', [NAME], (api, values) => api.inventory.create({ kind: 'datacenter', name: textIn(values, 'name'), parent: { kind: 'root', id: ROOT.id } })),
  verb('folder create', 'creates a folder', [NAME, needed('tree', ['datacenter', 'host', 'vm', 'storage', 'network'], 'the tree it is in'), needed('in', 'place', 'KIND:NAME or id of the place; root')], (api, values) =>
    api.inventory.create({ kind: 'folder', name: textIn(values, 'name'), tree: values.tree as 'vm', parent: values.in as { kind: 'folder'; id: string } })),
  verb('cluster create', 'creates a cluster', [NAME, needed('in', 'place', 'KIND:NAME or id of the datacenter or folder')], (api, values) => api.inventory.create({ kind: 'cluster', name: textIn(values, 'name'), parent: values.in as { kind: 'folder'; id: string } })),
  verb('pool create', 'creates a resource pool', [NAME, needed('in', 'place', 'KIND:NAME or id of the host, cluster or pool'), option('cpu', 'json', 'CPU: shares, reservation and limit in MHz, expandable'), option('memory', 'json', 'memory: the same in MiB')], (api, values) =>
    api.inventory.create({ kind: 'resourcePool', name: textIn(values, 'name'), parent: values.in as { kind: 'host'; id: string }, cpu: { ...POOL, ...values.cpu as object }, memory: { ...POOL, shares: SHARES.poolMemory.normal, ...values.memory as object } })),
  verb('pool edit', 'changes what a resource pool reserves and is limited to', [argument('pool', 'resourcePool', 'name or id of the resource pool'), option('name', 'text', 'its new name'), option('cpu', 'json', 'what changes of CPU: shares, reservation and limit in MHz (null for none), expandable'), option('memory', 'json', 'of memory: the same in MiB')], editPool),
  verb('network create', 'creates a network: a port group of a switch', [NAME, needed('switch', 'text', 'the switch'), needed('in', 'place', 'KIND:NAME or id of the datacenter or folder'), option('vlan', 'number', 'its VLAN')], (api, values) =>
    api.inventory.create({ kind: 'network', name: textIn(values, 'name'), switch: textIn(values, 'switch'), vlan: Number(values.vlan ?? 0), parent: values.in as { kind: 'folder'; id: string } })),
  verb('tag add', 'attaches a tag to objects', [argument('tag', 'tag', 'name or id of the tag'), argument('objects', 'objects', 'KIND:NAME or id of each')], (api, values) => api.inventory.label(values.objects as Known[], { addTags: [idIn(values, 'tag')] })),
  verb('tag remove', 'takes a tag from objects', [argument('tag', 'tag', 'name or id of the tag'), argument('objects', 'objects', 'KIND:NAME or id of each')], (api, values) => api.inventory.label(values.objects as Known[], { removeTags: [idIn(values, 'tag')] })),

  verb('task list', 'lists recent tasks', [option('limit', 'number', 'how many')], async (api, values) => (await api.tasks.list(Number(values.limit ?? 20))).rows),
  verb('task show', 'shows a task', [argument('task', 'task', 'id of the task')], (api, values) => api.tasks.get(values.task as TaskId)),
  verb('task cancel', 'cancels a task', [argument('task', 'task', 'id of the task')], (api, values) => api.tasks.cancel(values.task as TaskId)),
  verb('task revert', 'undoes what a task changed of a VM’s settings', [argument('task', 'task', 'id of the task')], (api, values) => api.tasks.revert(values.task as TaskId)),
  verb('event list', 'lists recent events', [option('limit', 'number', 'how many'), option('of', 'object', 'only those of an object: KIND:NAME or id')], async (api, values) =>
    (await api.events.list(Number(values.limit ?? 20), values.of === undefined ? {} : { target: { ...values.of as Known, name: '' } })).rows),
];

/** For a shell: quoted where it has to be. */
const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll('\'', String.raw`'\''`)}'`);
/** Whoever looks over one's shoulder sees no password. */
const shown = (value: unknown): string => quoted(typeof value === 'string' ? value : JSON.stringify(value, (key, part: unknown) => (key === 'password' ? '***' : part)));

/** What one would type, but for passwords: `values` has names of objects. What is undefined or false is left out. */
export function commandLine(words: string, values: Values): string {
  const row = VERBS.find(each => each.words === words);
  if (row === undefined) throw new Error(`there is no command ${words}`);
  const parts = row.parameters.flatMap(({ name, kind, option: isOption }) => {
    const value = values[name];
    if (value === undefined || value === false || value === '') return [];
    if (kind === 'flag') return [`--${name}`];
    return isOption ? [`--${name} ${shown(value)}`] : Array.isArray(value) && kind === 'objects' ? value.map(shown) : [shown(value)];
  });
  return ['quarterdeck', words, ...parts].join(' ');
}
