/** What a guest reads of its counters and gets of its timers, on a host whose time passes as the test says. */
import { expect, test } from 'vitest';
import { USUAL_TIME, type GuestTimeSpec } from '../../shared/model/guest-time.ts';
import { Cpu, type Machine } from '../cpu/core/machine.ts';
import { TestMachine } from '../cpu/core/test-machine.ts';
import { VmClock } from '../time/vm-clock.ts';
import { GuestTime } from './guest-time.ts';

const HZ = 62_500_000, SECOND = 1e9;
/** One round is: both counters, then as the registers say what to do with the physical timer. */
const PROGRAM = `
again: mrs x0, cntvct_el0
  mrs x1, cntpct_el0
  cbz x10, read
  msr cntp_cval_el0, x11
  mov x12, #1
  msr cntp_ctl_el0, x12
read: mrs x2, cntp_ctl_el0
  mrs x3, cntp_cval_el0
  mrs x4, cntp_tval_el0
  hvc #1
  b again`;

class Guest {
  readonly test = new TestMachine(PROGRAM);
  readonly machine: Machine = this.test.machine;
  readonly cpu: Cpu = this.test.cpu;
  readonly clock: VmClock;
  readonly time: GuestTime;
  exits = 0;
  private nowNs = 0;
  private readonly epochMs: number;

  constructor(spec: Partial<GuestTimeSpec>, epochMs = Date.UTC(2030, 0, 1)) {
    this.epochMs = epochMs;
    this.clock = new VmClock(() => this.nowNs);
    this.time = new GuestTime({ ...USUAL_TIME, ...spec }, { machine: this.machine, clock: this.clock, hostNs: () => this.nowNs, still: work => work(), wallMs: () => this.epochMs + this.nowNs / 1e6 });
    this.time.control(this.cpu);
    this.resume();
  }

  resume(): void {
    this.clock.resume();
    this.machine.setClock(this.clock.baseNs, -1);
    this.time.resumed();
  }

  pause(): void {
    this.clock.pause();
    this.machine.setClock(0, this.clock.nowNs);
  }

  /** Of the host, in steps in which alarms are due. */
  pass(ns: number, steps = 1): void {
    for (let step = 0; step < steps; step++) {
      this.nowNs += ns / steps;
      this.test.advance(ns / steps);
      if (this.clock.running) this.clock.runDue();
    }
  }

  freeze(ns: number): void {
    this.pause();
    this.pass(ns);
    this.resume();
  }

  /** One round. */
  read(): { readonly virtual: bigint; readonly physical: bigint; readonly control: bigint; readonly compare: bigint; readonly left: bigint } {
    for (;;) {
      // A timer that was written ends the turn.
      if (this.cpu.run(100_000) === 'kick') continue;
      if (!this.time.traps.perform(this.cpu)) break;
      this.exits++;
    }
    return { virtual: this.cpu.x(0), physical: this.cpu.x(1), control: this.cpu.x(2), compare: this.cpu.x(3), left: this.cpu.x(4) };
  }

  get seconds(): number {
    const { virtual, physical } = this.read();
    expect(virtual).toBe(physical);
    return Number(virtual) / HZ;
  }
}

test('scaled time runs at its rate, changes it without a step, pauses, and is set to a later date', () => {
  const guest = new Guest({ scaling: true, rate: 2 });
  guest.pass(60 * SECOND);
  expect([guest.seconds, guest.time.dateMs]).toEqual([120, Date.UTC(2030, 0, 1, 0, 2)]);
  guest.time.ask({ rate: 0.1 });
  expect(guest.seconds).toBe(120);
  guest.pass(60 * SECOND);
  expect(guest.seconds).toBeCloseTo(126, 6);
  guest.time.ask({ paused: true });
  guest.pass(60 * SECOND);
  expect(guest.seconds).toBeCloseTo(126, 6);
  guest.time.ask({ paused: false, rate: 100 });
  guest.pass(SECOND);
  expect(guest.seconds).toBeCloseTo(226, 5);
  expect(guest.time.ask({ dateMs: Date.UTC(2031, 0, 1) })).toEqual({ stepped: true });
  expect(guest.seconds).toBeCloseTo(365 * 24 * 3600, 2);
  // Its clock does not go back, but the date that it boots with next does.
  const before = guest.seconds;
  expect(guest.time.ask({ dateMs: Date.UTC(2025, 0, 1) })).toEqual({ stepped: false });
  expect(guest.seconds).toBeGreaterThanOrEqual(before);
  expect(new Date(guest.time.dateMs).getUTCFullYear()).toBe(2025);
  expect(guest.time.stats()).toMatchObject({ rate: 100, paused: false, traps: guest.exits });
});

test('a timer is never early, whatever the rate does, and reads as it was written', () => {
  const guest = new Guest({ scaling: true, rate: 3 }), { cpu } = guest, compare = 10n * BigInt(HZ) + 1n;
  cpu.setX(10, 1n);
  cpu.setX(11, compare);
  expect(guest.read()).toMatchObject({ control: 1n, compare, left: compare });
  cpu.setX(10, 0n);
  for (const rate of [0.37, 7, 0.01, 99]) {
    guest.time.ask({ rate });
    const due = cpu.nextTimerNs;
    guest.pass(Math.floor((due - guest.clock.nowNs) / 2));
    const { control, virtual } = guest.read();
    expect([control, cpu.timerOutputs, virtual < compare]).toEqual([1n, 0, true]);
  }
  guest.pass(cpu.nextTimerNs - guest.clock.nowNs);
  const { control, virtual } = guest.read();
  expect([control, cpu.timerOutputs, virtual >= compare, virtual < compare + 100n]).toEqual([5n, 2, true, true]);
  guest.time.ask({ paused: true });
  cpu.setX(10, 1n);
  cpu.setX(11, virtual + 5n);
  expect(guest.read().control).toBe(1n);
  expect(cpu.nextTimerNs).toBe(Infinity);
});

