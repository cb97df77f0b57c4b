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

/** What an edit may do; it reads its own writes. VMs in the bin are not among the others. */
export interface Edit {
  readonly vms: Iterable<Vm>;
  vm(id: VmId): Vm;
  deletedVm(id: VmId): Vm;
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
  get allVms(): readonly Vm[] { return [...this.vmsById.values()]; }
  /** Without those in the bin. */
  get vms(): readonly Vm[] { return this.allVms.filter(isLive); }
  get deletedVms(): readonly Vm[] { return this.allVms.filter(vm => !isLive(vm)); }
  vm(id: VmId): Vm { return live(this.vmsById.get(id)); }
  deletedVm(id: VmId): Vm { return deleted(this.vmsById.get(id)); }
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
    const { changes } = draft;
    if (changes.length > 0) this.changed.emit(changes);
    draft.events.forEach((event, index) => { this.eventAdded.emit({ id: ids[index] as InventoryEvent['id'], ...event }); });
    return result;
  }
}

class Draft implements Edit {
  readonly events: NewEvent[] = [];
  readonly vmsById: Map<VmId, Vm>;
  private readonly touched = new Set<VmId>();
  private readonly before: ReadonlyMap<VmId, Vm>;
  private readonly hostsById: ReadonlyMap<HostId, Host>;

  constructor(hosts: ReadonlyMap<HostId, Host>, vms: ReadonlyMap<VmId, Vm>) {
    this.hostsById = hosts;
    this.before = vms;
    this.vmsById = new Map(vms);
  }

  /** What the inventory and the bin look like afterwards. */
  get changes(): Change[] {
    return [...this.touched].flatMap((id): Change[] => {
      const [before, after] = [this.before.get(id), this.vmsById.get(id)], at = (vm: Vm | undefined, wanted: boolean) => (vm !== undefined && isLive(vm) === wanted ? vm : null);
      const change = (kind: 'vm' | 'deletedVm', wanted: boolean): Change[] => (at(after, wanted) || at(before, wanted) ? [{ kind, id, after: at(after, wanted) }] : []);
      return [...change('vm', true), ...change('deletedVm', false)];
    });
  }

  get writes(): readonly Write[] {
    return [
      ...[...this.touched].map((id): Write => {
        const after = this.vmsById.get(id);
        return after ? { kind: 'vm', after } : { kind: 'vmRemoved', id };
      }),
      ...this.events.map((event): Write => ({ kind: 'event', event })),
    ];
  }

  get vms(): Iterable<Vm> { return [...this.vmsById.values()].filter(isLive); }
  vm(id: VmId): Vm { return live(this.vmsById.get(id)); }
  deletedVm(id: VmId): Vm { return deleted(this.vmsById.get(id)); }
  host(id: HostId): Host { return found(this.hostsById.get(id), 'host'); }

  putVm(vm: Vm): void {
    this.vmsById.set(vm.id, vm);
    this.touched.add(vm.id);
  }

  removeVm(id: VmId): void {
    this.vmsById.delete(id);
    this.touched.add(id);
  }

  event(event: Omit<NewEvent, 'atMs'>): void { this.events.push({ atMs: Date.now(), ...event }); }
}

const isLive = (vm: Vm): boolean => vm.deletedMs === undefined;

function live(vm: Vm | undefined): Vm {
  const there = found(vm, 'VM');
  if (!isLive(there)) throw new EngineError('deleted', `${there.spec.name} is in the bin; restore it first.`);
  return there;
}

function deleted(vm: Vm | undefined): Vm {
  const there = found(vm, 'VM');
  if (isLive(there)) throw new EngineError('wrong-state', `${there.spec.name} is not in the bin.`);
  return there;
}

function found<T>(object: T | undefined, what: string): T {
  if (object === undefined) throw new EngineError('not-found', `The ${what} no longer exists.`);
  return object;
}
