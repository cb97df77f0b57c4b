/** The methods about hosts and resource pools. What is wrong with a wish is said at once, not by a task. */
import * as v from 'valibot';
import type { EngineApi } from '../../shared/api/engine-api.ts';
import type { HostId, ResourcePoolId, VmId } from '../../shared/base/ids.ts';
import { say, type Phrase, type Said } from '../../shared/base/phrase.ts';
import { PoolSettings } from '../../shared/model/container.ts';
import { HOST_ROLES, HostLink, HostProfile, NewHost } from '../../shared/model/host.ts';
import type { ObjectRef } from '../../shared/model/task.ts';
import { hostRef, type Edit } from '../inventory/inventory.ts';
import { checkPool } from './allocations.ts';
import { checked, idOf } from './checked.ts';
import type { Engine } from './engine.ts';
import { addHost, checkEnter, checkHostOff, checkHostOn, connectHost, editHost, enterMaintenance, exitMaintenance, powerOffHost, powerOnHost, rebootHost, setLink } from './hosts.ts';
import { setSystem } from './host-systems.ts';
import { removeObject } from './inventory-methods.ts';
import { newId } from './new-id.ts';
import { checkFreeName } from './tree.ts';

const Id = idOf<HostId>(say`The host`);
const Force = v.optional(v.object({ force: v.optional(v.boolean(), false) }), {});
const Enter = v.optional(v.object({ moveVms: v.optional(v.boolean(), false) }), {});

type Context = Pick<Engine, 'inventory' | 'tasks' | 'power' | 'migrations'>;

export function hostMethods(engine: Context): EngineApi['hosts'] {
  const { inventory, tasks } = engine;
  /** A task that only changes the inventory. */
  const task = (name: Said, target: ObjectRef, change: (edit: Edit, made: (result: ObjectRef) => void) => void) => {
    inventory.rehearse(edit => change(edit, () => undefined));
    return tasks.run(name, target, ({ made }) => inventory.transact(edit => change(edit, made)));
  };
  const ofHost = (name: Phrase, change: (edit: Edit, id: HostId) => void) => checked([Id], id => task(name, hostRef(inventory.host(id)), edit => change(edit, id)));
  return {
    add: checked([NewHost], wanted => task(say`Add host`, inventory.ref(wanted.parent), (edit, made) => addHost(edit, newId<HostId>('host'), wanted, made))),
    edit: checked([Id, HostProfile], (id, profile) => task(say`Edit host`, hostRef(inventory.host(id)), edit => editHost(edit, id, profile))),
    remove: ofHost(say`Remove host`, (edit, id) => removeObject(edit, { kind: 'host', id })),
    powerOn: checked([Id], id => tasks.run(say`Power on host`, hostRef(checkHostOn(inventory, id)), context => powerOnHost(engine, id, context))),
    powerOff: checked([Id, Force], (id, { force }) => tasks.run(say`Power off host`, hostRef(checkHostOff(inventory, id, force)), () => powerOffHost(engine, id, force))),
    reboot: checked([Id, Force], (id, { force }) => tasks.run(say`Reboot host`, hostRef(checkHostOff(inventory, id, force)), context => rebootHost(engine, id, force, context))),
    enterMaintenance: checked([Id, Enter], (id, { moveVms }) => tasks.run(say`Enter maintenance mode`, hostRef(checkEnter(inventory, id, moveVms)), context => enterMaintenance(engine, id, moveVms, context), { cancelable: true })),
    exitMaintenance: ofHost(say`Exit maintenance mode`, exitMaintenance),
    setSystem: checked([Id, v.picklist(HOST_ROLES), v.nullable(idOf<VmId>(say`The VM`))], (id, role, vm) => task(say`Set host system`, hostRef(inventory.host(id)), edit => setSystem(edit, id, role, vm ?? undefined))),
    setLink: checked([Id, HostLink], (id, link) => task(say`Edit host link`, hostRef(inventory.host(id)), edit => setLink(edit, id, link))),
    stats: checked([Id], id => ({ vms: engine.power.cpuStats(inventory.host(id).id) })),
    connect: ofHost(say`Connect host`, (edit, id) => connectHost(edit, id, true)),
    disconnect: ofHost(say`Disconnect host`, (edit, id) => connectHost(edit, id, false)),
  };
}

export function poolMethods({ inventory, tasks }: Context): EngineApi['resourcePools'] {
  const change = (edit: Edit, id: ResourcePoolId, settings: PoolSettings) => {
    const pool = { ...edit.get('resourcePool', id), ...settings };
    checkFreeName(edit, { kind: 'resourcePool', object: pool });
    checkPool(edit, pool);
    edit.put('resourcePool', pool);
    edit.event({ severity: 'info', type: 'resourcePool.reconfigured', message: say`The settings of the resource pool ${pool.name} were changed.`, target: { kind: 'resourcePool', id, name: pool.name } });
  };
  return {
    edit: checked([idOf<ResourcePoolId>(say`The resource pool`), PoolSettings], (id, settings) => {
      inventory.rehearse(edit => change(edit, id, settings));
      return tasks.run(say`Edit resource pool`, inventory.ref({ kind: 'resourcePool', id }), () => inventory.transact(edit => change(edit, id, settings)));
    }),
  };
}
