/** Events, timers and task priority levels (UEFI 2.10, 7.1). Who has to be called is queued here; `calls.ts` calls. */
import { INVALID_PARAMETER, SUCCESS } from './status.ts';
import { GUID } from './guid.ts';

export const TPL = { application: 4, callback: 8, notify: 16, highLevel: 31 } as const;
const TIMER = 0x8000_0000, NOTIFY_WAIT = 0x100, NOTIFY_SIGNAL = 0x200, SIGNAL_EXIT_BOOT_SERVICES = 0x201, SIGNAL_VIRTUAL_ADDRESS_CHANGE = 0x6000_0202;
const TYPES: ReadonlySet<number> = new Set([0, NOTIFY_WAIT, NOTIFY_SIGNAL, SIGNAL_EXIT_BOOT_SERVICES, SIGNAL_VIRTUAL_ADDRESS_CHANGE, 0x4000_0000, 0x4000_0200].flatMap(type => [type, (type | TIMER) >>> 0]));
const TIMER_CANCEL = 0, TIMER_PERIODIC = 1, TIMER_RELATIVE = 2;
const NS_PER_UNIT = 100, SHORTEST_NS = 1_000_000;

export interface UefiEvent {
  readonly id: bigint;
  readonly type: number;
  readonly tpl: number;
  readonly notify: bigint;
  readonly context: bigint;
  readonly group?: string | undefined;
  /** It is one of the firmware's own, which is signalled while a key waits. */
  readonly isKey?: boolean | undefined;
  signaled: boolean;
  /** When its timer is due, in ns of the machine's clock. */
  dueNs?: number | undefined;
  periodNs: number;
}
/** A guest's function that has to be called with the event and its context. */
export interface Notification { readonly event: bigint; readonly notify: bigint; readonly context: bigint; readonly tpl: number }

export interface EventsState { readonly events: readonly UefiEvent[]; readonly queue: readonly Notification[]; readonly next: bigint; readonly tpl: number }

const FIRST = 0x2_0001n, STEP = 0x10n;

export class Events {
  tpl: number = TPL.application;
  private events = new Map<bigint, UefiEvent>();
  private queue: Notification[] = [];
  private next = FIRST;

  find(id: bigint): UefiEvent | undefined { return this.events.get(id); }

  /** An event's id, or why there is none. */
  create({ type, tpl, notify, context, group }: { readonly type: number; readonly tpl: number; readonly notify: bigint; readonly context: bigint; readonly group?: string | undefined }): bigint | undefined {
    const isCalled = (type & (NOTIFY_WAIT | NOTIFY_SIGNAL)) !== 0;
    if (!TYPES.has(type) || isCalled && (notify === 0n || tpl <= TPL.application || tpl >= TPL.highLevel) || group !== undefined && (type === SIGNAL_EXIT_BOOT_SERVICES || type === SIGNAL_VIRTUAL_ADDRESS_CHANGE)) return undefined;
    const own = type === SIGNAL_EXIT_BOOT_SERVICES ? GUID.eventExitBootServices : type === SIGNAL_VIRTUAL_ADDRESS_CHANGE ? GUID.eventVirtualAddressChange : group;
    return this.add({ type, tpl, notify, context, ...(own !== undefined && { group: own }), signaled: false, periodNs: 0 });
  }

  createKeyEvent(): bigint { return this.add({ type: NOTIFY_WAIT, tpl: TPL.notify, notify: 0n, context: 0n, isKey: true, signaled: false, periodNs: 0 }); }

  private add(event: Omit<UefiEvent, 'id'>): bigint {
    const id = this.next;
    this.next += STEP;
    this.events.set(id, { id, ...event });
    return id;
  }

  close(id: bigint): bigint {
    this.queue = this.queue.filter(({ event }) => event !== id);
    return this.events.delete(id) ? SUCCESS : INVALID_PARAMETER;
  }

  /** With all others of its group. */
  signal(id: bigint): bigint {
    const event = this.events.get(id);
    if (event === undefined) return INVALID_PARAMETER;
    if (event.group !== undefined) this.signalGroup(event.group);
    else this.raise(event);
    return SUCCESS;
  }

  signalGroup(group: string): void { for (const event of this.events.values()) if (event.group === group) this.raise(event); }

  private raise(event: UefiEvent) {
    if (event.signaled) return;
    event.signaled = true;
    if ((event.type & NOTIFY_SIGNAL) !== 0) this.enqueue(event);
  }

  private enqueue({ id, notify, context, tpl }: UefiEvent) { if (notify !== 0n && !this.queue.some(each => each.event === id)) this.queue.push({ event: id, notify, context, tpl }); }

  /** Whether it was signalled, which it is not any more then. One whose owner has to be asked first is: by `wait`. */
  take(event: UefiEvent, hasKey: boolean): boolean {
    if (event.isKey) return hasKey;
    const { signaled } = event;
    event.signaled = false;
    return signaled;
  }

  isCalledToWait({ type, notify }: UefiEvent): boolean { return (type & NOTIFY_WAIT) !== 0 && notify !== 0n; }
  isCalledWhenSignaled({ type }: UefiEvent): boolean { return (type & NOTIFY_SIGNAL) !== 0; }
  askOwner(event: UefiEvent): void { this.enqueue(event); }

  /** `time` in units of 100 ns. */
  setTimer(id: bigint, kind: number, time: number, nowNs: number): bigint {
    const event = this.events.get(id);
    if (event === undefined || (event.type & TIMER) === 0 || ![TIMER_CANCEL, TIMER_PERIODIC, TIMER_RELATIVE].includes(kind)) return INVALID_PARAMETER;
    event.signaled = false;
    const ns = Math.max(SHORTEST_NS, time * NS_PER_UNIT);
    event.dueNs = kind === TIMER_CANCEL ? undefined : nowNs + (time === 0 ? 0 : ns);
    event.periodNs = kind === TIMER_PERIODIC ? ns : 0;
    return SUCCESS;
  }

  /** Signals those whose time has come. */
  runTimers(nowNs: number): void {
    for (const event of this.events.values()) {
      if (event.dueNs === undefined || event.dueNs > nowNs) continue;
      event.dueNs = event.periodNs > 0 ? Math.max(event.dueNs + event.periodNs, nowNs) : undefined;
      this.raise(event);
    }
  }

  get nextDueNs(): number { return Math.min(Infinity, ...[...this.events.values()].map(({ dueNs = Infinity }) => dueNs)); }

  /** Somebody has to be called yet. */
  get hasNotification(): boolean { return this.queue.some(({ tpl }) => tpl > this.tpl); }

  /** The most urgent of those that may interrupt what runs now. A signalled event is ready again once it was called for. */
  takeNotification(): Notification | undefined {
    const most = Math.max(...this.queue.map(({ tpl }) => tpl)), at = most > this.tpl ? this.queue.findIndex(({ tpl }) => tpl === most) : -1;
    if (at < 0) return undefined;
    const [notification] = this.queue.splice(at, 1), event = this.events.get(notification!.event);
    if (event !== undefined && this.isCalledWhenSignaled(event)) event.signaled = false;
    return notification;
  }

  reset(): void { this.restore({ events: [], queue: [], next: FIRST, tpl: TPL.application }); }
  save(): EventsState { return structuredClone({ events: [...this.events.values()], queue: this.queue, next: this.next, tpl: this.tpl }); }
  restore(state: EventsState): void {
    const { events, queue, next, tpl } = structuredClone(state);
    this.events = new Map(events.map(event => [event.id, event]));
    this.queue = [...queue];
    this.next = next;
    this.tpl = tpl;
  }
}
