/**
 * System MMU (IHI 0070, SMMUv3.2): translates what devices do in memory by tables that the guest keeps for each stream.
 * Commands run at once. Left out: substreams, stalls, ATS and PRI, TTBR1, Secure and Realm state, performance counters.
 */
import type { Dma } from '../../memory/dma.ts';
import type { GuestErrorSink, Region } from '../../memory/region.ts';
import { constant, registerFrame, type Device, type Line, type Register } from '../device.ts';
import { CERROR, COMMAND_BYTES, runCommand } from './commands.ts';
import { EVENT_BYTES, eventRecord, type Event } from './events.ts';
import { Stream } from './stream.ts';
import { OUTPUT_ADDRESS_SIZE, streamConfig, type Context, type StreamConfig } from './stream-tables.ts';

const STREAM_BITS = 16, QUEUE_BITS = 10;

// Stages 2 and 1, AArch64 tables, coherent; 16-bit ASID and VMID; MSI and SEV; little-endian; no stall; 2-level stream table.
const IDR0 = 1 << 0 | 1 << 1 | 2 << 2 | 1 << 4 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 18 | 2 << 21 | 1 << 24 | 1 << 27;
const IDR1 = STREAM_BITS | QUEUE_BITS << 16 | QUEUE_BITS << 21;
const IDR3 = 1 << 2 | 1 << 10;                 // hierarchical attributes can be disabled; range invalidation
const IDR5 = OUTPUT_ADDRESS_SIZE | 7 << 4;     // all three granules

const SMMU_ENABLE = 1 << 0, EVENTS_ENABLE = 1 << 2, COMMANDS_ENABLE = 1 << 3, CR0_BITS = 0x1f;
const ABORT = 1 << 20, UPDATE = 1 << 31;
const IRQ_GERROR = 1 << 0, IRQ_EVENTS = 1 << 2, IRQ_BITS = 7;
const GERROR_COMMANDS = 1 << 0, GERROR_EVENTS = 1 << 2, GERROR_MSI_COMMANDS = 1 << 4, GERROR_MSI_EVENTS = 1 << 5, GERROR_MSI = 1 << 7;
const OVERFLOW = 0x8000_0000;

const KEYS = {
  cr0: 1, cr1: 1, cr2: 1, gbpa: 1, irqCtrl: 1, gerror: 1, gerrorn: 1, gerrorMsi: 4, strtabBase: 2, strtabCfg: 1,
  cmdqBase: 2, cmdqProd: 1, cmdqCons: 1, eventqBase: 2, eventqProd: 1, eventqCons: 1, eventqMsi: 4,
} as const;
type Key = keyof typeof KEYS;
/** The words of each register. */
export type SmmuState = Record<Key, number[]>;
const resetState = (): SmmuState => Object.fromEntries(Object.entries(KEYS).map(([key, words]) => [key, new Array<number>(words).fill(0)])) as SmmuState;

const plain = (at: number, name: string, key: Key, mask = 0xffff_ffff): Register<Smmu> =>
  ({ at, name, count: KEYS[key], read: (d, word) => d.now[key][word]!, write: (d, value, word) => d.set(key, word, (value & mask) >>> 0) });

