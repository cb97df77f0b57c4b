/**
 * Input device (virtio 1.2, 5.8): a keyboard, a tablet or a touch screen. It knows what is down and where, and what of that the driver was
 * told; a report says the difference, whole or not at all. Reports that find no room in the queue wait, up to a number; movements
 * are told once there is room, from where it was to where it is, and nothing stays down that is up.
 */
import type { Leds } from '../../display/screen-messages.ts';
import type { Dma } from '../../memory/dma.ts';
import type { AccessSize } from '../../memory/region.ts';
import { gather, lengthOf, scatter, slice } from './buffers.ts';
import {
  ABS_MT_POSITION_X, ABS_MT_POSITION_Y, ABS_MT_SLOT, ABS_MT_TRACKING_ID, ABS_X, ABS_Y, AXIS_MOST, BTN_LEFT, BTN_TOUCH, EV_ABS, EV_KEY, EV_LED, EV_REL, EV_SYN,
  KINDS, LED_CAPS, LED_NUM, LED_SCROLL, REL_HWHEEL, REL_HWHEEL_HI_RES, REL_WHEEL, REL_WHEEL_HI_RES, SLOTS, TRACKING_MOST, type InputKindName,
} from './input-kinds.ts';
import type { VirtioCore, VirtioPort } from './virtio-core.ts';

const EVENTS = 0;
const SELECT = 0, SUBSELECT = 1, SIZE = 2, UNION = 8, CONFIG_BYTES = 136;
const ID_NAME = 1, ID_SERIAL = 2, ID_DEVIDS = 3, PROP_BITS = 0x10, EV_BITS = 0x11, ABS_INFO = 0x12;
const BUS_VIRTUAL = 6, VENDOR = 0x1af4, VERSION = 1;
const EVENT_BYTES = 8, STATUS_BYTES_MOST = 0x1000;
/** Reports that wait for room: as much as somebody types, or pastes, while a guest is busy. */
const WAITING_MOST = 512;
/** Keys in one report. */
const KEYS_AT_ONCE = 8;
/** What a wheel is turned by in one step, in units of REL_WHEEL_HI_RES, and the most at once, in steps. */
const STEP = 120, STEPS_MOST = 100;

/** A finger on a touch screen, in a slot for as long as it is down. */
interface Contact { readonly finger: number; readonly tracking: number; readonly x: number; readonly y: number }
/** Keys and buttons that are down, where the pointer is, and fingers by slot. */
interface Situation { readonly keys: readonly number[]; readonly x: number; readonly y: number; readonly contacts: readonly (Contact | null)[] }
/** Type, code, value. */
type InputEvent = readonly [type: number, code: number, value: number];

export interface VirtioInputState {
  readonly kind: InputKindName;
  readonly select: readonly [number, number];
  readonly is: Situation;
  readonly told: Situation;
  readonly waiting: readonly (readonly InputEvent[])[];
  readonly nextTracking: number;
  /** What wheels were turned by less than a step, across and down. */
  readonly turned: readonly [number, number];
  readonly leds: number;
}

const NOTHING: Situation = { keys: [], x: 0, y: 0, contacts: Array<null>(SLOTS).fill(null) };
const resetState = (kind: InputKindName): VirtioInputState => ({ kind, select: [0, 0], is: NOTHING, told: NOTHING, waiting: [], nextTracking: 0, turned: [0, 0], leds: 0 });

export class VirtioInput implements VirtioCore<VirtioInputState> {
  readonly name = 'virtio-input';
  readonly deviceId = 18;
  readonly features = 0;
  readonly queueSizes = [64, 64];
  readonly config = new Uint8Array(CONFIG_BYTES);
  /** The driver switched lights. */
  ledsChanged: (leds: Leds) => void = () => {};
  private readonly dma: Dma;
  private port!: VirtioPort;
  private state: VirtioInputState;

  constructor({ dma, kind }: { readonly dma: Dma; readonly kind: InputKindName }) {
    this.dma = dma;
    this.state = resetState(kind);
  }

