/**
 * The Generic Watchdog of Arm's servers (BSA 1.0, appendix on the Generic Watchdog, DEN 0094; before that SBSA, DEN 0029). It compares the
 * system counter, as the guest reads it, with WCV: when the counter is past it, WS0 rises, its interrupt, and WCV is set to one offset (WOR,
 * in ticks) from then; when that has passed too, WS1 rises, which resets the machine. A write of WRR, WCS or WOR is a refresh.
 * Of revision 1, as usual, WOR has 48 bits: with the 32 of revision 0 a stage lasts 4 s at most with a counter of 1 GHz.
 *
 * WCS.WS1 stays set over the reset that it asked for, so that software sees why it starts, until a refresh by the guest or a power cycle.
 * A boot loader on the host's side, which arms the watchdog by `arm`, leaves it alone. A counter that is late, as its thread had
 * no CPU, still gives the guest the whole second stage. When the counter jumps, WCV goes with it: nobody lived through that time.
 */
import type { GuestErrorSink, Region } from '../../memory/region.ts';
import type { Alarm, Clock } from '../../time/clock.ts';
import type { SystemCounter } from '../../time/system-counter.ts';
import { registerFrame, type Device, type Line, type Register } from '../device.ts';

const EN = 1, WS0 = 2, WS1 = 4;
/** Of Arm; the architecture's version is above. */
const W_IIDR = 0x0000_043b, VERSION_SHIFT = 16;
const WORD = 2 ** 32, HIGH_OFFSET_MASK = 0xffff;

export interface SbsaGwdtState {
  enabled: boolean;
  ws0: boolean;
  ws1: boolean;
  /** The machine was reset by WS1, and nobody has refreshed it since. */
  hasReset: boolean;
  /** WOR, in ticks; 48 bits. */
  offset: number;
  /** WCV, less the count; on whatever machine it is restored, so much is left. */
  left: bigint;
}

const RESET: Omit<SbsaGwdtState, 'left'> = { enabled: false, ws0: false, ws1: false, hasReset: false, offset: 0 };

const identity: Register<SbsaGwdt> = { at: 0xfcc, name: 'W_IIDR', read: (d) => W_IIDR | d.revision << VERSION_SHIFT, write: () => {} };
const REFRESH: readonly Register<SbsaGwdt>[] = [
  { at: 0x000, name: 'WRR', read: () => 0, write: (d) => d.guestRefresh() },
  identity,
];
const CONTROL: readonly Register<SbsaGwdt>[] = [
  { at: 0x000, name: 'WCS', read: (d) => d.status, write: (d, value) => d.guestControl((value & EN) !== 0) },
  { at: 0x008, name: 'WOR[31:0]', read: (d) => d.offset % WORD, write: (d, value) => d.guestOffset(Math.floor(d.offset / WORD), value) },
  { at: 0x00c, name: 'WOR[47:32]', read: (d) => Math.floor(d.offset / WORD), write: (d, value) => { if (d.revision > 0) d.guestOffset(value & HIGH_OFFSET_MASK, d.offset % WORD); } },
  { at: 0x010, name: 'WCV[31:0]', read: (d) => Number(BigInt.asUintN(32, d.compare)), write: (d, value) => d.guestCompare(BigInt.asUintN(64, d.compare) >> 32n << 32n | BigInt(value)) },
  { at: 0x014, name: 'WCV[63:32]', read: (d) => Number(BigInt.asUintN(32, d.compare >> 32n)), write: (d, value) => d.guestCompare(BigInt(value) << 32n | BigInt.asUintN(32, d.compare)) },
  identity,
];

export interface SbsaGwdtIo {
  /** 1 when absent. */
  readonly revision?: 0 | 1 | undefined;
  readonly clock: Clock;
  readonly counter: SystemCounter;
  readonly ws0: Line;
  /** Resets the machine when it rises. */
  readonly ws1: Line;
  readonly guestError: GuestErrorSink;
}

