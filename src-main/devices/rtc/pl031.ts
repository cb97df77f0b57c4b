/**
 * Arm PrimeCell real-time clock PL031 (DDI 0224). It counts the seconds of the outside world, as a clock with a battery
 * does, also while the machine is stopped; the guest may set it to another time.
 */
import type { GuestErrorSink, Region } from '../../memory/region.ts';
import type { Alarm, Clock } from '../../time/clock.ts';
import { identification, registerFrame, type Device, type Line, type Register } from '../device.ts';

const NS_PER_MS = 1_000_000;

export interface Pl031State {
  /** Seconds that the guest's clock is ahead of the outside world, modulo 2^32. */
  ahead: number;
  load: number;
  match: number;
  /** When the outside world's clock brings the match, if one is to come. */
  matchWallMs: number | null;
  raised: boolean;
  imsc: number;
}

const RESET: Pl031State = { ahead: 0, load: 0, match: 0, matchWallMs: null, raised: false, imsc: 0 };

const REGISTERS: readonly Register<Pl031>[] = [
  { at: 0x000, name: 'RTCDR', read: (d) => d.seconds },
  { at: 0x004, name: 'RTCMR', read: (d) => d.now.match, write: (d, value) => d.setMatch(value) },
  { at: 0x008, name: 'RTCLR', read: (d) => d.now.load, write: (d, value) => d.setTime(value) },
  // Once started it cannot be stopped.
  { at: 0x00c, name: 'RTCCR', read: () => 1, write: () => {} },
  { at: 0x010, name: 'RTCIMSC', read: (d) => d.now.imsc, write: (d, value) => d.setMask(value & 1) },
  { at: 0x014, name: 'RTCRIS', read: (d) => Number(d.now.raised) },
  { at: 0x018, name: 'RTCMIS', read: (d) => Number(d.now.raised) & d.now.imsc },
  { at: 0x01c, name: 'RTCICR', write: (d, value) => { if ((value & 1) !== 0) d.clearInterrupt(); } },
  identification(0xfe0, 'RTCPeriphID', [0x31, 0x10, 0x14, 0x00]),
  identification(0xff0, 'RTCPCellID', [0x0d, 0xf0, 0x05, 0xb1]),
];

export interface Pl031Io {
  readonly line: Line;
  readonly clock: Clock;
  /** Milliseconds since 1970 in the outside world. */
  readonly wallMs: () => number;
  readonly guestError: GuestErrorSink;
}

export class Pl031 implements Device<Pl031State> {
  readonly name = 'pl031';
  readonly regions: { readonly registers: Region };
  private readonly io: Pl031Io;
  private readonly alarm: Alarm;
  private state = { ...RESET };

  constructor(io: Pl031Io) {
    this.io = io;
    this.regions = { registers: registerFrame(this, REGISTERS, io.guestError) };
    this.alarm = io.clock.alarm(this.name, () => this.reachMatch());
  }

  get now(): Readonly<Pl031State> { return this.state; }
  get seconds(): number { return (this.wallSeconds + this.state.ahead) >>> 0; }

  setTime(seconds: number): void {
    this.state.load = seconds;
    this.state.ahead = (seconds - this.wallSeconds) >>> 0;
    this.setMatch(this.state.match);
  }

  setMatch(seconds: number): void {
    this.state.match = seconds;
    this.state.matchWallMs = (this.wallSeconds + ((seconds - this.seconds) >>> 0)) * 1000;
    this.sync();
  }

  setMask(mask: number): void { this.state.imsc = mask; this.sync(); }
  clearInterrupt(): void { this.state.raised = false; this.sync(); }

  private get wallSeconds() { return Math.floor(this.io.wallMs() / 1000); }

  /** The world's clock may have been set back since the alarm was, and then the match is still to come. */
  private reachMatch() {
    const { matchWallMs } = this.state;
    if (matchWallMs !== null && this.io.wallMs() >= matchWallMs) {
      this.state.raised = true;
      this.state.matchWallMs = null;
    }
    this.sync();
  }

  private sync() {
    const { raised, imsc, matchWallMs } = this.state;
    this.io.line.set(raised && imsc !== 0);
    if (matchWallMs === null) this.alarm.clear();
    else this.alarm.set(this.io.clock.nowNs + Math.max(0, matchWallMs - this.io.wallMs()) * NS_PER_MS);
  }

  reset(): void { this.state = { ...RESET }; this.sync(); }
  save(): Pl031State { return { ...this.state }; }
  restore(state: Pl031State): void { this.state = { ...state }; this.sync(); }
}
