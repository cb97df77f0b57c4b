/** From what a VM counts to figures: rates from one sample to the next, and what containers' VMs come to. */
import { diskInstances, isMetricOf, metricOf, METRICS, seriesKey, seriesOf, type Values } from '../../shared/model/metric.ts';
import type { GuestTimeStats } from '../../shared/model/guest-time.ts';
import type { DiskStats, NicStats, VmSpec, VmStats } from '../../shared/model/vm.ts';

/** All others are never below zero. */
const SIGNED: ReadonlySet<string> = new Set(['time.drift', 'time.behind']);

export interface StatsAt { readonly atMs: number; readonly stats: VmStats }

const MIB = 1024 * 1024;
const sumOf = <T>(all: readonly T[], of: (each: T) => number): number => all.reduce((sum, each) => sum + of(each), 0);

/** Figures of the time between two samples of one run of a VM; only of now where there is none before. */
export function vmFigures({ cpus, memoryMib }: Pick<VmSpec, 'cpus' | 'memoryMib'>, before: StatsAt | undefined, { atMs, stats }: StatsAt): Values {
  const { cpu } = stats, last = before && before.stats.upNs <= stats.upNs ? before : undefined;
  const seconds = last ? (atMs - last.atMs) / 1000 : 0, figures: Record<string, number> = {};
  const put = (key: string, value: number | undefined) => { if (value !== undefined && Number.isFinite(value) && (value >= 0 || SIGNED.has(key))) figures[key] = value; };
  put('cpu.usage', 100 * stats.cpuUsage / cpus);
  put('cpu.usagemhz', cpu?.cpuMhz);
  put('cpu.ready', cpu && 100 * cpu.cpuReadyPart);
  put('cpu.entitlement', cpu?.entitledMhz);
  put('mem.granted', memoryMib);
  put('mem.balloon', stats.balloonMib);
  put('mem.balloontarget', stats.balloonTargetMib);
  if (stats.guestMemory) {
    put('mem.available', stats.guestMemory.availableBytes / MIB);
    put('mem.usage', 100 * (1 - stats.guestMemory.availableBytes / stats.guestMemory.totalBytes));
  }
  put('translator.regions', stats.translator.regions);
  put('system.uptime', stats.upNs / 1e9);
  put('time.guest', stats.time.guestNs / 1e9);
  put('time.host', stats.time.hostNs / 1e9);
  if (last !== undefined && seconds > 0) putRates(last.stats, stats, seconds, put);
  return figures;
}

type Put = (key: string, value: number | undefined) => void;

function putRates(before: VmStats, now: VmStats, seconds: number, put: Put): void {
  const instructions = now.instructions - before.instructions;
  put('cpu.instructions', instructions);
  put('cpu.mips', instructions / seconds / 1e6);
  put('translator.made', now.translator.made - before.translator.made);
  put('translator.time', (now.translator.ms - before.translator.ms) / seconds / 10);
  put('system.guestErrors', now.guestErrors - before.guestErrors);
  for (const [cause, count] of Object.entries(now.exits)) put(seriesKey('exits.count', cause), (count - (before.exits[cause] ?? 0)) / seconds);
  put('exits.count', (sumOf(Object.values(now.exits), n => n) - sumOf(Object.values(before.exits), n => n)) / seconds);
  putTime(before.time, now.time, seconds, put);
  putDisks(pairs(before.disks, now.disks, diskInstances), seconds, put);
  putNics(pairs(before.nics, now.nics, nics => nics.map(({ slot }, n) => (slot === undefined ? `nic-${n}` : `nic-slot-${slot}`))), seconds, put);
}

/** Drift is from what guest time should be: the host's at its rate. Ahead and behind can be either. */
function putTime(before: GuestTimeStats, now: GuestTimeStats, seconds: number, put: Put): void {
  const gained = (of: (time: GuestTimeStats) => number) => of(now) - of(before), hostNs = gained(time => time.hostNs), rate = gained(time => time.guestNs) / hostNs, wanted = now.rate / now.factor;
  // The guest was reset.
  if (hostNs <= 0) return;
  put('time.rate', rate);
  if (wanted > 0) put('time.drift', (rate / wanted - 1) * 1e6);
  put('time.behind', now.owedNs / 1e6);
  put('time.traps', gained(time => time.traps) / seconds);
  if (gained(time => time.traps) > 0) put('time.trapCost', gained(time => time.trapNs) / gained(time => time.traps) / 1e3);
  put('time.interrupts', gained(time => time.timerInterrupts) / seconds);
  if (gained(time => time.timerInterrupts) > 0) put('time.lateness', gained(time => time.latenessNs) / gained(time => time.timerInterrupts) / 1e3);
}

