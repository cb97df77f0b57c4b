/**
 * SCSI host device (virtio 1.2, 5.6): one unit, number 0, for each target. Commands and task management under way are part
 * of the saved state by the heads of their chains; commands are done again after a restore: every one can be. Left out: data in
 * both directions, asynchronous notification, parameter change events, protection information.
 */
import type { Dma } from '../../memory/dma.ts';
import type { AccessSize } from '../../memory/region.ts';
import { Cdb, check, TRANSFER_BYTES_MOST, type ScsiOutcome, type ScsiRequest } from '../scsi/command.ts';
import { noUnit } from '../scsi/inquiry.ts';
import type { ScsiUnit, ScsiUnitState } from '../scsi/scsi-unit.ts';
import { CHECK_CONDITION, fixedSense, GOOD, NO_SUCH_UNIT } from '../scsi/sense.ts';
import { gather, lengthOf, scatter, slice } from './buffers.ts';
import type { VirtioCore, VirtioPort } from './virtio-core.ts';
import type { Chain, GuestBuffer } from './virtqueue.ts';

const CONTROL = 0, EVENT = 1, FIRST_REQUESTS = 2, REQUEST_QUEUES = 4;
const QUEUE_SIZE = 128;
export const SCSI_TARGETS = 8;
const F_HOT_PLUG = 1 << 1;

const REQUEST_BYTES = 19, RESPONSE_BYTES = 12, EVENT_BYTES = 16, TASK_BYTES = 24, NOTIFICATION_BYTES = 16;
/** Places in the configuration, and the most that a driver may put there. */
const SENSE_SIZE = 20, CDB_SIZE = 24, SIZE_MOST = 256;

const OVERRUN = 1, ABORTED = 2, BAD_TARGET = 3, RESET = 4, SUCCEEDED = 10, REJECTED = 11, OK = 0;
const T_TASK = 0, T_QUERY = 1, T_SUBSCRIBE = 2;
const ABORT_TASK = 0, ABORT_TASK_SET = 1, CLEAR_TASK_SET = 3, NEXUS_RESET = 4, UNIT_RESET = 5, QUERY_TASK = 6, QUERY_TASK_SET = 7;
const TRANSPORT_RESET = 1, RESCAN = 1, REMOVED = 2, EVENTS_MISSED = 0x8000_0000;

type Ending = typeof ABORTED | typeof RESET;

interface Work {
  readonly queue: number;
  readonly head: number;
  /** Of a command: whom it is for, as sent, and the driver's name of it. */
  readonly address?: string;
  readonly tag?: bigint;
  /** Why it is to end early. */
  ends?: Ending;
  /** Of task management, which waits for what it ended. */
  readonly answer?: number;
}

export interface VirtioScsiState {
  readonly underWay: readonly { readonly queue: number; readonly head: number; readonly ends: Ending | null; readonly answer: number | null }[];
  readonly senseSize: number;
  readonly cdbSize: number;
  readonly missedEvents: boolean;
  readonly units: readonly (ScsiUnitState | null)[];
}

export interface VirtioScsiIo { readonly dma: Dma; readonly units: readonly ScsiUnit[] }

export class VirtioScsi implements VirtioCore<VirtioScsiState> {
  readonly name = 'virtio-scsi';
  readonly deviceId = 8;
  readonly features = F_HOT_PLUG;
  readonly queueSizes = Array.from({ length: FIRST_REQUESTS + REQUEST_QUEUES }, () => QUEUE_SIZE);
  readonly config = new Uint8Array(36);
  private readonly dma: Dma;
  /** By target. */
  private readonly units: (ScsiUnit | undefined)[];
  private readonly words = new DataView(this.config.buffer);
  private port!: VirtioPort;
  private underWay = new Map<Work, Promise<void>>();
  private missedEvents = false;

  constructor({ dma, units }: VirtioScsiIo) {
    this.dma = dma;
    this.units = [...units];
    const values = [REQUEST_QUEUES, QUEUE_SIZE - 2, TRANSFER_BYTES_MOST / 512, QUEUE_SIZE, EVENT_BYTES];
    values.forEach((value, n) => this.words.setUint32(4 * n, value, true));
    this.words.setUint16(30, SCSI_TARGETS - 1, true);
    this.setSizes(96, 32);
  }

  attach(port: VirtioPort): void { this.port = port; }

  /** Puts a unit on an empty target while the machine runs. */
  plug(target: number, unit: ScsiUnit): void {
    this.units[target] = unit;
    this.tell(TRANSPORT_RESET, target, RESCAN);
  }

  /** Its commands under way end; the guest hears of it afterwards. */
  unplug(target: number): void {
    this.units[target] = undefined;
    this.end(work => work.address !== undefined && targetOf(work.address) === target, RESET);
    this.tell(TRANSPORT_RESET, target, REMOVED);
  }

  /** Only the sizes of a command and of its sense data are the driver's. */
  configure(offset: number, size: AccessSize, value: number): void {
    if ((offset !== SENSE_SIZE && offset !== CDB_SIZE) || size !== 4 || value > SIZE_MOST) return this.port.fail('configuration was written where it cannot be');
    this.words.setUint32(offset, value, true);
  }

