/**
 * An NVM Express 1.4 controller on PCI Express: registers, queues and doorbells (chapters 3, 4 and 7); the commands are in files of their
 * own. A command under way is part of the saved state, and is done again after a restore: every one can be. Left out: SGLs,
 * controller memory buffer, shadow doorbells, arbitration other than in turns.
 */
import type { GuestErrorSink, Region } from '../../memory/region.ts';
import { hex } from '../../memory/region.ts';
import { BusMaster } from '../pci/bus-master.ts';
import { PciFunction } from '../pci/pci-function.ts';
import type { BlockMedium } from '../virtio/block.ts';
import { FEATURES, hasWriteCache, IO_QUEUES, runAdminCommand } from './admin-commands.ts';
import { Command, completion, COMPLETION_BYTES, ENTRY_BYTES, type Outcome } from './command.ts';
import { DEVICE, EVENT_REQUESTS, VENDOR, VERSION } from './identify.ts';
import { runIoCommand } from './io-commands.ts';

const REGISTER_BYTES = 0x4000, DOORBELLS = 0x1000;
const CLASS = 0x01_08_02;
const QUEUE_ENTRIES = 1024, ADMIN_ENTRIES_MOST = 4096;
const UNDER_WAY_MOST = 1024;
const TIMEOUT = 20;                       // in units of 500 ms
/** CAP: queue sizes, contiguous queues, timeout; NVM command set, pages of 4 to 64 KiB. */
const CAP = [QUEUE_ENTRIES - 1 | 1 << 16 | TIMEOUT << 24, 1 << 5 | 4 << 20] as const;
const READY = 1, FATAL = 2, SHUTDOWN_STATUS = 3 << 2, SHUTTING_DOWN = 1 << 2, SHUT_DOWN = 2 << 2;
const ENABLE = 1, SHUTDOWN_NOTIFICATION = 3 << 14;
const ERROR_INVALID_DOORBELL = 0, ERROR_INVALID_VALUE = 1, ERROR_LOG = 1;

export interface SubmissionQueue { readonly base: number; readonly size: number; head: number; tail: number; readonly completion: number }
export interface CompletionQueue {
  readonly base: number; readonly size: number; head: number; tail: number; phase: 0 | 1; readonly vector: number; readonly interrupts: boolean;
  /** Entries for which there was no room. */
  readonly waiting: Uint8Array[];
}
interface UnderWay { readonly queue: number; readonly bytes: Uint8Array }

export interface NvmeState {
  readonly registers: Uint32Array;
  readonly submissions: ReadonlyMap<number, SubmissionQueue>;
  readonly completions: ReadonlyMap<number, CompletionQueue>;
  readonly features: ReadonlyMap<number, number>;
  readonly eventRequests: readonly number[];
  readonly events: readonly number[];
  readonly underWay: readonly UnderWay[];
}

/** Registers that are kept as they were written, by their word; others are constant or follow. */
const INTMS = 0x0c >> 2, INTMC = 0x10 >> 2, CC = 0x14 >> 2, CSTS = 0x1c >> 2, AQA = 0x24 >> 2, ASQ = 0x28 >> 2, ACQ = 0x30 >> 2, WORDS = 0x40 >> 2;
const WRITABLE: Readonly<Record<number, number>> = { [AQA]: 0x0fff_0fff, [ASQ]: 0xffff_f000, [ASQ + 1]: 0xffff_ffff, [ACQ]: 0xffff_f000, [ACQ + 1]: 0xffff_ffff };

export interface NvmeIo {
  /** Tells it apart from all other devices of the machine. */
  readonly name: string;
  /** Of the controller; drivers show it. */
  readonly serial: string;
  /** One for each namespace. */
  readonly media: readonly BlockMedium[];
  readonly guestError: GuestErrorSink;
}

export class Nvme {
  readonly function: PciFunction;
  readonly dma = new BusMaster();
  readonly serial: string;
  readonly media: readonly BlockMedium[];
  readonly vectors = IO_QUEUES + 1;
  readonly queueSizeMost = QUEUE_ENTRIES;
  submissions = new Map<number, SubmissionQueue>();
  completions = new Map<number, CompletionQueue>();
  features = new Map<number, number>();
  private readonly guestError: GuestErrorSink;
  private registers = new Uint32Array(WORDS);
  private eventRequests: number[] = [];
  private events: number[] = [];
  private underWay = new Map<UnderWay, Promise<void>>();

