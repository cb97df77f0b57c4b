/**
 * The durable wanted state: every object of every kind. Everything changes in transactions, one after the other; each
 * is on disk before anybody sees it. Never calls the hypervisor.
 */
import type { Change } from '../../shared/api/engine-events.ts';
import { Emitter } from '../../shared/base/emitter.ts';
import { EngineError } from '../../shared/base/errors.ts';
import type { HostId, VmId } from '../../shared/base/ids.ts';
import { messageFields, say, type Said } from '../../shared/base/phrase.ts';
import type { InventoryEvent } from '../../shared/model/event.ts';
import type { Host } from '../../shared/model/host.ts';
import { KIND_WORDS, OBJECT_KINDS, refTo, type InventoryObject, type ObjectId, type ObjectKind, type ObjectKinds } from '../../shared/model/objects.ts';
import type { ObjectRef } from '../../shared/model/task.ts';
import type { Vm } from '../../shared/model/vm.ts';
import type { NewEvent, Write } from './database.ts';
import { FIRST_OBJECTS } from './first-objects.ts';
import type { Store } from './store.ts';

/** How long after the disk refused it is asked again. */
const RETRY_MS = 2000;

export const refOf = (vm: Vm): ObjectRef => ({ kind: 'vm', id: vm.id, name: vm.spec.name });
export const hostRef = ({ id, name }: Host): ObjectRef => ({ kind: 'host', id, name });

type Maps = { readonly [K in ObjectKind]: ReadonlyMap<string, ObjectKinds[K]> };

/** Looks things up; a VM in the bin is only found as such. */
export class Objects {
  protected maps: Maps;
  constructor(maps: Maps) { this.maps = maps; }

  all<K extends ObjectKind>(kind: K): ObjectKinds[K][] { return [...this.maps[kind].values()] as ObjectKinds[K][]; }
  find<K extends ObjectKind>(kind: K, id: string): ObjectKinds[K] | undefined { return this.maps[kind].get(id); }

  get<K extends ObjectKind>(kind: K, id: string): ObjectKinds[K] {
    const object = this.find(kind, id);
    if (object === undefined) throw new EngineError('not-found', say`The ${KIND_WORDS[kind]} no longer exists.`);
    return object;
  }

  /** Rejects VMs that are in the bin. */
  known({ kind, id }: ObjectId): InventoryObject { return { kind, object: kind === 'vm' ? this.vm(id as VmId) : this.get(kind, id) } as InventoryObject; }
  ref(id: ObjectId): ObjectRef { return refTo(this.known(id)); }

  get hosts(): readonly Host[] { return this.all('host'); }
  get allVms(): readonly Vm[] { return this.all('vm'); }
  /** Without those in the bin. */
  get vms(): readonly Vm[] { return this.allVms.filter(isLive); }
  get deletedVms(): readonly Vm[] { return this.allVms.filter(vm => !isLive(vm)); }
  host(id: HostId): Host { return this.get('host', id); }

  vm(id: VmId): Vm {
    const vm = this.get('vm', id);
    if (!isLive(vm)) throw new EngineError('deleted', say`${vm.spec.name} is in the bin; restore it first.`);
    return vm;
  }

  deletedVm(id: VmId): Vm {
    const vm = this.get('vm', id);
    if (isLive(vm)) throw new EngineError('wrong-state', say`${vm.spec.name} is not in the bin.`);
    return vm;
  }
}

export class Inventory extends Objects {
  readonly changed = new Emitter<readonly Change[]>();
  readonly eventAdded = new Emitter<InventoryEvent>();
  private readonly store: Store;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(store: Store, objects: readonly InventoryObject[]) {
    super(mapsOf(objects));
    this.store = store;
  }

  static async open(store: Store): Promise<Inventory> {
    const { objects } = store.contents;
    if (objects.length > 0) return new Inventory(store, objects);
    await store.commit(FIRST_OBJECTS.map(after => ({ kind: 'object', after })));
    return new Inventory(store, FIRST_OBJECTS);
  }

  /** Everything there is, as if it had just been made. */
  get contents(): readonly Change[] {
    return OBJECT_KINDS.flatMap(kind => this.all(kind).map(after => (kind === 'vm' && !isLive(after as Vm) ? { kind: 'deletedVm', id: after.id, after } : { kind, id: after.id, after }) as Change));
  }