  notified(queue: number): void {
    if (queue === EVENT) {
      if (this.missedEvents) this.send(0, new Uint8Array(8), 0);
      return;
    }
    const { port } = this, from = port.queue(queue);
    for (let chain = from.pop(); chain !== undefined; chain = from.pop()) this.start(queue, chain);
  }

  /** Resolves when nothing is under way; to be awaited before the media are closed or given to another machine. */
  async idle(): Promise<void> { while (this.underWay.size > 0) await Promise.all(this.underWay.values()); }

  private start(queue: number, chain: Chain) {
    if ([...this.underWay.keys()].some(work => work.queue === queue && work.head === chain.head)) return this.port.fail('a chain was made available twice');
    if (queue === CONTROL) this.control(chain);
    else this.command(queue, chain);
  }

  /** One that `ends` is answered with that, and does nothing. */
  private command(queue: number, chain: Chain, ends?: Ending) {
    const { port } = this, { readable, writable, head } = chain, headerBytes = REQUEST_BYTES + this.cdbSize, answerBytes = RESPONSE_BYTES + this.senseSize;
    if (lengthOf(readable) < headerBytes || lengthOf(writable) < answerBytes) return this.port.fail('a request has no header or no response');
    const header = gather(this.dma, slice(readable, 0, headerBytes)), owner = this.underWay, address = addressOf(header);
    const work: Work = { queue, head, address, tag: new DataView(header.buffer).getBigUint64(8, true), ...(ends !== undefined && { ends }) }, room = lengthOf(writable) - answerBytes;
    const request: ScsiRequest = {
      cdb: new Cdb(header.subarray(REQUEST_BYTES)), inBytes: room, outBytes: lengthOf(readable) - headerBytes,
      dataOut: length => gather(this.dma, slice(readable, headerBytes, length)), current: () => this.underWay === owner && work.ends === undefined,
    };
    const answered = (outcome: ScsiOutcome | undefined) => {
      const { data = new Uint8Array(0), taken = 0, sense, overrun: isOverrun } = outcome ?? {};
      const response = work.ends ?? (outcome === undefined ? BAD_TARGET : isOverrun ? OVERRUN : OK), moved = response === OK ? data.subarray(0, room) : data.subarray(0, 0);
      scatter(this.dma, slice(writable, answerBytes), moved);
      const left = Math.max(room, request.outBytes) - (response === OK ? Math.max(moved.length, taken) : 0);
      scatter(this.dma, slice(writable, 0, answerBytes), this.response(response, response === OK ? sense : undefined, left));
      return answerBytes + moved.length;
    };
    const outcome = ends === undefined ? this.outcomeOf(address, request) : Promise.resolve(undefined);
    if (outcome instanceof Promise) this.follow(work, outcome, answered);
    else port.queue(queue).complete(head, answered(outcome));
  }

  /** Undefined when there is no such target. */
  private outcomeOf(address: string, request: ScsiRequest): ScsiOutcome | Promise<ScsiOutcome> | undefined {
    const unit = this.units[targetOf(address)];
    if (unit === undefined) return undefined;
    if (unitOf(address) === 0) return unit.run(request);
    return request.cdb.opcode === 0x12 ? noUnit(request.cdb) : check(NO_SUCH_UNIT);
  }

  private response(response: number, sense: Parameters<typeof fixedSense>[0] | undefined, left: number): Uint8Array {
    const bytes = new Uint8Array(RESPONSE_BYTES + this.senseSize), words = new DataView(bytes.buffer), about = sense === undefined ? new Uint8Array(0) : fixedSense(sense).subarray(0, this.senseSize);
    words.setUint32(0, about.length, true);
    words.setUint32(4, Math.min(left, 0xffff_ffff), true);
    bytes[10] = sense === undefined ? GOOD : CHECK_CONDITION;
    bytes[11] = response;
    bytes.set(about, RESPONSE_BYTES);
    return bytes;
  }

  /** Completes a chain when its work is done, unless the driver reset the device before. */
  private follow<T>(work: Work, done: Promise<T>, answered: (value: T) => number) {
    const owner = this.underWay;
    owner.set(work, done.then(value => {
      if (this.underWay !== owner) return;
      owner.delete(work);
      this.port.queue(work.queue).complete(work.head, answered(value));
    }));
  }

