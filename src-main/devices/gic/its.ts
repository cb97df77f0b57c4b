/**
 * The Interrupt Translation Service (IHI 0069, chapter 5 and 12.18 to 12.20): (DeviceID, EventID) to LPI and CPU, as the
 * guest's commands said. The tables that the guest gives memory for are kept here instead; their sizes bound what it can
 * map. Commands run at once, and a bad one is skipped and counted. Left out: virtual LPIs, and messages from the CPU.
 */
import type { Dma } from '../../memory/dma.ts';
import { hex, type GuestErrorSink, type Region } from '../../memory/region.ts';
import { constant, identification, registerFrame, type Register } from '../device.ts';
import { IIDR_ARM, peripheralId } from './distributor.ts';
import { runCommand } from './its-commands.ts';
import type { Lpis } from './lpis.ts';
import type { Wide } from './redistributor.ts';

const ENABLED = 1 << 0;
const QUIESCENT = 1 << 31;
const VALID = 1 << 31;          // bit 63 of CBASER and BASER<n>
const INDIRECT = 1 << 30;       // bit 62 of BASER<n>
const COMMAND_BYTES = 32;
const ENTRY_BYTES = 8;
const ID_BITS = 16;
const PAGE_BYTES = [0x1000, 0x4000, 0x10000, 0x10000] as const;

// GITS_TYPER: physical LPIs, 8-byte translation entries, 16 bits of EventID and of DeviceID, CPUs by number.
const TYPER_LOW = 1 | (ENTRY_BYTES - 1) << 4 | (ID_BITS - 1) << 8 | (ID_BITS - 1) << 13;

/** GITS_BASER<n>.Type and Entry_Size, which are fixed: devices, then collections. */
const BASER_FIXED = [1 << 24 | (ENTRY_BYTES - 1) << 16, 4 << 24 | (ENTRY_BYTES - 1) << 16] as const;
const BASER_FIXED_BITS = 0x071f_0000;

const REGISTERS: readonly Register<Its>[] = [
  { at: 0x0000, name: 'GITS_CTLR', read: (d) => QUIESCENT | Number(d.enabled), write: (d, value) => d.enable((value & ENABLED) !== 0) },
  constant(0x0004, 'GITS_IIDR', IIDR_ARM),
  constant(0x0008, 'GITS_TYPER', TYPER_LOW),
  constant(0x000c, 'GITS_TYPER (high)'),
  { at: 0x0080, name: 'GITS_CBASER', count: 2, read: (d, word) => d.now.cbaser[word]!, write: (d, value, word) => d.setQueue(word, value) },
  { at: 0x0088, name: 'GITS_CWRITER', read: (d) => d.now.cwriter, write: (d, value) => d.setWriter(value & 0xf_ffe0) },
  constant(0x008c, 'GITS_CWRITER (high)'),
  { at: 0x0090, name: 'GITS_CREADR', read: (d) => d.now.creadr, write: () => {} },
  constant(0x0094, 'GITS_CREADR (high)'),
  { at: 0x0100, name: 'GITS_BASER', count: 4, read: (d, index) => d.base(index), write: (d, value, index) => d.setBase(index, value) },
  constant(0x0110, 'GITS_BASER (unused)', 0, 12),
  identification(0xffd0, 'GITS_PIDR', peripheralId(0x94)),
];

/** What a device's events are translated to. */
export interface ItsDevice { readonly eventCount: number; readonly events: Map<number, ItsEvent> }
export interface ItsEvent { readonly intid: number; collection: number }

export interface ItsState {
  enabled: boolean;
  cbaser: Wide;
  cwriter: number;
  creadr: number;
  basers: [Wide, Wide];
  devices: Map<number, ItsDevice>;
  /** CPU of each collection. */
  collections: Map<number, number>;
}

const resetState = (): ItsState => ({
  enabled: false, cbaser: [0, 0], cwriter: 0, creadr: 0, basers: [[0, BASER_FIXED[0]], [0, BASER_FIXED[1]]],
  devices: new Map(), collections: new Map(),
});