  /**
   * Runs `edit` on the newest state. When it throws, or when the disk refuses, nothing has changed. Resolves when the
   * changes are on disk and told.
   */
  transact<T>(edit: (edit: Edit) => T): Promise<T> {
    const turn = this.last.then(() => this.run(edit));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /**
   * A transaction that nobody waits for. While the disk refuses, as a full one does, it is tried again; where what it is about is
   * gone, nothing is left to be said.
   */
  eventually(edit: (edit: Edit) => void): void {
    void this.transact(edit).catch((error: unknown) => {
      if (!(error instanceof EngineError)) throw error;
      if (error.code === 'not-saved') setTimeout(() => this.eventually(edit), RETRY_MS).unref();
    });
  }

  /** Throws what `edit` throws; changes nothing. */
  rehearse(edit: (edit: Edit) => unknown): void { edit(new Edit(this.maps)); }

  private async run<T>(edit: (edit: Edit) => T): Promise<T> {
    const draft = new Edit(this.maps);
    const result = edit(draft);
    const ids = await this.store.commit(draft.writes);
    this.maps = draft.after;
    const { changes } = draft;
    if (changes.length > 0) this.changed.emit(changes);
    draft.events.forEach((event, index) => { this.eventAdded.emit({ id: ids[index] as InventoryEvent['id'], ...event }); });
    return result;
  }
}

/** What a transaction may do; it reads its own writes. */
export class Edit extends Objects {
  readonly events: NewEvent[] = [];
  private readonly before: Maps;
  private readonly touched = new Map<string, ObjectId>();

  constructor(before: Maps) {
    super({ ...before });
    this.before = before;
  }

  put<K extends ObjectKind>(kind: K, object: ObjectKinds[K]): void { this.change({ kind, id: object.id }, map => map.set(object.id, object)); }
  remove(id: ObjectId): void { this.change(id, map => map.delete(id.id)); }
  event({ message, ...event }: Omit<NewEvent, 'atMs' | 'message' | 'phrase'> & { readonly message: Said }): void { this.events.push({ atMs: Date.now(), ...event, ...messageFields(message) }); }

  get after(): Maps { return this.maps; }

  /** What the inventory and the bin look like afterwards. */
  get changes(): Change[] {
    return [...this.touched.values()].flatMap(({ kind, id }): Change[] => {
      const after = this.maps[kind].get(id) ?? null;
      if (kind !== 'vm') return [{ kind, id, after } as Change];
      const now = after as Vm | null, before = this.before.vm.get(id), at = (vm: Vm | null | undefined, wanted: boolean) => (vm && isLive(vm) === wanted ? vm : null);
      const change = (as: 'vm' | 'deletedVm', wanted: boolean): Change[] => (at(now, wanted) || at(before, wanted) ? [{ kind: as, id, after: at(now, wanted) }] : []);
      return [...change('vm', true), ...change('deletedVm', false)];
    });
  }

  get writes(): readonly Write[] {
    return [
      ...[...this.touched.values()].map((id): Write => {
        const object = this.maps[id.kind].get(id.id);
        return object ? { kind: 'object', after: { kind: id.kind, object } as InventoryObject } : { kind: 'objectRemoved', id };
      }),
      ...this.events.map((event): Write => ({ kind: 'event', event })),
    ];
  }

  /** The map of a kind is copied when the first of its objects changes. */
  private change(id: ObjectId, make: (map: Map<string, unknown>) => void): void {
    const { kind } = id, map = this.maps[kind] === this.before[kind] ? new Map<string, unknown>(this.maps[kind]) : this.maps[kind] as Map<string, unknown>;
    make(map);
    this.maps = { ...this.maps, [kind]: map };
    this.touched.set(`${kind} ${id.id}`, id);
  }
}

const isLive = (vm: Vm): boolean => vm.deletedMs === undefined;

function mapsOf(objects: readonly InventoryObject[]): Maps {
  const maps = Object.fromEntries(OBJECT_KINDS.map(kind => [kind, new Map<string, unknown>()]));
  for (const { kind, object } of objects) maps[kind]?.set(object.id, object);
  return maps as unknown as Maps;
}