interface Pair<T> { readonly instance: string; readonly was: T; readonly is: T }

/** A device that was not there before has nothing to compare with. */
function pairs<T>(before: readonly T[], now: readonly T[], instances: (all: readonly T[]) => readonly string[]): Pair<T>[] {
  const was = new Map(instances(before).map((instance, n) => [instance, before[n] as T]));
  return instances(now).flatMap((instance, n) => { const from = was.get(instance); return from === undefined ? [] : [{ instance, was: from, is: now[n] as T }]; });
}

type Counter<T> = (of: T) => number;
const DISK_RATES: readonly (readonly [metric: string, Counter<DiskStats>])[] = [
  ['disk.numberReadAveraged', d => d.reads], ['disk.numberWriteAveraged', d => d.writes], ['disk.read', d => d.readBytes], ['disk.write', d => d.writtenBytes],
];
const LATENCIES: readonly (readonly [metric: string, Counter<DiskStats>, Counter<DiskStats>])[] = [['disk.totalReadLatency', d => d.readNs, d => d.reads], ['disk.totalWriteLatency', d => d.writeNs, d => d.writes]];

/** What counts less than before is another device in the same place. */
function putEach<T>(all: readonly Pair<T>[], metric: string, of: (all: readonly Pair<T>[]) => number, put: Put): void {
  put(metric, of(all));
  for (const pair of all) put(seriesKey(metric, pair.instance), of([pair]));
}
const gained = <T>(all: readonly Pair<T>[], counter: Counter<T>): number => sumOf(all, ({ was, is }) => Math.max(0, counter(is) - counter(was)));

function putDisks(all: readonly Pair<DiskStats>[], seconds: number, put: Put): void {
  if (all.length === 0) return;
  for (const [metric, counter] of DISK_RATES) putEach(all, metric, some => gained(some, counter) / seconds, put);
  for (const [metric, time, count] of LATENCIES) putEach(all, metric, some => gained(some, time) / 1e6 / Math.max(1, gained(some, count)), put);
  putEach(all, 'disk.errors', some => gained(some, d => d.errors), put);
}

const NIC_RATES: readonly (readonly [metric: string, Counter<NicStats>])[] = [
  ['net.received', n => n.received.bytes * 8], ['net.transmitted', n => n.sent.bytes * 8], ['net.packetsRx', n => n.received.frames], ['net.packetsTx', n => n.sent.frames], ['net.dropped', n => n.received.drops + n.sent.drops],
];
function putNics(all: readonly Pair<NicStats>[], seconds: number, put: Put): void {
  if (all.length > 0) for (const [metric, counter] of NIC_RATES) putEach(all, metric, some => gained(some, counter) / seconds, put);
}

export interface Capacity { readonly cpus: number; readonly memoryMib: number }
/** A VM's figures, with how many CPUs it has. */
export interface VmFigures { readonly cpus: number; readonly values: Values }

/** What a container without running VMs has: nothing of each. */
const NOTHING: readonly string[] = METRICS.filter(metric => isMetricOf(metric, 'host') && metric.combine === 'sum' && !['MHz', '%'].includes(metric.unit)).map(({ key }) => key);

/** A container has a capacity where there are hosts in it. */
export function containerFigures(vms: readonly VmFigures[], capacity: Capacity | undefined): Values {
  const figures: Record<string, number> = Object.fromEntries(capacity ? NOTHING.map(key => [key, 0]) : []);
  for (const { values } of vms) for (const [key, value] of Object.entries(values)) combine(figures, key, value);
  figures['system.running'] = vms.length;
  if (capacity) {
    figures['cpu.usage'] = Math.min(100, sumOf(vms, ({ cpus, values }) => cpus * (values['cpu.usage'] ?? 0)) / capacity.cpus);
    figures['mem.capacity'] = capacity.memoryMib;
    figures['mem.usage'] = 100 * ((figures['mem.granted'] ?? 0) - (figures['mem.balloon'] ?? 0)) / capacity.memoryMib;
  }
  return figures;
}

function combine(figures: Record<string, number>, key: string, value: number): void {
  const { metric, instance } = seriesOf(key), how = metricOf(metric)?.combine;
  if (how === undefined || instance !== '') return;
  figures[key] = how === 'sum' ? (figures[key] ?? 0) + value : Math.max(figures[key] ?? 0, value);
}