  constructor({ name, serial, media, guestError }: NvmeIo) {
    this.serial = serial;
    this.media = media;
    this.guestError = what => guestError(`${name}: ${what}`);
    const region: Region = { read: (offset, size) => (this.read(offset) >>> 8 * (offset & 3) & (size === 4 ? -1 : (1 << 8 * size) - 1)) >>> 0, write: (offset, size, value) => (size === 4 ? this.write(offset, value) : this.guestError(`write of ${size} at ${hex(offset)}`)) };
    this.function = new PciFunction({
      name, dma: this.dma, vendorId: VENDOR, deviceId: DEVICE, classCode: CLASS, subsystemVendorId: VENDOR, msixVectors: this.vectors,
      bars: [{ index: 0, sizeBytes: REGISTER_BYTES, wide: true, region }],
      model: { reset: () => this.reset(), save: () => this.save(), restore: state => this.restore(state as NvmeState) },
    });
    this.clear();
  }

  /** CC.MPS. */
  get pageBytes(): number { return 4096 << (this.registers[CC]! >>> 7 & 15); }

  /** Resolves when no command that a medium serves is under way. */
  async idle(): Promise<void> { while (this.underWay.size > 0) await Promise.all(this.underWay.values()); }

  private read(offset: number): number {
    const word = offset >> 2;
    if (offset >= DOORBELLS) return 0;
    if (word < 2) return CAP[word]! >>> 0;
    if (offset === 0x08) return VERSION;
    return this.registers[word === INTMC ? INTMS : word] ?? 0;
  }

  private write(offset: number, value: number): void {
    const word = offset >> 2, mask = WRITABLE[word];
    if (offset >= DOORBELLS) return this.ring(offset - DOORBELLS >> 2, value);
    if (word === CC) return this.configure(value);
    // Of no effect with MSI-X, but there to be read.
    if (word === INTMS) this.registers[INTMS]! |= value;
    else if (word === INTMC) this.registers[INTMS]! &= ~value;
    else if (mask !== undefined) this.registers[word] = value & mask;
    else this.guestError(`write at ${hex(offset)}`);
  }

  private configure(value: number) {
    const old = this.registers[CC]!;
    this.registers[CC] = value;
    if ((value & ENABLE) !== 0 && (old & ENABLE) === 0) this.enable();
    if ((value & ENABLE) === 0 && (old & ENABLE) !== 0) this.disable();
    if ((value & SHUTDOWN_NOTIFICATION) !== 0 && (old & SHUTDOWN_NOTIFICATION) === 0) this.shutDown();
  }

  private enable() {
    const aqa = this.registers[AQA]!, submissions = (aqa & 0xfff) + 1, completions = (aqa >>> 16 & 0xfff) + 1, cc = this.registers[CC]!;
    const isSupported = (cc >>> 4 & 7) === 0 && (cc >>> 7 & 15) <= 4 && (cc >>> 11 & 7) === 0;
    if (!isSupported || submissions < 2 || completions < 2 || Math.max(submissions, completions) > ADMIN_ENTRIES_MOST) return this.fail('was enabled with what it does not support');
    this.submissions.set(0, { base: this.wide(ASQ), size: submissions, head: 0, tail: 0, completion: 0 });
    this.completions.set(0, { base: this.wide(ACQ), size: completions, head: 0, tail: 0, phase: 1, vector: 0, interrupts: true, waiting: [] });
    this.registers[CSTS]! |= READY;
  }

  /** Controller reset: all but the admin queue's place. */
  private disable() {
    const kept = [AQA, ASQ, ASQ + 1, ACQ, ACQ + 1].map(word => [word, this.registers[word]!] as const), cc = this.registers[CC]!;
    this.clear();
    for (const [word, value] of kept) this.registers[word] = value;
    this.registers[CC] = cc;
  }

  private shutDown() {
    const { registers } = this;
    if ((registers[CSTS]! & SHUTDOWN_STATUS) === SHUTTING_DOWN) return;
    registers[CSTS] = registers[CSTS]! & ~SHUTDOWN_STATUS | SHUTTING_DOWN;
    this.flushAll();
  }

  private flushAll() {
    const { registers } = this;
    const owner = this.underWay, work = { queue: -1, bytes: new Uint8Array(0) };
    owner.set(work, Promise.all(this.media.map(medium => medium.flush())).then(() => undefined, () => undefined).then(() => {
      owner.delete(work);
      if (this.registers === registers) registers[CSTS] = registers[CSTS]! & ~SHUTDOWN_STATUS | SHUT_DOWN;
    }));
  }

  private wide(word: number) { return this.registers[word + 1]! * 2 ** 32 + this.registers[word]!; }

  private fail(what: string) {
    this.guestError(what);
    this.registers[CSTS]! |= FATAL;
  }