  attach(port: VirtioPort): void { this.port = port; }

  get kind(): InputKindName { return this.state.kind; }
  /** Another device is in its place; nobody has looked at it yet. */
  become(kind: InputKindName): void { this.state = resetState(kind); this.describe(); }

  get leds(): Leds {
    const isOn = (led: number) => (this.state.leds & 1 << led) !== 0;
    return { numLock: isOn(LED_NUM), capsLock: isOn(LED_CAPS), scrollLock: isOn(LED_SCROLL) };
  }

  /** A key or button by its code; what the device has not is nothing. */
  key(code: number, isDown: boolean): void {
    const { keys } = this.state.is;
    if (!this.codes(EV_KEY).includes(code) || keys.includes(code) === isDown) return;
    this.change({ keys: isDown ? [...keys, code] : keys.filter(other => other !== code) });
  }

  /** Where the pointer is on its axes, which of its buttons are down (bit 0 is BTN_LEFT), and how far wheels were turned, in steps, right and down. */
  point(x: number, y: number, buttons: number, wheelX = 0, wheelY = 0): void {
    this.change({ x: onAxis(x), y: onAxis(y), keys: this.codes(EV_KEY).filter(code => (buttons & 1 << code - BTN_LEFT) !== 0) }, this.turn(wheelX, wheelY));
  }

  /** All fingers that are down, each where it is on the axes. Those beyond the last slot are not felt. */
  touch(fingers: readonly { readonly id: number; readonly x: number; readonly y: number }[]): void {
    let { nextTracking } = this.state;
    const contacts: (Contact | null)[] = this.state.is.contacts.map(contact => {
      const finger = fingers.find(({ id }) => id === contact?.finger);
      return contact && finger ? { ...contact, x: onAxis(finger.x), y: onAxis(finger.y) } : null;
    });
    for (const { id, x, y } of fingers) {
      // A slot is free once its finger was seen to be lifted, so that a new one is another contact.
      const slot = contacts.findIndex((contact, n) => contact === null && this.state.is.contacts[n] === null);
      if (slot < 0 || contacts.some(contact => contact?.finger === id)) continue;
      contacts[slot] = { finger: id, tracking: nextTracking, x: onAxis(x), y: onAxis(y) };
      nextTracking = nextTracking + 1 & TRACKING_MOST;
    }
    this.state = { ...this.state, nextTracking };
    const first = contacts.find(contact => contact !== null);
    this.change({ contacts, keys: first ? [BTN_TOUCH] : [], ...(first && { x: first.x, y: first.y }) });
  }

  /** Nothing is down any more, as nobody is there who could lift it. */
  release(): void { this.change({ keys: [], contacts: NOTHING.contacts }); }

  private change(part: Partial<Situation>, turns: readonly InputEvent[] = []) {
    if (!this.port.isLive()) return;
    this.state = { ...this.state, is: { ...this.state.is, ...part } };
    this.tell(turns);
  }

  /** A wheel's fine units, and its steps once there are enough of them. */
  private turn(wheelX: number, wheelY: number): InputEvent[] {
    const turned: [number, number] = [...this.state.turned], events: InputEvent[] = [];
    const wheel = (axis: 0 | 1, steps: number, code: number, fine: number) => {
      const units = Math.round(STEP * Math.min(STEPS_MOST, Math.max(-STEPS_MOST, steps || 0)));
      if (units === 0) return;
      const whole = Math.trunc((turned[axis] + units) / STEP);
      turned[axis] += units - whole * STEP;
      events.push([EV_REL, fine, units], ...(whole === 0 ? [] : [[EV_REL, code, whole] as const]));
    };
    wheel(0, wheelX, REL_HWHEEL, REL_HWHEEL_HI_RES);
    wheel(1, -wheelY, REL_WHEEL, REL_WHEEL_HI_RES);
    this.state = { ...this.state, turned };
    return this.codes(EV_REL).length > 0 ? events : [];
  }