test('without scaling, nothing is performed for the guest, and no rate is taken', () => {
  const guest = new Guest({ rate: 2 });
  guest.pass(60 * SECOND);
  expect([guest.seconds, guest.exits]).toEqual([60, 0]);
  expect(() => guest.time.ask({ rate: 2 })).toThrow('The VM\'s time is not scaled');
  expect(() => guest.time.set({ ...USUAL_TIME, scaling: true })).toThrow('while the VM is off');
});

test('what was missed is made up for by the CPU’s own scaling, with no exit and no step, and the clock is even in the end', () => {
  const guest = new Guest({ afterStop: 'catchUp' });
  guest.pass(10 * SECOND);
  guest.freeze(5 * SECOND);
  expect(guest.seconds).toBeCloseTo(10, 6);
  let last = 0n;
  for (let step = 0; step < 500; step++) {
    const before = guest.seconds, { factor } = guest.time.stats();
    guest.pass(0.01 * SECOND);
    const after = guest.read().virtual;
    expect(after).toBeGreaterThanOrEqual(last);
    // Timers compare with the same counter.
    expect(Math.abs((Number(after) / HZ - before) / 0.01 / factor - 1)).toBeLessThan(0.001);
    last = after;
  }
  guest.pass(0.2 * SECOND, 200);
  expect(guest.seconds).toBeCloseTo(20.2, 3);
  expect(guest.time.stats()).toMatchObject({ factor: 1, catchUps: 1, traps: 0 });
  expect(Math.abs(guest.time.stats().owedNs)).toBeLessThan(1e6);
});

test('with catching up off, it stays behind; else it jumps or slews', () => {
  const after = (afterStop: GuestTimeSpec['afterStop'], scaling: boolean) => {
    const guest = new Guest({ afterStop, scaling });
    guest.pass(10 * SECOND);
    guest.freeze(5 * SECOND);
    guest.pass(SECOND);
    return guest.seconds;
  };
  for (const scaling of [false, true]) {
    expect(after('none', scaling)).toBeCloseTo(11, 6);
    expect(after('jump', scaling)).toBeCloseTo(16, 6);
    expect(after('slew', scaling)).toBeCloseTo(11.005, 6);
    expect(after('catchUp', scaling)).toBeCloseTo(12, 6);
  }
});

test('it goes on where it was on a host whose counter has another frequency, also in the middle of catching up; unscaled it steps', () => {
  const moved = (spec: Partial<GuestTimeSpec>) => {
    const first = new Guest(spec);
    first.pass(100 * SECOND);
    first.freeze(SECOND);
    first.pass(0.1 * SECOND);
    first.cpu.setX(10, 1n);
    first.cpu.setX(11, BigInt(200 * HZ));
    const before = first.read(), second = new Guest(spec);
    second.machine.view.setFloat64(0x60000 + 16, 24_000_000, true);
    first.pause();
    second.pause();
    second.clock.moveTo(first.clock.nowNs);
    second.machine.setClock(0, first.clock.nowNs);
    second.cpu.restore(first.cpu.save());
    second.test.put(0x10000, first.machine.bytes(0x10000 as never, 4096).slice());
    second.time.restore(first.time.save());
    second.resume();
    second.cpu.setX(10, 0n);
    const now = second.read();
    second.pass(10 * SECOND, 1000);
    return { step: Number(now.virtual - before.virtual) / HZ, left: Number(now.left - before.left), rate: Number(second.read().virtual - now.virtual) / HZ / 10, compare: now.compare - before.compare };
  };
  expect(moved({ scaling: true })).toEqual({ step: expect.closeTo(0, 3) as number, left: expect.closeTo(0, -4) as number, rate: expect.closeTo(1, 4) as number, compare: 0n });
  expect(moved({ scaling: true, rate: 2, afterStop: 'catchUp' }).step).toBeCloseTo(0, 3);
  const { step, rate } = moved({});
  expect(step).toBeLessThan(-60);
  expect(rate).toBeCloseTo(24 / 62.5, 3);
});

test('at a reset the rate stays, the date goes on, and nothing is owed', () => {
  const guest = new Guest({ scaling: true, rate: 10, afterStop: 'catchUp' });
  guest.pass(100 * SECOND);
  guest.freeze(SECOND);
  const { dateMs } = guest.time;
  guest.time.reset();
  expect(guest.time.dateMs).toBeCloseTo(dateMs, 0);
  expect(guest.time.stats()).toMatchObject({ rate: 10, factor: 1, owedNs: 0, paused: false });
  const before = guest.seconds;
  guest.pass(SECOND);
  expect(guest.seconds - before).toBeCloseTo(10, 6);
  expect(guest.time.stats()).toMatchObject({ guestNs: 10e9, hostNs: 1e9 });
});

test('after a suspend it goes on, or makes up for the time since', () => {
  const resumed = (afterSuspend: GuestTimeSpec['afterSuspend']) => {
    const first = new Guest({ afterSuspend });
    first.pass(10 * SECOND);
    first.pause();
    const second = new Guest({ afterSuspend }, Date.UTC(2030, 0, 1, 1));
    second.pause();
    second.clock.moveTo(first.clock.nowNs);
    second.machine.setClock(0, first.clock.nowNs);
    second.time.restore(first.time.save());
    second.resume();
    return second.seconds;
  };
  expect(resumed('none')).toBeCloseTo(10, 6);
  expect(resumed('jump')).toBeCloseTo(3600, 3);
});
