/** Debian's unmodified kernels, booted with a watchdog that is armed for them, on deterministic VMs: what they wait for passes at once. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { fetchGuests, type Guest } from '../../scripts/fetch-guests.ts';
import { NO_BOOTS, stageOf, USUAL_WATCHDOG, type BootDrill, type BootRecord } from '../../shared/model/boot-watchdog.ts';
import type { BootWatchdogSpec } from '../../shared/model/vm.ts';
import { Driven } from './driven-vm.ts';
import type { BootImage } from './vm.ts';

const MINUTES = 60_000;
let cloud: Guest;
beforeAll(async () => { cloud = await fetchGuests('cloud'); }, 10 * MINUTES);

const linux = (more = ''): BootImage => ({ kind: 'linux', kernel: () => readFileSync(cloud.kernel), initrd: () => readFileSync(cloud.initrd), commandLine: `console=ttyAMA0 ${more}` });
/** A boot takes some five seconds of guest time here. */
const SPEC: BootWatchdogSpec = { ...USUAL_WATCHDOG, mode: 'boot', timeoutS: 20, goodAfterS: 2, failures: 1 };
const GOOD_BANK = { id: 'good', name: 'good', guest: { kind: 'diagnostics' } } as const;

/** The machine is reset as its worker would. */
class Watched {
  readonly machine: Driven;
  record: BootRecord = NO_BOOTS;
  resets = 0;

  constructor(spec: Partial<BootWatchdogSpec>, record: Partial<BootRecord> = {}, boot = linux()) {
    this.record = { ...NO_BOOTS, ...record };
    this.machine = new Driven(boot, {
      smpMode: 'deterministic', bootWatchdog: { ...SPEC, ...spec }, boots: this.record, booted: next => { this.record = next; }, banks: new Map([['good', linux('bank=good')]]),
    });
  }

  /** Resolves when it is so, or rejects when the guest has had so many seconds. */
  async until(done: () => boolean, seconds = 200): Promise<void> {
    const { vm } = this.machine, endNs = vm.clock.nowNs + seconds * 1e9;
    await this.machine.runUntil(() => {
      if (vm.powerRequest === 'watchdog' || vm.powerRequest === 'reset') {
        this.resets += 1;
        vm.reset(vm.powerRequest === 'watchdog' ? 'watchdog' : 'guestReset');
      }
      return done() || vm.powerRequest === 'off' || vm.clock.nowNs > endNs;
    });
    if (!done()) throw new Error(`it did not come to that; the last lines:\n${this.machine.printed.slice(-2000)}`);
  }

  async prompted(): Promise<void> { await this.until(() => /# (\x1b\[6n)?$/.test(this.machine.printed)); }

  async run(command: string): Promise<string> {
    this.machine.printed = '';
    this.machine.vm.type(new TextEncoder().encode(`${command}\r`));
    await this.prompted();
    return this.machine.printed;
  }

  get last() { return this.record.attempts.at(-1)!; }
}

test('armed before the jump, Linux finds it enabled, takes it over and goes on; after a reset by it Linux says so', async () => {
  const watched = new Watched({});
  await watched.prompted();
  expect(await watched.run('dmesg | grep sbsa-gwdt')).toMatch(/sbsa-gwdt 90e0000\.watchdog: Initialized with 10s timeout @ 62500000 Hz, action=0\. \[enabled\]/);
  await watched.until(() => stageOf(watched.last) === 'up');
  // Nobody has opened it: the kernel itself keeps it going (WATCHDOG_HANDLE_BOOT_ENABLED).
  await watched.run('sleep 30; cat /sys/class/watchdog/watchdog0/bootstatus');
  expect([watched.resets, watched.record.failures]).toEqual([0, 0]);
  // Whoever opens it has to feed it, and does not.
  await watched.run('exec 3> /dev/watchdog; sleep 5; echo > /dev/watchdog');
  await watched.run('sleep 8; echo >&3');
  expect(watched.resets).toBe(0);
  watched.machine.vm.type(new TextEncoder().encode('sleep 100\r'));
  await watched.until(() => watched.resets > 0);
  await watched.prompted();
  expect(await watched.run('dmesg | grep sbsa-gwdt')).toContain('System reset by WDT.');
  expect(watched.record.attempts.map(({ afterWatchdog, end }) => ({ afterWatchdog, cause: end?.cause }))).toEqual([{ afterWatchdog: false, cause: 'watchdog' }, { afterWatchdog: true, cause: undefined }]);
  expect(await watched.run('cat /sys/class/watchdog/watchdog0/bootstatus')).toContain('32');
  await watched.machine.vm.end();
}, 5 * MINUTES);