  private codes(type: number): readonly number[] { return KINDS[this.state.kind].codes[type] ?? []; }

  /** Reports until the driver was told, or will be, of all that is. */
  private tell(turns: readonly InputEvent[] = []) {
    for (let more = turns; ; more = []) {
      const { is, told } = this.state, next = { ...is, keys: keysAfter(told.keys, is.keys) }, events = [...difference(told, next), ...more];
      const isMovement = more.length === 0 && next.keys === told.keys && is.contacts.every((contact, slot) => contact?.tracking === told.contacts[slot]?.tracking);
      if (events.length === 0 || isMovement && this.state.waiting.length > 0) return;
      if (!this.send([...events, [EV_SYN, 0, 0]], isMovement)) return;
      this.state = { ...this.state, told: next };
    }
  }

  /** False when there is no room for it, and it does not wait. */
  private send(report: readonly InputEvent[], isMovement: boolean): boolean {
    const { waiting } = this.state;
    if (waiting.length === 0 && this.deliver(report)) return true;
    if (isMovement || waiting.length >= WAITING_MOST) return false;
    this.state = { ...this.state, waiting: [...waiting, report] };
    return true;
  }

  /** All of a report, a buffer for each event, or false. One that could never fit is lost. */
  private deliver(report: readonly InputEvent[]): boolean {
    const queue = this.port.queue(EVENTS);
    if (report.length > queue.state.size) return true;
    if (queue.count < report.length) return false;
    const used: { head: number; written: number }[] = [];
    for (const event of report) {
      const chain = queue.pop();
      if (chain === undefined) return true;
      if (lengthOf(chain.writable) < EVENT_BYTES) {
        this.port.fail('a buffer for an event is too small');
        return true;
      }
      used.push({ head: chain.head, written: scatter(this.dma, chain.writable, bytesOf(event)) });
    }
    queue.completeAll(used);
    return true;
  }

  notified(queue: number): void {
    if (queue !== EVENTS) return this.takeStatus();
    const { waiting } = this.state, stuck = waiting.findIndex(report => !this.deliver(report));
    if (waiting.length > 0) this.state = { ...this.state, waiting: stuck < 0 ? [] : waiting.slice(stuck) };
    if (stuck < 0) this.tell();
  }

  /** What the driver has to say: of lights. */
  private takeStatus() {
    const queue = this.port.queue(1), before = this.state.leds;
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      const bytes = gather(this.dma, slice(chain.readable, 0, STATUS_BYTES_MOST)), words = new DataView(bytes.buffer);
      for (let at = 0; at + EVENT_BYTES <= bytes.length; at += EVENT_BYTES) {
        const code = words.getUint16(at + 2, true);
        if (words.getUint16(at, true) === EV_LED && this.codes(EV_LED).includes(code)) this.light(code, words.getUint32(at + 4, true) !== 0);
      }
      queue.complete(chain.head, 0);
    }
    if (this.state.leds !== before) this.ledsChanged(this.leds);
  }

  private light(led: number, isOn: boolean) { this.state = { ...this.state, leds: this.state.leds & ~(1 << led) | Number(isOn) << led }; }

  /** The driver asks what the device is by two selectors. Over virtio-mmio they come with what follows them, which is not its to write. */
  configure(offset: number, size: AccessSize, value: number): void {
    if (offset > SUBSELECT) return this.port.fail('configuration was written where it cannot be');
    const [select, subselect] = this.state.select;
    this.state = { ...this.state, select: offset === SUBSELECT ? [select, value & 0xff] : [value & 0xff, size === 1 ? subselect : value >> 8 & 0xff] };
    this.describe();
  }

  private describe() {
    const [select, subselect] = this.state.select, answer = this.selected(select, subselect);
    this.config.fill(0);
    this.config.set([select, subselect], SELECT);
    this.config[SIZE] = answer.length;
    this.config.set(answer, UNION);
  }

  private selected(select: number, subselect: number): ArrayLike<number> {
    const { title, product, properties, axes } = KINDS[this.state.kind];
    switch (select) {
      case ID_NAME: return subselect === 0 ? new TextEncoder().encode(title) : [];
      case ID_SERIAL: return subselect === 0 ? new TextEncoder().encode(`qdk-${this.state.kind}`) : [];
      case ID_DEVIDS: return subselect === 0 ? [BUS_VIRTUAL, VENDOR, product, VERSION].flatMap(half => [half & 0xff, half >> 8]) : [];
      case PROP_BITS: return subselect === 0 ? bitmap(properties) : [];
      case EV_BITS: return bitmap(subselect === EV_ABS ? Object.keys(axes).map(Number) : this.codes(subselect));
      case ABS_INFO: return subselect in axes ? [0, 0, 0, 0, axes[subselect]! & 0xff, axes[subselect]! >> 8, ...Array<number>(14).fill(0)] : [];
      default: return [];
    }
  }

  /** What kind it is comes from outside; a new driver finds nothing down. */
  stop(): void {
    const { leds, kind } = this.state;
    this.become(kind);
    if (leds !== 0) this.ledsChanged(this.leds);
  }

  reset(): void { this.stop(); }
  save(): VirtioInputState { return structuredClone(this.state); }
  restore(state: VirtioInputState): void {
    this.state = structuredClone(state);
    this.describe();
  }
}

