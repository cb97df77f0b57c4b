import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EngineError } from '../../shared/base/errors.ts';
import { NO_BOOTS, stageOf, USUAL_WATCHDOG, type BootRecord } from '../../shared/model/boot-watchdog.ts';
import { USUAL_TIME } from '../../shared/model/guest-time.ts';
import type { BootWatchdogSpec } from '../../shared/model/vm.ts';
import { assemble } from '../cpu/asm/assembler.ts';
import type { Ipa } from '../../shared/base/ids.ts';
import { WATCHDOG } from '../firmware/board-map.ts';
import type { BootWatchdogApi } from './boot-watchdog.ts';
import { breakImage, drilledCommandLine } from './boot-drills.ts';
import { Driven } from './driven-vm.ts';
import type { BootImage, VmOptions } from './vm.ts';

const SECOND = 1e9;
const SPEC: BootWatchdogSpec = { ...USUAL_WATCHDOG, mode: 'boot', timeoutS: 10, goodAfterS: 5, failures: 1 };
/** Sleeps for ever. */
const sleeper: BootImage = { kind: 'binary', image: () => assemble('again: wfi\n b again') };

function watched(options: Partial<VmOptions> = {}, record: BootRecord = NO_BOOTS) {
  const kept = { record }, machine = new Driven(sleeper, { smpMode: 'deterministic', bootWatchdog: SPEC, boots: record, booted: next => { kept.record = next; }, ...options }), { vm } = machine;
  // Without an alarm time would stand still, as nothing is due.
  const until = (seconds: number) => { vm.clock.alarm('test', () => undefined).set(seconds * SECOND); while (vm.clock.nowNs < seconds * SECOND && vm.powerRequest === 'none') vm.runSlice(); };
  const write = (at: number, value: bigint, size: 4 | 8 = 4) => vm.board.bus.write(at as Ipa, size, value), status = () => Number(vm.board.bus.read(WATCHDOG.control.base as Ipa, 4));
  return { kept, machine, vm, api: vm.bootWatchdog, until, refresh: () => write(WATCHDOG.refresh.base, 0n), write, status, stages: () => kept.record.attempts.at(-1)!.stages.map(({ stage }) => stage) };
}

test('armed for the guest, it resets the machine when nobody refreshes it, and says so in its status until somebody does', () => {
  const { vm, until, kept, status, refresh, stages } = watched();
  expect([stages(), vm.stats().watchdog]).toEqual([['powerOn', 'installed', 'enabled', 'handedOver'], { leftNs: 10 * SECOND, isLate: false, sinceNs: 0 }]);
  until(6);
  expect([vm.powerRequest, vm.stats().watchdog?.isLate, status()]).toEqual(['none', true, 3]);
  until(20);
  expect([vm.powerRequest, Math.round(vm.clock.nowNs / 1e6)]).toEqual(['watchdog', 10_000]);
  vm.reset('watchdog');
  expect(kept.record.attempts.map(({ end }) => end?.cause)).toEqual(['watchdog', undefined]);
  expect([status(), vm.powerRequest]).toEqual([5, 'none']);
  refresh();
  expect([status(), stages().at(-1)]).toEqual([1, 'tookOver']);
  vm.reset();
  expect(status()).toBe(1);
});

test('the first refresh is the take-over; a boot is good after its time without a reset, and a later reset does not make it a bad one', () => {
  const { vm, until, refresh, stages, kept } = watched();
  until(4);
  refresh();
  until(8.9);
  expect(stages().at(-1)).toBe('tookOver');
  until(9.5);
  expect([stages().at(-1), kept.record.good]).toEqual(['up', ['settings']]);
  until(60);
  vm.reset('watchdog');
  expect(kept.record.failures).toBe(0);
});

test('a guest that disarms it is on its own, which is a take-over too', () => {
  const { vm, until, write, stages } = watched();
  write(WATCHDOG.control.base, 0n);
  until(100);
  expect([vm.powerRequest, stages().at(-1), vm.stats().watchdog?.leftNs]).toEqual(['none', 'up', undefined]);
});

test.each([{ mode: 'guest', there: true }, { mode: 'none', there: false }] as const)('with the mode $mode nothing is armed', ({ mode, there }) => {
  const { vm, until, stages, refresh } = watched({ bootWatchdog: { ...SPEC, mode } });
  refresh();
  until(100);
  expect([vm.powerRequest, stages(), vm.board.watchdog !== undefined, vm.stats().watchdog !== undefined]).toEqual(['none', ['powerOn'], there, there]);
});

test.each([{ rate: 4, seconds: 2.5 }, { rate: 0.5, seconds: 20 }])('in time scaled by $rate it resets the machine after the guest’s own ten seconds, and not while guest time is paused', ({ rate, seconds }) => {
  const { vm, until } = watched({ time: { ...USUAL_TIME, scaling: true, rate } });
  until(1);
  vm.time.ask({ paused: true });
  until(101);
  vm.time.ask({ paused: false });
  until(200);
  expect([vm.powerRequest, Math.round(vm.clock.nowNs / 1e7)]).toEqual(['watchdog', (seconds + 100) * 100]);
});