const REGISTERS: readonly Register<Smmu>[] = [
  constant(0x000, 'SMMU_IDR0', IDR0), constant(0x004, 'SMMU_IDR1', IDR1), constant(0x008, 'SMMU_IDR2'), constant(0x00c, 'SMMU_IDR3', IDR3),
  constant(0x010, 'SMMU_IDR4'), constant(0x014, 'SMMU_IDR5', IDR5), constant(0x018, 'SMMU_IIDR', 0x43b), constant(0x01c, 'SMMU_AIDR', 2),
  plain(0x020, 'SMMU_CR0', 'cr0', CR0_BITS),
  { at: 0x024, name: 'SMMU_CR0ACK', read: (d) => d.now.cr0[0]!, write: () => {} },
  plain(0x028, 'SMMU_CR1', 'cr1'), plain(0x02c, 'SMMU_CR2', 'cr2'), constant(0x040, 'SMMU_STATUSR'),
  { at: 0x044, name: 'SMMU_GBPA', read: (d) => d.now.gbpa[0]!, write: (d, value) => { if ((value & UPDATE) !== 0) d.set('gbpa', 0, (value & ~UPDATE) >>> 0); } },
  plain(0x050, 'SMMU_IRQ_CTRL', 'irqCtrl', IRQ_BITS),
  { at: 0x054, name: 'SMMU_IRQ_CTRLACK', read: (d) => d.now.irqCtrl[0]!, write: () => {} },
  { at: 0x060, name: 'SMMU_GERROR', read: (d) => d.now.gerror[0]!, write: () => {} },
  plain(0x064, 'SMMU_GERRORN', 'gerrorn'),
  plain(0x068, 'SMMU_GERROR_IRQ_CFG', 'gerrorMsi'),
  plain(0x080, 'SMMU_STRTAB_BASE', 'strtabBase'), plain(0x088, 'SMMU_STRTAB_BASE_CFG', 'strtabCfg'),
  plain(0x090, 'SMMU_CMDQ_BASE', 'cmdqBase'), plain(0x098, 'SMMU_CMDQ_PROD', 'cmdqProd'), plain(0x09c, 'SMMU_CMDQ_CONS', 'cmdqCons'),
  plain(0x0a0, 'SMMU_EVENTQ_BASE', 'eventqBase'), plain(0x0b0, 'SMMU_EVENTQ_IRQ_CFG', 'eventqMsi'),
  constant(0xfd0, 'SMMU_ID', 0, 12),
  plain(0x1_00a8, 'SMMU_EVENTQ_PROD', 'eventqProd'), plain(0x1_00ac, 'SMMU_EVENTQ_CONS', 'eventqCons'),
];

export interface SmmuIo {
  /** Where tables and queues are. */
  readonly tables: Dma;
  /** Memory behind the SMMU, for each stream. */
  readonly memoryFor: (stream: number) => Dma;
  readonly lines: { readonly events: Line; readonly sync: Line; readonly errors: Line };
  readonly guestError: GuestErrorSink;
}

interface Queue { readonly base: number; readonly entries: number }

export class Smmu implements Device<SmmuState> {
  readonly name = 'smmu';
  readonly regions: { readonly registers: Region };
  private readonly io: SmmuIo;
  private readonly streams = new Map<number, Stream>();
  private state = resetState();

  constructor(io: SmmuIo) {
    this.io = io;
    this.regions = { registers: registerFrame<Smmu>(this, REGISTERS, io.guestError) };
  }

  get now(): Readonly<SmmuState> { return this.state; }

  /** Memory as a stream's device sees it. */
  dmaFor(stream: number): Dma {
    let found = this.streams.get(stream);
    if (found === undefined) {
      found = new Stream({ memory: this.io.memoryFor(stream), tables: this.io.tables, config: () => this.configOf(stream), record: (event) => this.record(stream, event) });
      this.streams.set(stream, found);
    }
    return found;
  }

  set(key: Key, word: number, value: number): void {
    const before = this.state[key][word]!;
    this.state[key][word] = value;
    if (key === 'gbpa' || (key === 'cr0' && ((before ^ value) & SMMU_ENABLE) !== 0)) this.forgetStreams(0, 2 ** STREAM_BITS);
    if (key === 'cmdqProd' || key === 'cr0' || key === 'gerrorn') this.runCommands();
  }

  forgetStreams(first: number, count: number): void {
    for (const [id, stream] of this.streams) if (id >= first && id < first + count || count === 2 ** 32) stream.forgetConfig();
  }

  forget(isMeant: (context: Context) => boolean, range?: { readonly from: number; readonly length: number }): void {
    for (const stream of this.streams.values()) stream.forget(isMeant, range);
  }

  /** CMD_SYNC is complete: a message, or the wire where there is no address. */
  synced(address: number, data: number): void {
    if (address === 0) pulse(this.io.lines.sync);
    else if (!this.io.tables.store(address, 4, data)) this.raise(GERROR_MSI_COMMANDS);
  }

  private configOf(stream: number): StreamConfig {
    if ((this.state.cr0[0]! & SMMU_ENABLE) === 0) return { kind: (this.state.gbpa[0]! & ABORT) !== 0 ? 'abort' : 'bypass' };
    const cfg = this.state.strtabCfg[0]!;
    return streamConfig({
      base: addressIn(this.state.strtabBase, 0x3f), log2Size: Math.min(cfg & 0x3f, STREAM_BITS), split: cfg >>> 6 & 0x1f, format: cfg >>> 16 & 3,
    }, this.io.tables, stream);
  }

