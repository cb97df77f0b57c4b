/**
 * An engine that does mixed operations, drawn from a seed, until it is killed. For tests only. Prints a line of JSON before
 * each operation, with the VMs that it concerns, and one when it is acknowledged, with what they then are.
 */
import { LOCAL_DATASTORE } from '../../shared/model/container.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { openImage } from '../storage/open-image.ts';
import { randomNumbers } from '../storage/test-folder.ts';
import { openTestClient } from './test-client.ts';

/** Texts on a VM's disk by sector, and those that its snapshots have. */
export interface Contents { readonly now: Readonly<Record<string, string>>; readonly snapshots: Readonly<Record<string, Readonly<Record<string, string>>>> }
export interface Said { readonly begin?: { readonly name: string; readonly ids: readonly string[] }; readonly done?: { readonly id: string; readonly vm: Vm | null; readonly isInBin: boolean; readonly contents: Contents }[] }

const SECTORS = 24, MOST_VMS = 7;
const [dataPath = '', second = '', seed = '1', known = '{}'] = process.argv.slice(2);
const random = randomNumbers(Number(seed)), contents = new Map(Object.entries(JSON.parse(known) as Record<string, Contents>));
const engine = await openTestClient(dataPath), { vms, inventory } = engine.client.api;
const EMPTY: Contents = { now: {}, snapshots: {} };
let count = 0;

const say = (said: Said): void => { process.stdout.write(`${JSON.stringify(said)}\n`); };
const pick = <T>(all: readonly T[]): T | undefined => all[random(Math.max(1, all.length))];
const of = (id: string): Contents => contents.get(id) ?? EMPTY;
const name = (): string => `n${seed}-${count}`;
const ended = async (task: Promise<Parameters<typeof engine.ended>[0]>) => engine.ended(await task);

/** `change` says what becomes of the contents when the task succeeds. */
async function attempt(title: string, ids: readonly string[], task: () => ReturnType<typeof vms.powerOn>, change: (result: string | undefined) => void = () => { /* nothing */ }): Promise<void> {
  count += 1;
  say({ begin: { name: title, ids } });
  const { state, result } = await ended(task()).catch(() => ({ state: 'refused', result: undefined }));
  if (state === 'success') change(result?.id);
  const now = await inventory.list(), touched = result === undefined ? ids : [...ids, result.id];
  say({ done: touched.map(id => {
    const found = now.find(each => each.id === id && (each.kind === 'vm' || each.kind === 'deletedVm'));
    return { id, vm: (found?.after ?? null) as Vm | null, isInBin: found?.kind === 'deletedVm', contents: of(id) };
  }) });
}

async function write({ id, spec }: Vm): Promise<void> {
  const [sector, text, disk] = [random(SECTORS), name(), spec.disks[0]];
  if (disk === undefined) return;
  count += 1;
  say({ begin: { name: 'write', ids: [id] } });
  const image = await openImage(disk.path, { readOnly: false });
  await image.write(sector * 512, Buffer.from(text.padEnd(512, '.')));
  await image.flush();
  await image.close();
  contents.set(id, { ...of(id), now: { ...of(id).now, [sector]: text } });
  const found = (await inventory.list()).find(each => each.kind === 'vm' && each.id === id);
  say({ done: [{ id, vm: (found?.after ?? null) as Vm | null, isInBin: false, contents: of(id) }] });
}

async function snapshotOperation(vm: Vm): Promise<void> {
  const { id, snapshots = [] } = vm, snapshot = pick(snapshots.filter(each => !each.temporary)), text = name();
  const has = of(id), { [snapshot?.name ?? '']: _, ...others } = has.snapshots;
  if (snapshot === undefined || random(3) === 0) await attempt('take', [id], () => vms.takeSnapshot(id, { name: text, description: '', memory: random(2) === 0 }), () => contents.set(id, { ...has, snapshots: { ...has.snapshots, [text]: has.now } }));
  else if (random(2) === 0) await attempt('revert', [id], () => vms.revertToSnapshot(id, snapshot.id), () => contents.set(id, { ...has, now: has.snapshots[snapshot.name] ?? {} }));
  else await attempt('deleteSnapshot', [id], () => vms.deleteSnapshot(id, snapshot.id), () => contents.set(id, { ...has, snapshots: others }));
}

/** A clone's base, if a snapshot was taken for it, has what the VM has now. */
async function clone({ id }: Vm): Promise<void> {
  const linked = random(2) === 0, text = name(), { now, snapshots } = of(id);
  await attempt('clone', [id], () => vms.clone(id, { name: text, linked, template: random(4) === 0 }), made => {
    if (made !== undefined) contents.set(made, { now, snapshots: {} });
    if (linked) contents.set(id, { now, snapshots: { ...snapshots, [`Base of ${text}`]: now } });
  });
}

async function reconfigure({ id, spec }: Vm): Promise<void> {
  const disk = { create: { format: 'qcow2', sizeMib: 1 }, readOnly: false } as const;
  await attempt('reconfigure', [id], () => vms.reconfigure(id, { ...spec, memoryMib: 64 + random(4), disks: spec.disks.length < 3 && random(2) === 0 ? [...spec.disks, disk] : spec.disks }));
}

const power = ({ id, powerState }: Vm): Promise<void> => attempt('power', [id], () => (powerState === 'poweredOff' || powerState === 'suspended' ? vms.powerOn(id) : random(2) === 0 ? vms.suspend(id) : vms.powerOff(id)));

/** Its files go to the other datastore. */
async function moveFiles({ id, datastoreId }: Vm): Promise<void> {
  const other = (await engine.objects('datastore')).find(each => each.id !== (datastoreId ?? LOCAL_DATASTORE));
  await attempt('migrate', [id], () => vms.migrate([id], { datastoreId: other?.id }));
}

async function operation(): Promise<void> {
  const all = await engine.objects('vm'), deleted = await engine.objects('deletedVm'), vm = pick(all), inBin = pick(deleted), what = random(22);
  if (vm === undefined || (what < 3 && all.length < MOST_VMS)) {
    await attempt('create', [], () => vms.create({ name: name(), cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [{ create: { format: 'qcow2', sizeMib: 1 }, readOnly: false }] }, 'host-a' as Vm['hostId']));
  } else if (what < 6 && vm.powerState === 'poweredOff' && !vm.template && vm.snapshots?.some(each => each.temporary) !== true) await write(vm);
  else if (what < 10) await snapshotOperation(vm);
  else if (what < 12 && all.length < MOST_VMS) await clone(vm);
  else if (what === 12) await attempt('rename', [vm.id], () => inventory.rename({ kind: 'vm', id: vm.id }, name()));
  else if (what === 13) await reconfigure(vm);
  else if (what === 14) await attempt('template', [vm.id], () => (vm.template ? vms.convertToVm(vm.id) : vms.convertToTemplate(vm.id)));
  else if (what === 15) await attempt('delete', [vm.id], () => vms.delete(vm.id));
  else if (what === 16 && inBin !== undefined) await attempt('restore', [inBin.id], () => vms.restore(inBin.id));
  else if (what === 17 && inBin !== undefined) await attempt('deleteFromDisk', [inBin.id], () => vms.deleteFromDisk(inBin.id));
  else if (what >= 20) await moveFiles(vm);
  else await power(vm);
}

if ((await engine.objects('datastore')).length === 1) await ended(engine.client.api.datastores.add({ name: 'second', path: second }, { kind: 'datacenter', id: 'datacenter' }));
process.stdout.write('ready\n');
for (;;) await operation();
