/** Rates of counters that only grow, from one sample to the next. */
import type { DiskStats, VmSpec, VmStats } from '../../../shared/model/vm.ts';
import type { Sample } from '../../components/chart.ts';
import type { History } from './vm-stats.ts';

type Counter = (stats: VmStats) => number | undefined;

function* steps(history: History, of: Counter) {
  for (const [at, { atMs, stats }] of history.entries()) {
    const before = history[at - 1], from = before && of(before.stats), to = of(stats);
    // Less than before: another device has taken the place.
    if (before !== undefined && from !== undefined && to !== undefined && to >= from) yield { at, atMs, change: to - from, seconds: (stats.upNs - before.stats.upNs) / 1e9 };
  }
}

export const perSecond = (history: History, of: Counter): Sample[] =>
  [...steps(history, of)].map(({ atMs, change, seconds }) => ({ atMs, value: seconds > 0 ? change / seconds : 0 }));

/** What one `count` took of `sum`; nothing where none was counted. */
export function perCount(history: History, sum: Counter, count: Counter): Sample[] {
  const counts = new Map([...steps(history, count)].map(({ at, change }) => [at, change]));
  return [...steps(history, sum)].map(({ at, atMs, change }) => ({ atMs, value: change / Math.max(1, counts.get(at) ?? 0) }));
}

/** The same disk in another sample: its place among those that are fixed, or its slot. */
export const diskAt = (place: number, { slot }: DiskStats) => (stats: VmStats): DiskStats | undefined =>
  (slot === undefined ? stats.disks[place] : stats.disks.find(disk => disk.slot === slot));

/** Where a running disk stands among the VM's disks; absent when it is no longer there. */
export function placeInSpec({ disks }: VmSpec, running: readonly DiskStats[], place: number): number | undefined {
  const slot = running[place]?.slot, fixed = disks.flatMap((disk, at) => (disk.slot === undefined ? [at] : []));
  const at = slot === undefined ? fixed[place] : disks.findIndex(disk => disk.slot === slot);
  return at === -1 ? undefined : at;
}