  private get commandError() { return ((this.state.gerror[0]! ^ this.state.gerrorn[0]!) & GERROR_COMMANDS) !== 0; }

  private runCommands() {
    const { base, entries } = queueOf(this.state.cmdqBase), wrap = 2 * entries - 1, { cmdqProd: [producer], cmdqCons: consumer } = this.state;
    while ((this.state.cr0[0]! & COMMANDS_ENABLE) !== 0 && !this.commandError && ((producer! ^ consumer[0]!) & wrap) !== 0) {
      const index = consumer[0]! & wrap, bytes = new Uint8Array(COMMAND_BYTES), isRead = this.io.tables.read(base + COMMAND_BYTES * (index % entries), bytes);
      if (!isRead) return this.stopCommands(index, CERROR.ABT);
      if (!runCommand(this, bytes)) return this.stopCommands(index, CERROR.ILL);
      consumer[0] = index + 1 & wrap;
    }
  }

  /** The consumer stays at the command, and says what is wrong with it. */
  private stopCommands(index: number, error: number) {
    this.state.cmdqCons[0] = index | error << 24;
    this.io.guestError(`${this.name}: command error ${error}`);
    this.raise(GERROR_COMMANDS);
  }

  /** Puts a record into the event queue, if there is one and it is not full. */
  private record(stream: number, event: Event) {
    this.io.guestError(`${this.name}: event ${event.type} of stream ${stream}`);
    if ((this.state.cr0[0]! & EVENTS_ENABLE) === 0) return;
    const { base, entries } = queueOf(this.state.eventqBase), wrap = 2 * entries - 1, { eventqProd: producer, eventqCons: [consumer] } = this.state;
    if (((producer[0]! ^ consumer!) & wrap) === entries) {
      if (((producer[0]! ^ consumer!) & OVERFLOW) === 0) producer[0] = (producer[0]! ^ OVERFLOW) >>> 0;
      return;
    }
    if (!this.io.tables.write(base + EVENT_BYTES * (producer[0]! % entries), eventRecord(stream, event))) return this.raise(GERROR_EVENTS);
    const wasEmpty = ((producer[0]! ^ consumer!) & wrap) === 0;
    producer[0] = ((producer[0]! & OVERFLOW) | (producer[0]! + 1 & wrap)) >>> 0;
    if (wasEmpty && (this.state.irqCtrl[0]! & IRQ_EVENTS) !== 0) this.interrupt(this.state.eventqMsi, this.io.lines.events, GERROR_MSI_EVENTS);
  }

  /** An error is active while its bits in GERROR and GERRORN differ. */
  private raise(error: number) {
    const { gerror, gerrorn: [acknowledged], irqCtrl: [enabled] } = this.state;
    if (((gerror[0]! ^ acknowledged!) & error) !== 0) return;
    gerror[0] = (gerror[0]! ^ error) >>> 0;
    if ((enabled! & IRQ_GERROR) !== 0) this.interrupt(this.state.gerrorMsi, this.io.lines.errors, GERROR_MSI);
  }

  private interrupt(message: readonly number[], line: Line, error: number) {
    const address = addressIn(message, 3);
    if (address === 0) pulse(line);
    else if (!this.io.tables.store(address, 4, message[2]!) && error !== GERROR_MSI) this.raise(error);
  }

  reset(): void { this.restore(resetState()); }
  save(): SmmuState { return structuredClone(this.state); }
  restore(state: SmmuState): void {
    this.state = structuredClone(state);
    this.forgetStreams(0, 2 ** STREAM_BITS);
  }
}

const addressIn = (words: readonly number[], attributes: number) => (words[1]! & 0xf_ffff) * 2 ** 32 + ((words[0]! & ~attributes) >>> 0);

function queueOf(words: readonly number[]): Queue {
  return { base: addressIn(words, 0x1f), entries: 2 ** Math.min(words[0]! & 0x1f, QUEUE_BITS) };
}

function pulse(line: Line) {
  line.set(true);
  line.set(false);
}
