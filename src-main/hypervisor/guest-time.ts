/**
 * The time of a VM's guest. What it is to be follows from the operator's rate and from `time/catch-up.ts`; what makes it so are either
 * traps (`counter-traps.ts`), for a guest whose time is scaled, or the CPU's own scaling of its counters, which a guest reads
 * without any. Each change begins where guest time is, and is made on all vCPUs while none of them runs: no guest ever reads backwards.
 */
import { Emitter } from '../../shared/base/emitter.ts';
import { EngineError } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import { USUAL_TIME, type CatchUpMode, type GuestTimeSpec, type GuestTimeStats, type TimeChange } from '../../shared/model/guest-time.ts';
import type { Cpu, Machine } from '../cpu/core/machine.ts';
import type { Alarm } from '../time/clock.ts';
import { CatchUp, type CatchUpState } from '../time/catch-up.ts';
import { multiplierOf, ScaledCounter } from '../time/scaled-counter.ts';
import type { SystemCounter } from '../time/system-counter.ts';
import type { VmClock } from '../time/vm-clock.ts';
import { CounterTraps, TRAPPED, UNTRAPPED } from './counter-traps.ts';

export interface GuestTimeIo {
  readonly machine: Machine;
  readonly clock: VmClock;
  /** The host's monotonic time, which goes on when the VM's clock stands still. */
  readonly hostNs: () => number;
  /** Does work while no vCPU runs; those that sleep look anew when they have to wake up. */
  readonly still: (work: () => void) => void;
  /** Milliseconds since 1970 in the outside world. */
  readonly wallMs: () => number;
}

export interface GuestTimeState {
  /** Of the guest's counters, which it was told when it booted. */
  readonly hz: number;
  readonly count: bigint;
  readonly paused: boolean;
  readonly catchUp: CatchUpState;
  /** In the outside world, and as the guest's real-time clock has it. */
  readonly wallMs: number;
  readonly dateMs: number;
}

export class GuestTime {
  private readonly io: GuestTimeIo;
  readonly traps: CounterTraps;
  /** The guest's counter goes another way from now on, or made a step of so many ticks. */
  readonly moved = new Emitter<bigint>();
  /** For devices. */
  readonly systemCounter: SystemCounter;
  private readonly catchUp = new CatchUp();
  private readonly alarm: Alarm;
  private spec: GuestTimeSpec;
  private hz: number;
  private counter = ScaledCounter.same;
  private isPaused = false;
  /** The guest's date, less its counter's time, in ms. */
  private epochMs: number;
  /** Of the VM's clock, when it last went on. */
  private baseNs: number | undefined;
  /** When it first did: by the host's clock, and by the VM's. */
  private startedNs: number | undefined;
  private firstNs = 0;
  private firstCount = 0n;
  private late = { interrupts: 0, sumNs: 0, mostNs: 0 };

  constructor(spec: GuestTimeSpec = USUAL_TIME, io: GuestTimeIo) {
    this.io = io;
    this.spec = spec;
    this.traps = new CounterTraps(io.machine);
    this.hz = io.machine.counterHz;
    this.systemCounter = this.counterForDevices();
    this.alarm = io.clock.alarm('guest-time', () => this.io.still(() => this.caughtUp()));
    this.epochMs = io.wallMs();
    this.change();
  }

  private counterForDevices(): SystemCounter {
    const hz = () => this.hz, count = () => this.count;
    return { get hz() { return hz(); }, get count() { return count(); }, nsAt: guest => this.nsAt(guest) };
  }

  /** When the guest's counter has a count, in ns of the VM's clock. */
  private nsAt(guest: bigint): number {
    const host = this.counter.hostAt(guest);
    return host === undefined ? Infinity : Math.ceil(Number(host) * 1e9 / this.io.machine.counterHz) + 1;
  }

  /** Whether what it misses is made up for. */
  get catchesUp(): boolean { return this.spec.afterStop !== 'none'; }

  /** The guest boots anew: its counters have this host's frequency, and it owes nothing. Its rate stays, and its date goes on. */
  reset(): void {
    const { dateMs } = this;
    this.hz = this.io.machine.counterHz;
    this.catchUp.forget(this.nowNs);
    this.isPaused = false;
    this.counter = ScaledCounter.same;
    this.epochMs = dateMs - this.guestNs / 1e6;
    this.begin();
    this.change();
  }

  /** Its figures are from now on. */
  private begin(): void {
    const { clock } = this.io;
    this.firstCount = this.count;
    this.firstNs = clock.nowNs;
    this.startedNs = clock.running ? clock.baseNs + this.firstNs : undefined;
    this.late = { interrupts: 0, sumNs: 0, mostNs: 0 };
  }

  /** What the guest's real-time clock shows. */
  get dateMs(): number { return this.spec.scaling ? this.epochMs + this.guestNs / 1e6 : this.io.wallMs(); }

  /** The VM's clock goes on. By as much as its zero has moved it stood still since it last did, to the nanosecond. */
  resumed(): void {
    const { baseNs } = this.io.clock, before = this.baseNs;
    this.baseNs = baseNs;
    this.startedNs ??= baseNs + this.firstNs;
    if (before !== undefined && baseNs > before) this.missed(baseNs - before, this.spec.afterStop);
  }

  set(spec: GuestTimeSpec): void {
    if (spec.scaling !== this.spec.scaling) throw new EngineError('time.scaling', say`Scaling of guest time is changed while the VM is off.`);
    this.io.still(() => {
      this.spec = spec;
      this.change();
    });
  }

