/** Debian's unmodified kernels, booted with a watchdog that is armed for them, on deterministic VMs: what they wait for passes at once. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { fetchGuests, type Guest } from '../../scripts/fetch-guests.ts';
import { BOOT_DRILLS, isGood, NO_BOOTS, stageOf, USUAL_WATCHDOG, type BootDrill, type BootRecord } from '../../shared/model/boot-watchdog.ts';
import type { BootWatchdogSpec, SmpMode } from '../../shared/model/vm.ts';
import { Driven } from './driven-vm.ts';
import type { BootImage } from './vm.ts';

const MINUTES = 60_000;
let cloud: Guest;
beforeAll(async () => { cloud = await fetchGuests('cloud'); }, 10 * MINUTES);

const linux = (more = ''): BootImage => ({ kind: 'linux', kernel: () => readFileSync(cloud.kernel), initrd: () => readFileSync(cloud.initrd), commandLine: `console=ttyAMA0 ${more}` });
/** Here an instruction takes a nanosecond, and the driver is there after 1.1 s. What is broken and computes, does so for as many instructions. */
const SPEC: BootWatchdogSpec = { ...USUAL_WATCHDOG, mode: 'boot', timeoutS: 20, goodAfterS: 2, failures: 1 };
const BANKS = new Map([['good', linux('bank=good')]]);
const GOOD_BANK = { id: 'good', name: 'good', guest: { kind: 'diagnostics' } } as const;

/** The machine is reset as its worker would. */
class Watched {
  readonly machine: Driven;
  record: BootRecord = NO_BOOTS;
  resets = 0;
  onReset: () => void = () => { /* nothing */ };

  constructor(spec: Partial<BootWatchdogSpec>, record: Partial<BootRecord> = {}, smpMode: SmpMode = 'deterministic') {
    this.record = { ...NO_BOOTS, ...record };
    this.machine = new Driven(linux(), { smpMode, bootWatchdog: { ...SPEC, ...spec }, boots: this.record, booted: next => { this.record = next; }, banks: BANKS });
  }

  /** Resolves when it is so, or rejects when the guest has had so many seconds. */
  async until(done: () => boolean, seconds = 200): Promise<void> {
    const { vm } = this.machine, endNs = vm.clock.nowNs + seconds * 1e9;
    await this.machine.runUntil(() => {
      if (vm.powerRequest === 'watchdog' || vm.powerRequest === 'reset') {
        this.resets += 1;
        this.onReset();
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

const BROKEN: Readonly<Record<BootDrill, RegExp>> = {
  corruptKernel: /^$/, hang: /Waiting for root device/, panic: /Kernel panic - not syncing: VFS: Unable to mount root fs/, badInit: /Kernel panic - not syncing: Requested init \/dev failed/,
};
/** A corrupt kernel does hardly anything but to take exceptions, whose time is not that of instructions. */
const worldOf = (drill: BootDrill): SmpMode => (drill === 'corruptKernel' ? 'parallel' : 'deterministic');

test.each(BOOT_DRILLS)('a boot with %s is reset within its time, and the good bank boots, unattended', async drill => {
  const watched = new Watched({ banks: [GOOD_BANK], timeoutS: 2 }, { good: ['good'], drill }, worldOf(drill));
  // The next boot takes as long as the machine that tests it lets it.
  watched.onReset = () => watched.machine.vm.setBootWatchdog({ ...SPEC, timeoutS: 200, banks: [GOOD_BANK] }, BANKS);
  await watched.until(() => watched.resets > 0, 3);
  expect(watched.machine.printed.slice(0, -1)).toMatch(BROKEN[drill]);
  await watched.prompted();
  expect(await watched.run('cat /proc/cmdline; dmesg | grep -c "System reset by WDT"')).toMatch(/bank=good\r\n1\r\n/);
  const [broken, good] = watched.record.attempts;
  expect([broken?.drill, broken?.end?.cause, stageOf(broken!), good?.drill, good?.bank]).toEqual([drill, 'watchdog', 'handedOver', undefined, 'good']);
  expect(broken!.end!.atNs).toBeGreaterThanOrEqual(2e9);
  expect(watched.record.fellBack).toMatchObject({ from: 'settings', to: 'good' });
  await watched.until(() => isGood(watched.last));
  await watched.machine.vm.end();
}, MINUTES);

test.each(BOOT_DRILLS)('without protection, a boot with %s leaves the machine dead', async drill => {
  const watched = new Watched({ mode: 'guest', banks: [GOOD_BANK], timeoutS: 2 }, { good: ['good'], drill }, worldOf(drill));
  await expect(watched.until(() => watched.resets > 0 || watched.machine.printed.includes('/ # '), 3)).rejects.toThrow('it did not come to that');
  expect([watched.record.attempts.length, watched.machine.vm.stats().watchdog?.leftNs]).toEqual([1, undefined]);
  await watched.machine.vm.end();
}, MINUTES);

test('a boot that is slow but good is not reset, as the kernel’s driver is there in time', async () => {
  // The shell comes half a minute later, three times as late as the watchdog would wait.
  const watched = new Watched({ timeoutS: 10, goodAfterS: 60, banks: [GOOD_BANK] }, { good: ['good'] });
  await watched.prompted();
  await watched.run('sleep 45');
  expect([watched.resets, stageOf(watched.last)]).toEqual([0, 'tookOver']);
  await watched.run('sleep 20');
  expect([watched.resets, stageOf(watched.last), watched.record.good]).toEqual([0, 'up', ['good', 'settings']]);
  await watched.machine.vm.end();
}, MINUTES);

test('a guest that stops after its driver took over, but before the boot is good, counts as a failed boot; one that resets itself does too', async () => {
  const watched = new Watched({ timeoutS: 10, goodAfterS: 30, failures: 2, banks: [GOOD_BANK] }, { good: ['good'] });
  await watched.prompted();
  watched.machine.vm.type(new TextEncoder().encode('exec 3> /dev/watchdog; sleep 100\r'));
  await watched.until(() => watched.resets === 1);
  expect(watched.record.attempts[0]).toMatchObject({ end: { cause: 'watchdog' } });
  expect([stageOf(watched.record.attempts[0]!), watched.record.failures, watched.record.bank]).toEqual(['tookOver', 1, 'settings']);
  watched.machine.printed = '';
  await watched.prompted();
  watched.machine.vm.type(new TextEncoder().encode('reboot -f\r'));
  await watched.until(() => watched.resets === 2);
  expect([watched.record.attempts[1]?.end?.cause, watched.record.failures, watched.record.bank]).toEqual(['guestReset', 0, 'good']);
  await watched.machine.vm.end();
}, MINUTES);

test('moved to another machine between hand-over and the driver, the watchdog stands still meanwhile and the boot goes on', async () => {
  const watched = new Watched({});
  await watched.until(() => watched.machine.printed.includes('Freeing unused kernel memory'));
  const { leftNs } = watched.machine.vm.stats().watchdog!;
  watched.machine.vm.pause();
  const moved = await watched.machine.moveTo(linux(), { smpMode: 'deterministic', bootWatchdog: SPEC, isRestored: true, boots: watched.record, booted: next => { watched.record = next; } });
  expect(moved.vm.stats().watchdog!.leftNs! / leftNs!).toBeCloseTo(1, 3);
  await moved.runUntil(() => isGood(watched.last));
  expect(watched.record.attempts.map(({ number, stages }) => [number, stages.length])).toEqual([[1, 6]]);
  await moved.vm.end();
}, MINUTES);