const onAxis = (value: number) => Math.min(AXIS_MOST, Math.max(0, Math.round(value) || 0));

/** Some of what has to change to get from one to the other, first what is let go of; the same array when nothing has. */
function keysAfter(from: readonly number[], to: readonly number[]): readonly number[] {
  const up = from.filter(code => !to.includes(code)).slice(0, KEYS_AT_ONCE), down = to.filter(code => !from.includes(code)).slice(0, KEYS_AT_ONCE - up.length);
  return up.length + down.length === 0 ? from : [...from.filter(code => !up.includes(code)), ...down];
}

/** Where first, then what is pressed or let go of there; fingers by protocol B of `multi-touch-protocol`. */
function difference(from: Situation, to: Situation): InputEvent[] {
  const events: InputEvent[] = [];
  to.contacts.forEach((contact, slot) => {
    const before = from.contacts[slot], changes = contactChanges(before ?? null, contact);
    if (changes.length > 0) events.push([EV_ABS, ABS_MT_SLOT, slot], ...changes);
  });
  if (from.x !== to.x) events.push([EV_ABS, ABS_X, to.x]);
  if (from.y !== to.y) events.push([EV_ABS, ABS_Y, to.y]);
  for (const code of from.keys) if (!to.keys.includes(code)) events.push([EV_KEY, code, 0]);
  for (const code of to.keys) if (!from.keys.includes(code)) events.push([EV_KEY, code, 1]);
  return events;
}

function contactChanges(before: Contact | null, after: Contact | null): InputEvent[] {
  if (after === null) return before === null ? [] : [[EV_ABS, ABS_MT_TRACKING_ID, -1]];
  const isNew = before?.tracking !== after.tracking, events: InputEvent[] = isNew ? [[EV_ABS, ABS_MT_TRACKING_ID, after.tracking]] : [];
  if (isNew || before.x !== after.x) events.push([EV_ABS, ABS_MT_POSITION_X, after.x]);
  if (isNew || before.y !== after.y) events.push([EV_ABS, ABS_MT_POSITION_Y, after.y]);
  return events;
}

/** struct virtio_input_event. */
function bytesOf([type, code, value]: InputEvent): Uint8Array {
  const bytes = new Uint8Array(EVENT_BYTES), words = new DataView(bytes.buffer);
  words.setUint16(0, type, true);
  words.setUint16(2, code, true);
  words.setInt32(4, value, true);
  return bytes;
}

/** As long as its highest bit needs. */
function bitmap(bits: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(bits.length === 0 ? 0 : (Math.max(...bits) >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3]! |= 1 << (bit & 7);
  return bytes;
}
