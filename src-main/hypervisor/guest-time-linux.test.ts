/** Linux in scaled time, on a deterministic VM: its host's time passes by instructions, and at once while the guest sleeps. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { USUAL_TIME, type GuestTimeSpec } from '../../shared/model/guest-time.ts';
import { Driven } from './driven-vm.ts';
import type { BootImage } from './vm.ts';

async function booted(time: Partial<GuestTimeSpec>, cpus = 2): Promise<Driven> {
  const guest = await fetchGuests('cloud');
  const boot: BootImage = { kind: 'linux', kernel: () => readFileSync(guest.kernel), initrd: () => readFileSync(guest.initrd), commandLine: 'console=ttyAMA0' };
  const machine = new Driven(boot, { cpus, smpMode: 'deterministic', time: { ...USUAL_TIME, ...time } });
  await prompted(machine);
  return machine;
}

const prompted = (machine: Driven) => machine.runUntil(() => /# (\x1b\[6n)?$/.test(machine.printed));

/** Types a command, and gives what it printed and how many seconds of the host's time it took. */
async function run(machine: Driven, command: string): Promise<{ readonly text: string; readonly seconds: number }> {
  machine.printed = '';
  const fromNs = machine.vm.clock.nowNs;
  machine.vm.type(new TextEncoder().encode(`${command}\r`));
  await prompted(machine);
  return { text: machine.printed, seconds: (machine.vm.clock.nowNs - fromNs) / 1e9 };
}

/** Seconds by `date`, by the monotonic clock, and jiffies. */
const CLOCKS = 'date +%s; cut -d" " -f1 /proc/uptime; grep -m1 ^jiffies: /proc/timer_list | cut -d" " -f2';
const clocksIn = (text: string): number[] => (/(\d+)\r\n([\d.]+)\r\n(\d+)\r\n/.exec(text) ?? []).slice(1).map(Number);

test.each([
  { rate: 2, sleep: 120 },
  { rate: 0.1, sleep: 6 },
])('at a rate of $rate all of Linux’s clocks pass $sleep seconds of the guest’s own, and fewer or more of the host’s', async ({ rate, sleep }) => {
  const machine = await booted({ scaling: true, rate });
  expect((await run(machine, 'dmesg | grep "cp15 timer"')).text).toContain('cp15 timer(s) running at 62.50MHz (phys).');
  const before = clocksIn((await run(machine, CLOCKS)).text), slept = await run(machine, `sleep ${sleep}`), after = clocksIn((await run(machine, CLOCKS)).text);
  // In the guest's seconds, with what the shell and the tick take.
  expect(Math.abs(slept.seconds * rate - sleep)).toBeLessThan(0.05);
  const [date, uptime, jiffies] = after.map((value, n) => value - before[n]!);
  expect(Math.abs(date! - sleep)).toBeLessThanOrEqual(1);
  expect(Math.abs(uptime! / sleep - 1)).toBeLessThan(0.02);
  expect(Math.abs(jiffies! / 250 / uptime! - 1)).toBeLessThan(0.005);
  await machine.vm.end();
}, 180_000);

test('unscaled, Linux has the virtual timer, and its clocks pass as the host’s', async () => {
  const machine = await booted({});
  expect((await run(machine, 'dmesg | grep "cp15 timer"')).text).toContain('cp15 timer(s) running at 62.50MHz (virt).');
  expect((await run(machine, 'sleep 60')).seconds).toBeCloseTo(60, 0);
  expect(machine.vm.stats().time).toMatchObject({ traps: 0, rate: 1 });
  await machine.vm.end();
}, 180_000);