test('a jump of guest time is nothing that the guest could have refreshed it in', () => {
  const { vm, until, refresh } = watched({ time: { ...USUAL_TIME, scaling: true } });
  until(1);
  vm.time.ask({ dateMs: vm.time.dateMs + 1e9 });
  expect(vm.stats().watchdog!.leftNs! / SECOND).toBeCloseTo(9, 3);
  refresh();
  until(100);
  expect(Math.round(vm.clock.nowNs / SECOND)).toBe(11);
});

test('saved and restored, it has as much left as before, and the boot goes on in the record that there is then', async () => {
  const { machine, until, kept } = watched();
  until(7);
  const next = watched({ isRestored: true }, { ...kept.record, good: ['other'] }), moved = await machine.moveTo(sleeper, { smpMode: 'deterministic', bootWatchdog: SPEC, isRestored: true, boots: next.kept.record, booted: record => { next.kept.record = record; } });
  expect(moved.vm.stats().watchdog).toMatchObject({ isLate: true, sinceNs: machine.vm.clock.nowNs });
  expect(moved.vm.stats().watchdog!.leftNs! / SECOND).toBeCloseTo(3, 3);
  while (moved.vm.powerRequest === 'none') moved.vm.runSlice();
  moved.vm.reset('watchdog');
  expect(next.kept.record.attempts.map(({ number, end }) => [number, end?.cause])).toEqual([[1, 'watchdog'], [2, undefined]]);
  expect(next.kept.record.good).toEqual(['other']);
});

test('a machine that was saved before there were watchdogs goes on, with one that nobody armed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), path = join(folder, 'old.state');
  try {
    const old = watched({ bootWatchdog: { ...SPEC, mode: 'none' } });
    old.vm.pause();
    await old.vm.saveTo(path, {});
    const { vm, until } = watched({ isRestored: true });
    vm.pause();
    await vm.restoreFrom(path, {});
    vm.resume();
    until(100);
    expect([vm.powerRequest, vm.stats().watchdog?.leftNs]).toEqual(['none', undefined]);
  } finally { await rm(folder, { recursive: true }); }
});

test('what cannot be loaded is left for a good bank at once; without one the reason is told', () => {
  const broken: BootImage = { kind: 'binary', image: () => { throw new EngineError('image.unreadable', 'The image cannot be read.'); } };
  const kept = { record: NO_BOOTS }, booted = (record: BootRecord) => { kept.record = record; }, spec: BootWatchdogSpec = { ...SPEC, banks: [{ id: 'old', name: 'Old', guest: { kind: 'diagnostics' } }] };
  const { vm } = new Driven(broken, { smpMode: 'deterministic', bootWatchdog: spec, banks: new Map([['old', sleeper]]), boots: { ...NO_BOOTS, good: ['old'] }, booted });
  expect(kept.record.attempts.map(({ bank, bankName, end }) => [bank, bankName, end?.cause, end?.why?.message])).toEqual([['settings', '', 'unloadable', 'The image cannot be read.'], ['old', 'Old', undefined, undefined]]);
  expect([vm.bootWatchdog.stage, kept.record.fellBack?.to]).toEqual(['handedOver', 'old']);
  expect(() => new Driven(broken, { smpMode: 'deterministic', bootWatchdog: spec, booted })).toThrow('The image cannot be read.');
});

test('firmware of ours installs it, enables it, refreshes it, and hands over with a last refresh; then the API is gone', () => {
  const { vm, kept, until } = watched({ bootWatchdog: { ...SPEC, mode: 'guest' } });
  vm.bootWatchdog.set(SPEC);
  const api: BootWatchdogApi = vm.bootWatchdog, left = () => (vm.stats().watchdog?.leftNs ?? Infinity) / SECOND, stage = () => stageOf(kept.record.attempts.at(-1)!);
  api.enable();
  expect([stage(), left()]).toEqual(['powerOn', Infinity]);
  api.install();
  api.enable(4 * SECOND);
  until(1);
  expect([stage(), Math.round(left())]).toEqual(['enabled', 3]);
  api.refresh();
  expect(left()).toBeCloseTo(4);
  api.disable();
  expect(left()).toBe(Infinity);
  api.enable();
  api.handOver();
  expect([stage(), left(), api.timeoutNs]).toEqual(['handedOver', 10, 10 * SECOND]);
  until(2);
  api.refresh();
  api.disable();
  expect(left()).toBeCloseTo(9, 1);
});

test('a drill changes words of the command line, or the copy in memory, and leaves a kernel’s header alone', () => {
  expect(drilledCommandLine('console=ttyAMA0 root=/dev/vda panic=5 rootwait', 'panic')).toBe('console=ttyAMA0 rdinit=/none root=/dev/none panic=0');
  expect(drilledCommandLine('a  b', 'corruptKernel')).toBe('a  b');
  expect(drilledCommandLine('', 'hang')).toBe('rdinit=/none root=/dev/none rootwait');
  const { ram } = watched().vm, entry = { pc: ram.base, x0: 0 }, bytes = () => Array.from(ram.view(ram.base, 3 * 4096)!);
  ram.write(ram.base, new Uint8Array(3 * 4096).fill(7));
  breakImage(ram, entry, 3 * 4096, 'corruptKernel', 'linux');
  expect([bytes().slice(0, 64).every(byte => byte === 7), bytes()[64], bytes()[511], bytes()[512], bytes()[8192]]).toEqual([true, 248, 248, 7, 248]);
  breakImage(ram, entry, 8, 'hang', 'binary');
  expect(ram.load(ram.base, 4)).toBe(0x1400_0000);
});