export class SbsaGwdt implements Device<SbsaGwdtState> {
  readonly name = 'sbsa-gwdt';
  readonly regions: { readonly refresh: Region; readonly control: Region };
  /** The guest refreshed, armed or disarmed it. */
  used: () => void = () => {};
  private readonly io: SbsaGwdtIo;
  private readonly alarm: Alarm;
  private state = { ...RESET };
  /** WCV. */
  private at = 0n;

  constructor(io: SbsaGwdtIo) {
    this.io = io;
    this.regions = { refresh: registerFrame(this, REFRESH, io.guestError), control: registerFrame(this, CONTROL, io.guestError) };
    this.alarm = io.clock.alarm(this.name, () => this.sync());
  }

  get revision(): 0 | 1 { return this.io.revision ?? 1; }

  /** WCS. */
  get status(): number {
    this.sync();
    const { enabled, ws0, ws1, hasReset } = this.state;
    return (enabled ? EN : 0) | (ws0 ? WS0 : 0) | (ws1 || hasReset ? WS1 : 0);
  }
  get offset(): number { return this.state.offset; }
  get compare(): bigint { this.sync(); return this.at; }
  /** The first stage is over. */
  get isLate(): boolean { return this.state.ws0; }

  /** Until the machine is reset, in ns of the guest's own time, if nobody refreshes it; undefined of one that is not armed. */
  get leftNs(): number | undefined {
    const { enabled, ws0, ws1, offset } = this.state, { counter } = this.io;
    if (!enabled) return undefined;
    return ws1 ? 0 : Math.max(0, Number(this.at - counter.count) + (ws0 ? 0 : offset)) * 1e9 / counter.hz;
  }

  guestRefresh(): void { this.refresh({ hasReset: false }); this.used(); }
  guestControl(enabled: boolean): void { this.refresh({ enabled, hasReset: false }); this.used(); }
  guestOffset(high: number, low: number): void { this.refresh({ offset: high * WORD + low, hasReset: false }); this.used(); }
  guestCompare(at: bigint): void {
    this.at = at;
    this.sync();
  }

  /** For who loads the guest: it resets the machine after so long without a refresh, in ns of the guest's own time, half of it for each stage. */
  arm(timeoutNs: number): void { this.refresh({ enabled: true, offset: Math.min(2 ** (this.revision > 0 ? 48 : 32) - 1, Math.max(1, Math.round(timeoutNs / 2 * this.io.counter.hz / 1e9))) }); }
  rearm(): void { this.refresh({}); }
  disarm(): void { this.refresh({ enabled: false }); }

  /** The counter goes another way from now on, or made a step of so many ticks. */
  counterMoved(ticks: bigint): void {
    this.at += ticks;
    this.sync();
  }

  /** After a reset that WS1 brought about. */
  noteReset(): void { this.state.hasReset = true; }

  private refresh(change: Partial<SbsaGwdtState>) {
    this.state = { ...this.state, ...change, ws0: false, ws1: false };
    if (this.state.enabled) this.at = this.io.counter.count + BigInt(this.state.offset);
    this.sync();
  }

  private sync() {
    const { state, io } = this;
    if (state.enabled && !state.ws1 && io.counter.count > this.at) {
      state.ws1 = state.ws0;
      state.ws0 = true;
      if (!state.ws1) this.at = io.counter.count + BigInt(state.offset);
    }
    io.ws0.set(state.ws0);
    io.ws1.set(state.ws1);
    if (state.enabled && !state.ws1) this.alarm.set(io.counter.nsAt(this.at + 1n));
    else this.alarm.clear();
  }

  reset(): void {
    this.state = { ...RESET };
    this.at = 0n;
    this.sync();
  }
  save(): SbsaGwdtState { return { ...this.state, left: this.at - this.io.counter.count }; }
  restore({ left, ...state }: SbsaGwdtState): void {
    this.state = { ...state };
    this.at = this.io.counter.count + left;
    this.sync();
  }
}