  /** Task management and notification (5.6.6.2). What it ends has ended before it is answered. */
  private control({ head, readable, writable }: Chain) {
    const bytes = gather(this.dma, slice(readable, 0, TASK_BYTES)), words = new DataView(bytes.buffer), type = bytes.length < 4 ? -1 : words.getUint32(0, true);
    const isTask = type === T_TASK && bytes.length === TASK_BYTES, isNotification = (type === T_QUERY || type === T_SUBSCRIBE) && bytes.length >= NOTIFICATION_BYTES;
    const answerBytes = isTask ? 1 : 5;
    if ((!isTask && !isNotification) || lengthOf(writable) < answerBytes) return this.port.fail('a control request is too short, or of no kind');
    const { answer, ended } = isTask ? this.task(words.getUint32(4, true), addressOf(bytes.subarray(8)), words.getBigUint64(16, true)) : { answer: OK, ended: [] };
    if (ended.length > 0) this.answerAfter(ended, { queue: CONTROL, head, answer }, writable);
    else this.port.queue(CONTROL).complete(head, scatter(this.dma, writable, isTask ? Uint8Array.of(answer) : new Uint8Array(answerBytes)));
  }

  private answerAfter(ended: readonly Work[], work: Work & { readonly answer: number }, writable: readonly GuestBuffer[]) {
    this.follow(work, Promise.all(ended.map(async each => { await this.underWay.get(each); })), () => scatter(this.dma, writable, Uint8Array.of(work.answer)));
  }

  private task(kind: number, address: string, tag: bigint): { readonly answer: number; readonly ended: readonly Work[] } {
    const target = targetOf(address), unit = this.units[target], same = (work: Work) => work.address === address, one = (work: Work) => same(work) && work.tag === tag;
    if (unit === undefined) return { answer: BAD_TARGET, ended: [] };
    switch (kind) {
      case ABORT_TASK: return { answer: OK, ended: this.end(one, ABORTED) };
      case ABORT_TASK_SET: case CLEAR_TASK_SET: return { answer: OK, ended: this.end(same, ABORTED) };
      case UNIT_RESET: case NEXUS_RESET:
        unit.reset();
        return { answer: OK, ended: this.end(work => work.address !== undefined && targetOf(work.address) === target, RESET) };
      case QUERY_TASK: case QUERY_TASK_SET: return { answer: [...this.underWay.keys()].some(kind === QUERY_TASK ? one : same) ? SUCCEEDED : OK, ended: [] };
      default: return { answer: REJECTED, ended: [] };
    }
  }

  private end(which: (work: Work) => boolean, how: Ending): readonly Work[] {
    const chosen = [...this.underWay.keys()].filter(which);
    for (const work of chosen) work.ends ??= how;
    return chosen;
  }

  private tell(event: number, target: number, reason: number) { this.send(event, Uint8Array.of(1, target, 0x40, 0, 0, 0, 0, 0), reason); }

  /** An event for which the driver has no buffer is lost, and it is told of that. */
  private send(event: number, address: Uint8Array, reason: number) {
    const queue = this.port.queue(EVENT), chain = queue.pop();
    if (chain === undefined) { this.missedEvents = true; return; }
    const bytes = new Uint8Array(EVENT_BYTES), words = new DataView(bytes.buffer);
    words.setUint32(0, (event | (this.missedEvents ? EVENTS_MISSED : 0)) >>> 0, true);
    bytes.set(address, 4);
    words.setUint32(12, reason, true);
    this.missedEvents = false;
    queue.complete(chain.head, scatter(this.dma, chain.writable, bytes));
  }

  private get senseSize() { return this.words.getUint32(SENSE_SIZE, true); }
  private get cdbSize() { return this.words.getUint32(CDB_SIZE, true); }
  private setSizes(sense: number, cdb: number) {
    this.words.setUint32(SENSE_SIZE, sense, true);
    this.words.setUint32(CDB_SIZE, cdb, true);
  }

  /** Also resets what hangs on it: trays are closed and unlocked. */
  stop(): void {
    this.underWay = new Map();
    this.missedEvents = false;
    this.setSizes(96, 32);
    for (const unit of this.units) unit?.reset();
  }

  reset(): void { this.stop(); }

  save(): VirtioScsiState {
    const { senseSize, cdbSize, missedEvents } = this;
    return { underWay: [...this.underWay.keys()].map(({ queue, head, ends = null, answer = null }) => ({ queue, head, ends, answer })), senseSize, cdbSize, missedEvents, units: this.units.map(unit => unit?.save() ?? null) };
  }

  restore(state: VirtioScsiState): void {
    this.underWay = new Map();
    this.missedEvents = state.missedEvents;
    this.setSizes(state.senseSize, state.cdbSize);
    state.units.forEach((unit, target) => { if (unit !== null) this.units[target]?.restore(unit); });
    for (const { queue, head, ends, answer } of state.underWay) {
      const chain = this.port.queue(queue).chainAt(head);
      if (chain === undefined) continue;
      if (answer === null) this.command(queue, chain, ends ?? undefined);
      else this.answerAfter([...this.underWay.keys()].filter(work => work.ends !== undefined), { queue, head, answer }, chain.writable);
    }
  }
}

/** The 8 bytes of a logical unit's address, which a request begins with. */
const addressOf = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 8)).toString('hex');
/** -1 when it is not of the form that this device takes. */
const targetOf = (address: string): number => (address.startsWith('01') ? parseInt(address.slice(2, 4), 16) : -1);
const unitOf = (address: string): number => parseInt(address.slice(4, 8), 16) & 0x3fff;
