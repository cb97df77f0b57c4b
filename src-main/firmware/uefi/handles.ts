/** Handles and the protocols on them (UEFI 2.10, 7.3): which interface each handle has by which GUID, and who opened it. */
import { ACCESS_DENIED, ALREADY_STARTED, INVALID_PARAMETER, NOT_FOUND, SUCCESS, UNSUPPORTED } from './status.ts';

export const OPEN = { byHandle: 1, get: 2, test: 4, byChild: 8, byDriver: 0x10, exclusive: 0x20 } as const;

export interface Opener { readonly agent: bigint; readonly controller: bigint; readonly attributes: number; count: number }
export interface Protocol { readonly guid: string; interface: bigint; openers: Opener[] }
export interface Handle { readonly id: bigint; readonly protocols: Protocol[] }
/** Somebody who wants to hear of new interfaces of a protocol; `waiting` are the handles that he has not asked for. */
interface Registration { readonly key: bigint; readonly guid: string; readonly event: bigint; waiting: bigint[] }

export interface HandlesState { readonly handles: readonly Handle[]; readonly registrations: readonly Registration[]; readonly next: bigint }

/** Handles are numbers that no address is. */
const FIRST = 0x1_0001n, STEP = 0x10n;

export class Handles {
  private handles = new Map<bigint, Handle>();
  private registrations: Registration[] = [];
  private next = FIRST;
  /** An event that somebody registered is to be signalled. */
  private readonly signal: (event: bigint) => void;

  constructor(signal: (event: bigint) => void) { this.signal = signal; }

  get all(): readonly Handle[] { return [...this.handles.values()]; }
  find(id: bigint): Handle | undefined { return this.handles.get(id); }
  protocol(id: bigint, guid: string): Protocol | undefined { return this.handles.get(id)?.protocols.find(each => each.guid === guid); }
  having(guid: string): readonly Handle[] { return this.all.filter(({ protocols }) => protocols.some(each => each.guid === guid)); }

  /** On a new handle when `id` is 0. */
  install(id: bigint, guid: string, address: bigint): { readonly status: bigint; readonly id: bigint } {
    let handle = this.handles.get(id);
    if (handle === undefined) {
      if (id !== 0n) return { status: INVALID_PARAMETER, id };
      handle = { id: this.next, protocols: [] };
      this.next += STEP;
      this.handles.set(handle.id, handle);
    } else if (this.protocol(id, guid) !== undefined) return { status: INVALID_PARAMETER, id };
    handle.protocols.push({ guid, interface: address, openers: [] });
    this.tell(handle.id, guid);
    return { status: SUCCESS, id: handle.id };
  }

  reinstall(id: bigint, guid: string, old: bigint, address: bigint): bigint {
    const protocol = this.protocol(id, guid);
    if (protocol === undefined || protocol.interface !== old) return NOT_FOUND;
    if (protocol.openers.some(isDriver)) return ACCESS_DENIED;
    protocol.interface = address;
    this.tell(id, guid);
    return SUCCESS;
  }

  /** The handle goes with its last protocol. */
  uninstall(id: bigint, guid: string, address: bigint): bigint {
    const handle = this.handles.get(id);
    if (handle === undefined) return INVALID_PARAMETER;
    const at = handle.protocols.findIndex(each => each.guid === guid && each.interface === address);
    if (at < 0) return NOT_FOUND;
    if (handle.protocols[at]!.openers.some(isDriver)) return ACCESS_DENIED;
    handle.protocols.splice(at, 1);
    if (handle.protocols.length === 0) this.handles.delete(id);
    for (const registration of this.registrations) if (registration.guid === guid) registration.waiting = registration.waiting.filter(each => each !== id);
    return SUCCESS;
  }

  open(id: bigint, guid: string, { agent, controller, attributes }: Omit<Opener, 'count'>): { readonly status: bigint; readonly interface: bigint } {
    const protocol = this.protocol(id, guid), refused = (status: bigint) => ({ status, interface: 0n });
    if (protocol === undefined) return refused(UNSUPPORTED);
    const { openers } = protocol, mine = openers.find(each => each.agent === agent && each.controller === controller && each.attributes === attributes);
    if ((attributes & (OPEN.byDriver | OPEN.exclusive)) !== 0) {
      if (mine !== undefined) return { status: (attributes & OPEN.byDriver) !== 0 ? ALREADY_STARTED : ACCESS_DENIED, interface: protocol.interface };
      if (openers.some(isDriver)) return refused(ACCESS_DENIED);
    }
    if ((attributes & OPEN.test) === 0) {
      if (mine !== undefined) mine.count++;
      else openers.push({ agent, controller, attributes, count: 1 });
    }
    return { status: SUCCESS, interface: protocol.interface };
  }

  close(id: bigint, guid: string, agent: bigint, controller: bigint): bigint {
    const protocol = this.protocol(id, guid);
    if (protocol === undefined) return NOT_FOUND;
    const left = protocol.openers.filter(each => each.agent !== agent || each.controller !== controller);
    if (left.length === protocol.openers.length) return NOT_FOUND;
    protocol.openers = left;
    return SUCCESS;
  }

  /** An image is gone, with what it had open. */
  closeAllOf(agent: bigint): void {
    for (const { protocols } of this.handles.values()) for (const protocol of protocols) protocol.openers = protocol.openers.filter(each => each.agent !== agent);
  }

  /** Gives the key by which new handles are asked for. */
  register(guid: string, event: bigint): bigint {
    const key = this.next;
    this.next += STEP;
    this.registrations.push({ key, guid, event, waiting: [] });
    return key;
  }
  unregister(event: bigint): void { this.registrations = this.registrations.filter(each => each.event !== event); }
  /** The next new handle of a registration. */
  takeNew(key: bigint): bigint | undefined { return this.registrations.find(each => each.key === key)?.waiting.shift(); }
  isRegistration(key: bigint): boolean { return this.registrations.some(each => each.key === key); }

  reset(): void { this.restore({ handles: [], registrations: [], next: FIRST }); }
  save(): HandlesState { return structuredClone({ handles: this.all, registrations: this.registrations, next: this.next }); }
  restore(state: HandlesState): void {
    const { handles, registrations, next } = structuredClone(state);
    this.handles = new Map(handles.map(handle => [handle.id, handle]));
    this.registrations = [...registrations];
    this.next = next;
  }

  private tell(id: bigint, guid: string) {
    for (const registration of this.registrations) {
      if (registration.guid !== guid) continue;
      registration.waiting.push(id);
      this.signal(registration.event);
    }
  }
}

const isDriver = ({ attributes }: Opener) => (attributes & (OPEN.byDriver | OPEN.exclusive)) !== 0;
