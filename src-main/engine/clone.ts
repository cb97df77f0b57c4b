/** Copies of VMs and templates: full ones, whose disks stand alone, and linked ones, whose disks stand on a snapshot's. */
import { copyFile, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';
import type { SnapshotId, TaskId, VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import { LOCAL_DATASTORE } from '../../shared/model/container.ts';
import type { CloneRequest, VmPlace } from '../../shared/model/clone.ts';
import type { DisplaySpec } from '../../shared/model/display.ts';
import type { DiskSpec, GuestSource, Snapshot, Vm, VmSpec } from '../../shared/model/vm.ts';
import { refOf, type Edit } from '../inventory/inventory.ts';
import { convertImage, createImage, shapeOf } from '../storage/image-operations.ts';
import { checkFits, checkName } from './admission.ts';
import type { Engine } from './engine.ts';
import { checkNoSystem } from './host-systems.ts';
import { checkHere } from './kept-off.ts';
import { newId } from './new-id.ts';
import { snapshotOf } from './snapshots.ts';
import type { TaskContext } from './task-runner.ts';
import { moveTo } from './tree.ts';

type Context = Pick<Engine, 'inventory' | 'tasks' | 'files' | 'snapshots' | 'datastores'>;

/** What is wrong with the wish is said at once, not by a task. */
export function clone(engine: Context, id: VmId, request: CloneRequest): Promise<TaskId> {
  const { inventory, tasks, files, datastores } = engine, vm = inventory.vm(id), cloneId = newId<VmId>('vm'), elsewhere = datastores.placeOf(request.datastoreId ?? vm.datastoreId);
  if (request.snapshotId !== undefined) snapshotOf(vm, request.snapshotId);
  inventory.rehearse(edit => { putNew(edit, copyOf(vm, vm.spec, cloneId, request), request); });
  const name = request.template ? say`Clone to template` : vm.template === true ? say`Deploy from template` : say`Clone virtual machine`;
  return tasks.run(name, refOf(vm), async context => {
    const source = await sourceOf(engine, id, request, context);
    if (elsewhere !== undefined) await files.place(cloneId, elsewhere);
    await files.makeFolder(cloneId);
    try {
      const made = copyOf(inventory.vm(id), source.spec, cloneId, request), spec = await withCopies(engine, made, { ...context, linked: request.linked });
      await inventory.transact(edit => {
        const { snapshot } = source, { efiVariables } = snapshot ?? edit.vm(id), done: Vm = { ...made, spec, ...(efiVariables && { efiVariables }), ...(request.linked && snapshot !== undefined && { base: { vmId: id, snapshotId: snapshot.id } }) };
        if (snapshot !== undefined) snapshotOf(edit.vm(id), snapshot.id);
        putNew(edit, done, request);
        context.made(refOf(done));
        edit.event({ severity: 'info', type: 'vm.cloned', message: snapshot === undefined ? say`${request.name} was made from ${edit.vm(id).spec.name}.` : say`${request.name} was made from ${edit.vm(id).spec.name}, as it was at its snapshot "${snapshot.name}".`, target: refOf(done) });
      });
    } catch (error) {
      await files.remove(cloneId);
      throw error;
    } finally {
      if (source.temporary !== undefined) await engine.snapshots.delete(id, source.temporary, { ...context, signal: new AbortController().signal, progress: () => { /* it is the clone's */ } });
    }
  }, { cancelable: true, alone: id });
}

interface Source { readonly spec: VmSpec; readonly snapshot?: Snapshot; readonly temporary?: SnapshotId }

/** Disks that stay as they are while they are copied: those of a snapshot, which is taken of a VM that may write to them. */
async function sourceOf({ inventory, snapshots }: Context, id: VmId, { name, snapshotId, linked }: CloneRequest, context: TaskContext): Promise<Source> {
  if (snapshotId !== undefined) return withSnapshot(snapshotOf(inventory.vm(id), snapshotId));
  const before = new Set(inventory.vm(id).snapshots?.map(each => each.id));
  await snapshots.take(id, { name: `Base of ${name}`.slice(0, 80), description: linked ? `The linked clone ${name} stands on it.` : `Kept while ${name} is made.`, memory: false, temporary: !linked }, context);
  const taken = inventory.vm(id).snapshots?.find(each => !before.has(each.id));
  if (taken === undefined) throw new EngineError('changed', say`The snapshots of ${inventory.vm(id).spec.name} were changed meanwhile.`);
  return { ...withSnapshot(taken), ...(!linked && { temporary: taken.id }) };
}

const withSnapshot = (snapshot: Snapshot): Source => ({ spec: snapshot.spec, snapshot });

/** The copy but for its disks. Its adapters get addresses of their own, and no port of the host leads to it, nor a socket, unless the port is a free one each time. */
function copyOf(vm: Vm, spec: VmSpec, id: VmId, { name, hostId = vm.hostId, datastoreId = vm.datastoreId, template }: CloneRequest): Vm {
  const nics = spec.nics?.map(({ mac: _, ...nic }) => (nic.kind === 'nat' ? { ...nic, forwards: [] } : nic)), { folderId, notes, attributes } = vm, display = spec.display && withoutFixedPlace(spec.display);
  return {
    id, hostId, powerState: 'poweredOff', createdMs: Date.now(), spec: { ...spec, name, ...(nics && { nics }), ...(display && { display }) },
    ...(folderId && { folderId }), ...(datastoreId && datastoreId !== LOCAL_DATASTORE && { datastoreId }), ...(notes && { notes }), ...(attributes && { attributes }), ...(template && { template }),
  };
}

function withoutFixedPlace({ vnc, ...rest }: DisplaySpec): DisplaySpec {
  return vnc?.at.kind === 'tcp' && vnc.at.port === 0 ? { ...rest, vnc } : rest;
}

/** A VM that was not there, in its folder and pool. */
export function putNew(edit: Edit, vm: Vm, { folderId, poolId }: VmPlace): void {
  checkName(vm.spec.name, edit.vms);
  checkFits(vm.spec, edit.host(vm.hostId));
  edit.put('vm', vm);
  const id = { kind: 'vm', id: vm.id } as const;
  if (folderId !== undefined) moveTo(edit, id, { kind: 'folder', id: folderId });
  if (poolId !== undefined) moveTo(edit, id, { kind: 'resourcePool', id: poolId });
}

async function withCopies({ files }: Context, { id, spec }: Vm, { linked, signal, progress }: Pick<TaskContext, 'signal' | 'progress'> & { readonly linked: boolean }): Promise<VmSpec> {
  const disks: DiskSpec[] = [], toCopy = spec.disks.filter(isOwn).length;
  for (const disk of spec.disks) {
    signal.throwIfAborted();
    if (!isOwn(disk)) { disks.push(disk); continue; }
    const done = disks.filter(isOwn).length, path = join(resolve(files.folder(id)), `disk-${done + 1}.qcow2`);
    if (linked) await createImage(path, { format: 'qcow2', backingFile: resolve(disk.path), backingFormat: disk.format ?? (await shapeOf(disk.path)).format });
    else await convertImage(disk.path, path, { format: 'qcow2', from: { format: disk.format }, signal, progress: part => progress((done + part) / toCopy, say`Copying disk ${done + 1} of ${toCopy}`) });
    disks.push({ ...disk, path, format: 'qcow2' });
  }
  return { ...spec, disks, guest: await withVariables(spec.guest, files.folder(id)) };
}

/** Disks that the copy has for itself: what is only read is shared. */
const isOwn = ({ readOnly, path }: DiskSpec): boolean => !readOnly && path !== '';

async function withVariables(guest: GuestSource, folder: string): Promise<GuestSource> {
  if (guest.kind !== 'firmware' || guest.variablesPath === undefined) return guest;
  const variablesPath = join(resolve(folder), basename(guest.variablesPath));
  await rm(variablesPath, { force: true });
  await copyFile(guest.variablesPath, variablesPath);
  return { ...guest, variablesPath };
}

/** Turns a VM into a template, or back; it is off. */
export async function setTemplate({ inventory }: Pick<Engine, 'inventory'>, id: VmId, template: boolean): Promise<void> {
  await inventory.transact(edit => {
    const { template: before, ...vm } = edit.vm(id), { name } = vm.spec;
    checkHere(vm);
    if (vm.powerState !== 'poweredOff') throw new EngineError('wrong-state', say`${name} must be powered off to become a template.`);
    checkNoSystem(vm, edit);
    if ((before === true) === template) throw new EngineError('wrong-state', template ? say`${name} is already a template.` : say`${name} is not a template.`);
    edit.put('vm', { ...vm, ...(template && { template }) });
    edit.event({ severity: 'info', type: template ? 'vm.madeTemplate' : 'vm.madeVm', message: template ? say`${name} is a template now.` : say`${name} is a virtual machine now.`, target: refOf(vm) });
  });
}