export interface ItsIo { readonly dma: Dma; readonly lpis: Lpis; readonly cpus: number; readonly guestError: GuestErrorSink }

export class Its {
  readonly name = 'gic its';
  /** The control frame and, 64 KiB above it, the one with GITS_TRANSLATER. */
  readonly frames: Region;
  readonly io: ItsIo;
  private state = resetState();

  constructor(io: ItsIo) {
    this.io = io;
    this.frames = registerFrame<Its>(this, REGISTERS, io.guestError);
  }

  get now(): Readonly<ItsState> { return this.state; }
  get enabled(): boolean { return this.state.enabled; }

  /** A device wrote `event` to GITS_TRANSLATER. */
  signal(device: number, event: number): void {
    const found = this.state.devices.get(device)?.events.get(event);
    if (!this.state.enabled || found === undefined || !this.state.collections.has(found.collection)) {
      return this.io.guestError(`${this.name}: event ${hex(event)} of device ${hex(device)} goes nowhere`);
    }
    this.io.lpis.raise(found.intid);
  }

  /** Whether a table has room for an entry: 0 for devices, 1 for collections. */
  tableHolds(table: 0 | 1, id: number): boolean {
    const [low, high] = this.state.basers[table];
    if ((high & VALID) === 0 || id >= 2 ** ID_BITS) return false;
    const pageBytes = PAGE_BYTES[low >>> 8 & 3]!;
    const tableBytes = ((low & 0xff) + 1) * pageBytes;
    if ((high & INDIRECT) === 0) return (id + 1) * ENTRY_BYTES <= tableBytes;
    const at = Math.floor(id / (pageBytes / ENTRY_BYTES)) * ENTRY_BYTES;
    const entry = this.io.dma.load((high & 0xffff) * 2 ** 32 + ((low & 0xffff_f000) >>> 0) + at + 4, 4);
    return at < tableBytes && ((entry ?? 0) & VALID) !== 0;
  }

  enable(on: boolean): void { this.state.enabled = on; this.runQueue(); }

  setQueue(word: number, value: number): void {
    if (this.state.enabled) return this.io.guestError(`${this.name}: GITS_CBASER written while enabled`);
    this.state.cbaser[word] = value;
    this.state.creadr = 0;
  }

  setWriter(offset: number): void {
    if (offset >= this.queueBytes) return this.io.guestError(`${this.name}: GITS_CWRITER is beyond the queue`);
    this.state.cwriter = offset;
    this.runQueue();
  }

  base(index: number): number { return this.state.basers[index >> 1]![index & 1]!; }

  /** A table that is taken away takes its entries with it. */
  setBase(index: number, value: number): void {
    if (this.state.enabled) return this.io.guestError(`${this.name}: GITS_BASER written while enabled`);
    const table = index >> 1;
    const high = (index & 1) !== 0;
    this.state.basers[table]![index & 1] = high ? value & ~BASER_FIXED_BITS | BASER_FIXED[table]! : value;
    if (high && (value & VALID) === 0) (table === 0 ? this.state.devices : this.state.collections).clear();
  }

  private get queueBytes() { return ((this.state.cbaser[0] & 0xff) + 1) * 0x1000; }

  private runQueue() {
    const [low, high] = this.state.cbaser;
    const base = (high & 0xf_ffff) * 2 ** 32 + ((low & 0xffff_f000) >>> 0);
    while (this.state.enabled && (high & VALID) !== 0 && this.state.creadr !== this.state.cwriter) {
      const bytes = new Uint8Array(COMMAND_BYTES), isRead = this.io.dma.read(base + this.state.creadr, bytes);
      this.state.creadr = (this.state.creadr + COMMAND_BYTES) % this.queueBytes;
      const problem = isRead ? runCommand(this, bytes) : 'the command queue is not in memory';
      if (problem !== undefined) this.io.guestError(`${this.name}: ${problem}`);
    }
  }

  reset(): void { this.state = resetState(); }
  save(): ItsState { return structuredClone(this.state); }
  restore(state: ItsState): void { this.state = structuredClone(state); }
}
