/**
 * Arm PrimeCell UART PL011 (DDI 0183, chapter 3), with a line that is infinitely fast: what is sent has gone as soon as
 * the reader takes it, and the receive timeout elapses at once. Behind the receive FIFO waits a queue as long as need
 * be, so a paste loses nothing. Bytes are sent whether or not the UART is enabled, since software made for QEMU's
 * `virt` relies on it. Left out: DMA, IrDA, modem status changes, and line errors, which cannot happen here.
 */
import type { GuestErrorSink, Region } from '../../memory/region.ts';
import { constant, identification, registerFrame, type Device, type Line, type Register } from '../device.ts';

const FIFO_DEPTH = 16;

// UARTFR
const FR_CTS = 1 << 0;
const FR_DSR = 1 << 1;
const FR_DCD = 1 << 2;
const FR_BUSY = 1 << 3;
const FR_RXFE = 1 << 4;
const FR_TXFF = 1 << 5;
const FR_RXFF = 1 << 6;
const FR_TXFE = 1 << 7;

const LCR_FEN = 1 << 4;
const CR_UARTEN = 1 << 0;
const CR_LBE = 1 << 7;
const CR_RXE = 1 << 9;

// Bits of UARTRIS, UARTMIS, UARTIMSC and UARTICR.
const INT_RX = 1 << 4;
const INT_TX = 1 << 5;
const INT_RT = 1 << 6;

/** FIFO levels that a field of UARTIFLS selects; the reserved encodings act as the last one. */
const TRIGGER = [2, 4, 8, 12, 14, 14, 14, 14] as const;

export interface Pl011State {
  ibrd: number;
  fbrd: number;
  lcr: number;
  cr: number;
  ifls: number;
  imsc: number;
  ris: number;
  dmacr: number;
  ilpr: number;
  receiveFifo: number[];
  /** What was typed and does not fit the FIFO yet. */
  input: Uint8Array;
  /** What the guest sent and the reader has not taken. */
  transmitFifo: number[];
  transmitReady: boolean;
}

const resetState = (): Pl011State => ({
  ibrd: 0, fbrd: 0, lcr: 0, cr: 0x300, ifls: 0x12, imsc: 0, ris: 0, dmacr: 0, ilpr: 0,
  receiveFifo: [], input: new Uint8Array(0), transmitFifo: [], transmitReady: true,
});

type Plain = 'ibrd' | 'fbrd' | 'cr' | 'ifls' | 'imsc' | 'dmacr' | 'ilpr';
const plain = (at: number, name: string, key: Plain, mask: number): Register<Pl011> =>
  ({ at, name, read: (d) => d.get(key), write: (d, value) => d.set(key, value & mask) });

const REGISTERS: readonly Register<Pl011>[] = [
  { at: 0x000, name: 'UARTDR', read: (d) => d.receive(), write: (d, value) => d.send(value & 0xff) },
  constant(0x004, 'UARTRSR'),
  { at: 0x018, name: 'UARTFR', read: (d) => d.flags },
  plain(0x020, 'UARTILPR', 'ilpr', 0xff),
  plain(0x024, 'UARTIBRD', 'ibrd', 0xffff),
  plain(0x028, 'UARTFBRD', 'fbrd', 0x3f),
  { at: 0x02c, name: 'UARTLCR_H', read: (d) => d.lineControl, write: (d, value) => d.setLineControl(value & 0xff) },
  plain(0x030, 'UARTCR', 'cr', 0xff87),
  plain(0x034, 'UARTIFLS', 'ifls', 0x3f),
  plain(0x038, 'UARTIMSC', 'imsc', 0x7ff),
  { at: 0x03c, name: 'UARTRIS', read: (d) => d.raised },
  { at: 0x040, name: 'UARTMIS', read: (d) => d.raised & d.get('imsc') },
  { at: 0x044, name: 'UARTICR', write: (d, value) => d.clearInterrupts(value) },
  plain(0x048, 'UARTDMACR', 'dmacr', 0x7),
  identification(0xfe0, 'UARTPeriphID', [0x11, 0x10, 0x14, 0x00]),
  identification(0xff0, 'UARTPCellID', [0x0d, 0xf0, 0x05, 0xb1]),
];

export interface Pl011Io {
  readonly line: Line;
  /** Takes one byte that the guest sent. */
  readonly transmit: (byte: number) => void;
  readonly guestError: GuestErrorSink;
}

export class Pl011 implements Device<Pl011State> {
  readonly name = 'pl011';
  readonly regions: { readonly registers: Region };
  private readonly io: Pl011Io;
  private state = resetState();