  /** Says whether the guest's clock itself was set: it never goes back, so that an earlier date is one of the real-time clock only. */
  ask({ rate, paused, dateMs }: TimeChange): { readonly stepped: boolean } {
    if (!this.spec.scaling) throw new EngineError('time.not-scaled', say`The VM's time is not scaled: switch that on in its settings while it is off.`);
    let stepped = false;
    this.io.still(() => {
      if (rate !== undefined) this.spec = { ...this.spec, rate };
      if (paused !== undefined) this.isPaused = paused;
      const ahead = dateMs === undefined ? 0 : dateMs - this.dateMs;
      stepped = ahead > 0;
      if (ahead < 0) this.epochMs += ahead;
      if (dateMs !== undefined) this.catchUp.forget(this.nowNs);
      this.change(stepped ? ahead * 1e6 : 0);
    });
    return { stepped };
  }

  /** A timer's interrupt is about to be given to the guest, which it was due at a count of the CPU's own. */
  rang(compare: bigint): void {
    const { machine } = this.io, host = this.spec.scaling ? compare : this.counter.hostAt(compare) ?? 0n, lateNs = Math.max(0, machine.clockNs - Number(host) * 1e9 / machine.counterHz), { late } = this;
    this.late = { interrupts: late.interrupts + 1, sumNs: late.sumNs + lateNs, mostNs: Math.max(late.mostNs, lateNs) };
  }

  stats(): GuestTimeStats {
    const { clock, machine } = this.io, { count: traps, ns: trapNs } = machine.traps, { interrupts, sumNs, mostNs } = this.late;
    // Of one moment, or it would look like drift.
    const nowNs = this.io.hostNs(), clockNs = clock.running ? nowNs - clock.baseNs : clock.nowNs, count = this.counter.at(BigInt(Math.trunc(clockNs * machine.counterHz / 1e9)));
    this.late = { ...this.late, mostNs: 0 };
    return {
      guestNs: Number(count - this.firstCount) * 1e9 / this.hz, hostNs: this.startedNs === undefined ? 0 : nowNs - this.startedNs,
      rate: this.speed, paused: this.isPaused, factor: this.catchUp.factor, owedNs: this.catchUp.owedNs(this.nowNs), catchUps: this.catchUp.count,
      traps, trapNs, timerInterrupts: interrupts, latenessNs: sumNs, latestNs: mostNs,
    };
  }

  save(): GuestTimeState { return { hz: this.hz, count: this.count, paused: this.isPaused, catchUp: this.catchUp.save(this.nowNs), wallMs: this.io.wallMs(), dateMs: this.dateMs }; }

  /** On this host, whose counter may have another frequency; the VM's clock and its CPUs are those that were saved. Unscaled, the guest counts as its host does. */
  restore({ hz, count, paused, catchUp, wallMs, dateMs }: GuestTimeState): void {
    const { machine } = this.io, { scaling } = this.spec, isOther = hz !== machine.counterHz;
    this.hz = scaling ? hz : machine.counterHz;
    this.isPaused = paused;
    this.catchUp.restore(this.nowNs, catchUp);
    this.counter = isOther && !scaling ? ScaledCounter.same : ScaledCounter.through(machine.hostCount, count, 0n);
    this.epochMs = dateMs - this.guestNs / 1e6;
    this.begin();
    this.missed(Math.max(0, this.io.wallMs() - wallMs) * 1e6, this.spec.afterSuspend);
  }

  private get nowNs(): number { return this.io.clock.nowNs; }
  private get count(): bigint { return this.counter.at(this.io.machine.hostCount); }
  private get guestNs(): number { return Number(this.count) * 1e9 / this.hz; }
  /** Of guest time to host time. */
  private get speed(): number { return this.isPaused ? 0 : this.rate * this.catchUp.factor; }
  private get rate(): number { return this.spec.scaling ? this.spec.rate : 1; }

  private missed(ns: number, mode: CatchUpMode): void {
    // Time that is paused misses nothing.
    const jumpNs = this.isPaused ? 0 : this.catchUp.missed(this.nowNs, ns, mode, this.spec.speed);
    this.io.still(() => this.change(jumpNs * this.rate));
  }

  private caughtUp(): void {
    this.catchUp.advance(this.nowNs);
    this.change();
  }

  /** Goes on from where guest time is, or a jump ahead, as all of it wants now. */
  private change(aheadNs = 0): void {
    const { machine } = this.io, host = machine.hostCount, multiplier = multiplierOf(this.speed * this.hz / machine.counterHz), ahead = BigInt(Math.round(aheadNs * this.hz / 1e9));
    this.counter = ScaledCounter.through(host, this.counter.at(host) + ahead, multiplier);
    this.traps.counter = this.counter;
    for (const cpu of machine.cpus) this.control(cpu);
    this.alarm.set(this.catchUp.endsNs);
    this.moved.emit(ahead);
  }

  /** Sets EL2's controls of a CPU, which may have been reset. */
  control(cpu: Cpu): void {
    const { scaling } = this.spec, { multiplier, offset, isUnscaled } = this.counter, untrapped = BigInt.asUintN(64, offset);
    cpu.setSystem('CNTHCTL_EL2', scaling ? TRAPPED : UNTRAPPED);
    cpu.setSystem('CNTSCALE_EL2', scaling || isUnscaled ? 0n : multiplier);
    for (const register of ['CNTVOFF_EL2', 'CNTPOFF_EL2']) cpu.setSystem(register, scaling ? 0n : untrapped);
    if (scaling) this.traps.program(cpu);
  }
}
