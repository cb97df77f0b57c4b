import { expect, test } from 'vitest';
import type { GuestTimeStats } from '../../shared/model/guest-time.ts';
import type { DiskStats, VmStats } from '../../shared/model/vm.ts';
import { containerFigures, vmFigures } from './performance-figures.ts';

const disk = (reads: number, rest: Partial<DiskStats> = {}): DiskStats =>
  ({ path: '/d', bus: 'virtio', reads, writes: 0, flushes: 0, discards: 0, errors: 0, readBytes: reads * 512, writtenBytes: 0, readNs: reads * 2e6, writeNs: 0, flushNs: 0, ...rest });
const time = (hostNs: number, rest: Partial<GuestTimeStats> = {}): GuestTimeStats => ({ guestNs: hostNs, hostNs, rate: 1, paused: false, factor: 1, owedNs: 0, catchUps: 0, traps: 0, trapNs: 0, timerInterrupts: 0, latenessNs: 0, latestNs: 0, ...rest });
const stats = (upNs: number, rest: Partial<VmStats> = {}): VmStats =>
  ({ upNs, instructions: upNs / 10, mips: 0, cpuUsage: 1, exits: { wfi: upNs / 1e7 }, translator: { regions: 4, made: 4, ms: upNs / 1e8 }, guestErrors: 0, time: time(upNs), disks: [], nics: [], balloonMib: 64, balloonTargetMib: 64, ...rest });
const VM = { cpus: 2, memoryMib: 512 };
const after = (before: Partial<VmStats>, now: Partial<VmStats>) => vmFigures(VM, { atMs: 0, stats: stats(1e9, before) }, { atMs: 2000, stats: stats(3e9, now) });

test('a VM has rates from one sample to the next, and only what it has at once from one alone', () => {
  expect(vmFigures(VM, undefined, { atMs: 0, stats: stats(1e9) })).toEqual({ 'cpu.usage': 50, 'mem.granted': 512, 'mem.balloon': 64, 'mem.balloontarget': 64, 'translator.regions': 4, 'system.uptime': 1, 'time.guest': 1, 'time.host': 1 });
  expect(after({}, {})).toMatchObject({ 'cpu.instructions': 2e8, 'cpu.mips': 100, 'exits.count': 100, 'exits.count#wfi': 100, 'translator.time': 1, 'translator.made': 0 });
});

test('guest time has an effective rate, a drift from what it should be, and costs', () => {
  const figures = after({ time: time(1e9) }, { time: time(3e9, { guestNs: 1e9 + 4.002e9, rate: 2, owedNs: -3e6, traps: 4000, trapNs: 8e6, timerInterrupts: 100, latenessNs: 5e6 }) });
  expect(figures).toMatchObject({ 'time.behind': -3, 'time.traps': 2000, 'time.trapCost': 2, 'time.interrupts': 50, 'time.lateness': 50 });
  expect([figures['time.rate'], figures['time.drift']]).toEqual([expect.closeTo(2.001, 9), expect.closeTo(500, 3)]);
  expect(after({ time: time(9e9) }, { time: time(1e9) })['time.rate']).toBeUndefined();
  // Catching up is not what it should be in the long run.
  expect(after({ time: time(1e9) }, { time: time(3e9, { guestNs: 5e9, rate: 2, factor: 2 }) })['time.drift']).toBeCloseTo(1e6, 3);
});

test('a VM that was powered on again has no rates across that', () => {
  expect(vmFigures(VM, { atMs: 0, stats: stats(9e9) }, { atMs: 1000, stats: stats(1e9) })['cpu.mips']).toBeUndefined();
});

test('disks have rates and latencies, each and together; one in place of another begins anew', () => {
  const figures = after({ disks: [disk(100), disk(500, { slot: 3 })] }, { disks: [disk(130), disk(7, { slot: 1 }), disk(510, { slot: 3, readNs: 1e9 + 60e6 })] });
  expect(figures).toMatchObject({
    'disk.numberReadAveraged': 20, 'disk.numberReadAveraged#disk-0': 15, 'disk.numberReadAveraged#slot-3': 5, 'disk.read': 20 * 512, 'disk.totalReadLatency': 3, 'disk.totalReadLatency#slot-3': 6,
  });
  expect(figures['disk.read#slot-1']).toBeUndefined();
  expect(after({ disks: [disk(100)] }, { disks: [disk(5)] })['disk.numberReadAveraged']).toBe(0);
});

test('memory that the guest uses is what it has not available', () => {
  expect(after({}, { guestMemory: { freeBytes: 1, totalBytes: 400 << 20, availableBytes: 100 << 20 } })).toMatchObject({ 'mem.usage': 75, 'mem.available': 100 });
});

test('a container has the sum of its VMs, the highest of their latencies, and parts of its capacity', () => {
  const vms = [{ cpus: 2, values: { 'cpu.usage': 50, 'cpu.mips': 10, 'disk.totalReadLatency': 4, 'disk.read': 1, 'disk.read#disk-0': 1, 'mem.granted': 512, 'mem.balloon': 112, 'system.uptime': 9 } }, { cpus: 1, values: { 'cpu.usage': 100, 'cpu.mips': 5, 'disk.totalReadLatency': 9 } }];
  expect(containerFigures(vms, undefined)).toEqual({ 'cpu.mips': 15, 'disk.totalReadLatency': 9, 'disk.read': 1, 'mem.granted': 512, 'mem.balloon': 112, 'system.running': 2 });
  expect(containerFigures(vms, { cpus: 8, memoryMib: 1600 })).toMatchObject({ 'cpu.usage': 25, 'mem.usage': 25, 'mem.capacity': 1600, 'net.received': 0 });
});