  constructor(io: Pl011Io) {
    this.io = io;
    this.regions = { registers: registerFrame(this, REGISTERS, io.guestError) };
  }

  /** Something typed at the other end of the line. */
  type(bytes: Uint8Array): void {
    const { input } = this.state;
    const longer = new Uint8Array(input.length + bytes.length);
    longer.set(input);
    longer.set(bytes, input.length);
    this.state.input = longer;
    this.fillReceiveFifo();
  }

  /** Whether the reader takes more output; while it does not, the transmit FIFO fills. */
  setTransmitReady(ready: boolean): void {
    this.state.transmitReady = ready;
    this.drainTransmitFifo();
    this.sync();
  }

  get flags(): number {
    const { receiveFifo, transmitFifo } = this.state;
    let flags = FR_CTS | FR_DSR | FR_DCD;
    if (receiveFifo.length === 0) flags |= FR_RXFE;
    if (receiveFifo.length >= this.depth) flags |= FR_RXFF;
    if (transmitFifo.length >= this.depth) flags |= FR_TXFF;
    return flags | (transmitFifo.length === 0 ? FR_TXFE : FR_BUSY);
  }

  get raised(): number { return this.state.ris; }
  get lineControl(): number { return this.state.lcr; }
  get(key: Plain): number { return this.state[key]; }

  set(key: Plain, value: number): void {
    this.state[key] = value;
    this.fillReceiveFifo();
  }

  /** Turning the FIFOs on or off empties them; what was received starts again from the queue, so it is not lost. */
  setLineControl(value: number): void {
    if (((this.state.lcr ^ value) & LCR_FEN) !== 0) {
      this.state.input = Uint8Array.from([...this.state.receiveFifo, ...this.state.input]);
      this.state.receiveFifo = [];
    }
    this.state.lcr = value;
    this.fillReceiveFifo();
  }

  receive(): number {
    const byte = this.state.receiveFifo.shift() ?? 0;
    if (this.state.receiveFifo.length < this.receiveTrigger) this.state.ris &= ~INT_RX;
    if (this.state.receiveFifo.length === 0) this.state.ris &= ~INT_RT;
    this.fillReceiveFifo();
    return byte;
  }

  send(byte: number): void {
    const { transmitFifo } = this.state;
    if (transmitFifo.length >= this.depth) return this.io.guestError('pl011: sent into a full FIFO');
    transmitFifo.push(byte);
    if (transmitFifo.length > this.transmitTrigger) this.state.ris &= ~INT_TX;
    this.drainTransmitFifo();
    this.sync();
  }

  clearInterrupts(bits: number): void {
    this.state.ris &= ~bits;
    this.sync();
  }

  private get depth() { return (this.state.lcr & LCR_FEN) !== 0 ? FIFO_DEPTH : 1; }
  private get transmitTrigger() { return this.depth === 1 ? 0 : TRIGGER[this.state.ifls & 7]!; }
  private get receiveTrigger() { return this.depth === 1 ? 1 : TRIGGER[this.state.ifls >> 3 & 7]!; }
  private get receiving() { return (this.state.cr & (CR_UARTEN | CR_RXE)) === (CR_UARTEN | CR_RXE); }

  private fillReceiveFifo() {
    const { receiveFifo, input } = this.state;
    const taken = this.receiving ? Math.min(this.depth - receiveFifo.length, input.length) : 0;
    if (taken > 0) {
      for (const byte of input.subarray(0, taken)) receiveFifo.push(byte);
      this.state.input = input.subarray(taken);
      this.state.ris |= INT_RT;
      if (receiveFifo.length >= this.receiveTrigger) this.state.ris |= INT_RX;
    }
    this.sync();
  }

  private drainTransmitFifo() {
    const { transmitFifo, transmitReady, cr } = this.state;
    if (!transmitReady || transmitFifo.length === 0) return;
    const bytes = transmitFifo.splice(0);
    this.state.ris |= INT_TX;
    if ((cr & CR_LBE) !== 0) this.type(Uint8Array.from(bytes));
    else for (const byte of bytes) this.io.transmit(byte);
  }

  private sync() { this.io.line.set((this.state.ris & this.state.imsc) !== 0); }

  reset(): void { this.state = resetState(); this.sync(); }
  save(): Pl011State { return structuredClone({ ...this.state, input: this.state.input.slice() }); }
  restore(state: Pl011State): void { this.state = structuredClone(state); this.sync(); }
}
