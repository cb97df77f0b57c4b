/**
 * The durable wanted state: hosts and VMs. Everything changes in transactions, one after the other; each is on disk
 * before anybody sees it. Never calls the hypervisor.
 */
import type { Change } from '../../shared/api/engine-events.ts';
import { Emitter } from '../../shared/base/emitter.ts';
import { EngineError } from '../../shared/base/errors.ts';
import type { HostId, VmId } from '../../shared/base/ids.ts';
import type { InventoryEvent } from '../../shared/model/event.ts';
import type { Host } from '../../shared/model/host.ts';
import type { ObjectRef } from '../../shared/model/task.ts';
import type { Vm } from '../../shared/model/vm.ts';
import type { NewEvent, Write } from './database.ts';
import { SAMPLE_HOSTS } from './sample-hosts.ts';
import type { Store } from './store.ts';

/** What an edit may do; it reads its own writes. */
export interface Edit {
  readonly vms: Iterable<Vm>;
  vm(id: VmId): Vm;
  host(id: HostId): Host;
  putVm(vm: Vm): void;
  removeVm(id: VmId): void;
  event(event: Omit<NewEvent, 'atMs'>): void;
}

export const refOf = (vm: Vm): ObjectRef => ({ kind: 'vm', id: vm.id, name: vm.spec.name });

export class Inventory {
  readonly changed = new Emitter<readonly Change[]>();
  readonly eventAdded = new Emitter<InventoryEvent>();
  private readonly store: Store;
  private hostsById: ReadonlyMap<HostId, Host>;
  private vmsById: ReadonlyMap<VmId, Vm>;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(store: Store) {
    this.store = store;
    this.hostsById = new Map(store.contents.hosts.map(host => [host.id, host]));
    this.vmsById = new Map(store.contents.vms.map(vm => [vm.id, vm]));
  }

  /** A new inventory begins with the sample hosts. */
  static async open(store: Store): Promise<Inventory> {
    const inventory = new Inventory(store);
    if (inventory.hostsById.size > 0) return inventory;
    await store.commit(SAMPLE_HOSTS.map(after => ({ kind: 'host', after })));
    inventory.hostsById = new Map(SAMPLE_HOSTS.map(host => [host.id, host]));
    return inventory;
  }

  get hosts(): readonly Host[] { return [...this.hostsById.values()]; }
  get vms(): readonly Vm[] { return [...this.vmsById.values()]; }
  vm(id: VmId): Vm { return found(this.vmsById.get(id), 'VM'); }
  host(id: HostId): Host { return found(this.hostsById.get(id), 'host'); }

  /**
   * Runs `edit` on the newest state. When it throws, or when the disk refuses, nothing has changed. Resolves when the
   * changes are on disk and told.
   */
  transact<T>(edit: (edit: Edit) => T): Promise<T> {
    const turn = this.last.then(() => this.run(edit));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async run<T>(edit: (edit: Edit) => T): Promise<T> {
    const draft = new Draft(this.hostsById, this.vmsById);
    const result = edit(draft);
    const ids = await this.store.commit(draft.writes);
    this.vmsById = draft.vmsById;
    if (draft.changes.size > 0) this.changed.emit([...draft.changes.values()]);
    draft.events.forEach((event, index) => { this.eventAdded.emit({ id: ids[index] as InventoryEvent['id'], ...event }); });
    return result;
  }
}

class Draft implements Edit {
  readonly events: NewEvent[] = [];
  readonly changes = new Map<VmId, Change>();
  readonly vmsById: Map<VmId, Vm>;
  private readonly hostsById: ReadonlyMap<HostId, Host>;

  constructor(hosts: ReadonlyMap<HostId, Host>, vms: ReadonlyMap<VmId, Vm>) {
    this.hostsById = hosts;
    this.vmsById = new Map(vms);
  }

  get writes(): readonly Write[] {
    return [
      ...[...this.changes.keys()].map((id): Write => {
        const after = this.vmsById.get(id);
        return after ? { kind: 'vm', after } : { kind: 'vmRemoved', id };
      }),
      ...this.events.map((event): Write => ({ kind: 'event', event })),
    ];
  }

  get vms(): Iterable<Vm> { return this.vmsById.values(); }
  vm(id: VmId): Vm { return found(this.vmsById.get(id), 'VM'); }
  host(id: HostId): Host { return found(this.hostsById.get(id), 'host'); }

  putVm(vm: Vm): void {
    this.vmsById.set(vm.id, vm);
    this.changes.set(vm.id, { kind: 'vm', id: vm.id, after: vm });
  }

  removeVm(id: VmId): void {
    this.vmsById.delete(id);
    this.changes.set(id, { kind: 'vm', id, after: null });
  }

  event(event: Omit<NewEvent, 'atMs'>): void { this.events.push({ atMs: Date.now(), ...event }); }
}

function found<T>(object: T | undefined, what: string): T {
  if (object === undefined) throw new EngineError('not-found', `The ${what} no longer exists.`);
  return object;
}