  private ring(index: number, value: number) {
    const number = index >> 1, queue = (index & 1) === 0 ? this.submissions.get(number) : this.completions.get(number);
    if (queue === undefined) return this.report(ERROR_INVALID_DOORBELL, `rang for queue ${number}, which is not there`);
    if (value >= queue.size) return this.report(ERROR_INVALID_VALUE, `rang for entry ${value} of queue ${number}, which has ${queue.size}`);
    if ('completion' in queue) queue.tail = value;
    else { queue.head = value; this.drain(queue); }
    this.fetchAll();
  }

  /** In turns, and no more at once than can be served; the rest waits in the queues. */
  private fetchAll() {
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      for (const [number, queue] of this.submissions) {
        const isFull = this.underWay.size >= UNDER_WAY_MOST || this.completions.get(queue.completion)!.waiting.length > 0;
        if (queue.head === queue.tail || isFull || (this.registers[CSTS]! & (READY | FATAL)) !== READY) continue;
        this.fetch(number, queue);
        isBusy = true;
      }
    }
  }

  private fetch(number: number, queue: SubmissionQueue) {
    const bytes = new Uint8Array(ENTRY_BYTES);
    if (!this.dma.read(queue.base + queue.head * ENTRY_BYTES, bytes)) return this.fail('has a submission queue that is not in memory');
    queue.head = (queue.head + 1) % queue.size;
    if (number === 0) {
      const command = new Command(bytes), outcome = runAdminCommand(this, command);
      if (outcome !== undefined) this.post(0, command.id, outcome);
    } else this.start({ queue: number, bytes });
  }

  private start(work: UnderWay) {
    const owner = this.underWay, command = new Command(work.bytes), current = () => this.underWay === owner && owner.has(work);
    const context = { dma: this.dma, pageBytes: this.pageBytes, media: this.media, isWriteThrough: !hasWriteCache(this.features), current };
    owner.set(work, runIoCommand(context, command).then(outcome => {
      if (!current()) return;
      owner.delete(work);
      this.post(work.queue, command.id, outcome);
      this.fetchAll();
    }));
  }

  private post(number: number, id: number, outcome: Outcome) {
    const submission = this.submissions.get(number), queue = submission && this.completions.get(submission.completion);
    if (submission === undefined || queue === undefined) return;
    queue.waiting.push(completion(id, outcome, { head: submission.head, queue: number }));
    this.drain(queue);
  }

  private drain(queue: CompletionQueue) {
    let posted = false;
    while (queue.waiting.length > 0 && (queue.tail + 1) % queue.size !== queue.head) {
      const entry = queue.waiting.shift()!;
      entry[14]! |= queue.phase;
      if (!this.dma.write(queue.base + queue.tail * COMPLETION_BYTES, entry)) return this.fail('has a completion queue that is not in memory');
      queue.tail = (queue.tail + 1) % queue.size;
      if (queue.tail === 0) queue.phase ^= 1;
      posted = true;
    }
    if (posted && queue.interrupts) this.function.msix.signal(queue.vector);
  }

  /** An error that no command can be told of: an event, once somebody asks for one. */
  private report(error: number, what: string) {
    this.guestError(what);
    if (this.events.length < EVENT_REQUESTS) this.events.push(error << 8 | ERROR_LOG << 16);
    this.tellEvents();
  }

  private tellEvents() {
    while (this.events.length > 0 && this.eventRequests.length > 0) this.post(0, this.eventRequests.shift()!, { status: 0, result: this.events.shift()! });
  }

  /** False when there are enough. */
  takeEventRequest(id: number): boolean {
    if (this.eventRequests.length >= EVENT_REQUESTS) return false;
    this.eventRequests.push(id);
    this.tellEvents();
    return true;
  }

  /** With what is under way of it; false when there is none. */
  dropSubmissionQueue(number: number): boolean {
    for (const work of this.underWay.keys()) if (work.queue === number) this.underWay.delete(work);
    return this.submissions.delete(number);
  }

  private clear() {
    this.registers = new Uint32Array(WORDS);
    this.submissions = new Map();
    this.completions = new Map();
    this.features = new Map(Object.entries(FEATURES).map(([feature, value]) => [Number(feature), value]));
    this.eventRequests = [];
    this.events = [];
    this.underWay = new Map();
  }

  private reset() { this.clear(); }

  private save(): NvmeState {
    const { registers, submissions, completions, features, eventRequests, events } = this;
    return structuredClone({ registers, submissions, completions, features, eventRequests, events, underWay: [...this.underWay.keys()].filter(({ queue }) => queue > 0) });
  }

  private restore(state: NvmeState) {
    this.clear();
    const { registers, submissions, completions, features, eventRequests, events } = structuredClone(state);
    Object.assign(this, { registers, submissions, completions, features, eventRequests, events });
    if ((registers[CSTS]! & SHUTDOWN_STATUS) === SHUTTING_DOWN) this.flushAll();
    for (const work of structuredClone(state.underWay)) this.start(work);
  }
}
