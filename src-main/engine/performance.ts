/**
 * Measures running VMs each second, and from their figures those of all that they are in. An hour of single seconds is
 * kept in memory; each five minutes go to the file of figures, which rolls them up further. A kill loses what came after.
 */
import type { Disposable } from '../../shared/base/disposable.ts';
import { disposable } from '../../shared/base/disposable.ts';
import { Emitter } from '../../shared/base/emitter.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { LEVELS, LIVE, meteredKey, metricOf, seriesOf, type MeteredId, type MetricQuery, type MetricSeries, type Values } from '../../shared/model/metric.ts';
import type { Place } from '../../shared/model/place.ts';
import { ROOT } from '../../shared/model/task.ts';
import type { Vm } from '../../shared/model/vm.ts';
import type { Objects } from '../inventory/inventory.ts';
import type { RolledUp } from '../inventory/metrics-database.ts';
import type { MetricsStore } from '../inventory/metrics-store.ts';
import type { Engine } from './engine.ts';
import { LiveHistory } from './live-history.ts';
import { containerFigures, vmFigures, type Capacity, type StatsAt, type VmFigures } from './performance-figures.ts';
import { upFrom } from './tree.ts';

/** Calls back each second with the time, until it is disposed of; tests have ticks of their own. */
export type Ticks = (tick: (atMs: number) => void) => Disposable;
export const everySecond: Ticks = tick => {
  const timer = setInterval(() => tick(Math.floor(Date.now() / LIVE.intervalMs) * LIVE.intervalMs), LIVE.intervalMs);
  return disposable(() => clearInterval(timer));
};

export interface Sampled { readonly object: MeteredId; readonly atMs: number; readonly values: Values }
interface Metered { readonly object: MeteredId; readonly history: LiveHistory }

const DATASTORE_MS = 60_000;

export class Performance {
  /** All figures of one second. */
  readonly sampled = new Emitter<{ readonly atMs: number; readonly all: readonly Sampled[] }>();
  private readonly engine: Pick<Engine, 'inventory' | 'power' | 'datastores'>;
  private readonly store: MetricsStore;
  private readonly live = new Map<string, Metered>();
  /** The last answer of each VM that runs. */
  private readonly last = new Map<VmId, StatsAt>();
  private readonly asking = new Set<VmId>();
  private datastoresMs = 0;
  private sampledMs = 0;

  constructor(engine: Pick<Engine, 'inventory' | 'power' | 'datastores'>, store: MetricsStore) {
    this.engine = engine;
    this.store = store;
  }

  /** One second's figures of everything; a VM that is slow to answer is left out until it has. */
  async sample(atMs: number): Promise<void> {
    const { inventory, power } = this.engine, running = power.runningIds;
    for (const id of this.last.keys()) if (!running.includes(id)) this.last.delete(id);
    const vms = await Promise.all(running.filter(id => !this.asking.has(id)).map(id => this.ask(id)));
    // A later second has overtaken this one, which waited for a VM.
    if (atMs <= this.sampledMs) return;
    this.sampledMs = atMs;
    const known = vms.filter(each => each !== undefined);
    const all: Sampled[] = known.map(({ vm, values }) => ({ object: { kind: 'vm', id: vm.id }, atMs, values }));
    for (const [object, figures] of containersOf(inventory, known)) all.push({ object, atMs, values: figures });
    all.push(...await this.datastores(atMs));
    this.keep(atMs, all);
    this.sampled.emit({ atMs, all });
  }

  latest(object: MeteredId): { readonly atMs: number; readonly values: Values } | undefined { return this.live.get(meteredKey(object))?.history.latest; }

  /** The finest that covers the time, unless an interval is asked for. What is not rolled up yet comes from memory. */
  async query(query: MetricQuery, nowMs: number): Promise<MetricSeries[]> {
    const { objects, metrics, instances, fromMs } = query, toMs = Math.min(query.toMs, nowMs), intervalMs = query.intervalMs ?? intervalFor(fromMs, nowMs);
    if (intervalMs === LIVE.intervalMs) return objects.flatMap(object => this.liveSeries(object, metrics, instances, fromMs, toMs));
    const level = LEVELS.findIndex(each => each.intervalMs === intervalMs), stored = await this.store.query({ objects, metrics, instances, fromMs, toMs, level });
    return this.withPartial(stored, query, intervalMs);
  }

  /** Writes what has not been, as the engine ends. */
  async close(): Promise<void> {
    await this.write([...this.live.values()].flatMap(({ object, history }) => { const ended = history.ended(); return ended ? [{ object, ...ended }] : []; }));
    await this.store.close();
  }

  private async ask(id: VmId): Promise<{ readonly vm: Vm; readonly values: Values } | undefined> {
    this.asking.add(id);
    const stats = await this.engine.power.stats(id).catch(() => null).finally(() => this.asking.delete(id)), vm = this.engine.inventory.find('vm', id);
    if (stats === null || vm === undefined) return undefined;
    const before = this.last.get(id), now = { atMs: performance.now(), stats };
    this.last.set(id, now);
    return { vm, values: vmFigures(vm.spec, before, now) };
  }

  private async datastores(atMs: number): Promise<Sampled[]> {
    if (atMs - this.datastoresMs < DATASTORE_MS) return [];
    this.datastoresMs = atMs;
    return (await Promise.all(this.engine.inventory.all('datastore').map(async ({ id }) => {
      const usage = await this.engine.datastores.usage(id).catch(() => undefined);
      if (usage === undefined || usage.capacityBytes === 0) return [];
      return [{ object: { kind: 'datastore', id } as const, atMs, values: { 'datastore.capacity': usage.capacityBytes, 'datastore.used': usage.usedBytes, 'datastore.usage': 100 * usage.usedBytes / usage.capacityBytes } }];
    }))).flat();
  }

  private keep(atMs: number, all: readonly Sampled[]): void {
    const ended: { object: MeteredId; endMs: number; values: RolledUp['values'] }[] = [];
    for (const { object, values } of all) {
      const key = meteredKey(object), known = this.live.get(key) ?? { object, history: new LiveHistory() };
      this.live.set(key, known);
      const chunk = known.history.add(atMs, values);
      if (chunk !== undefined) ended.push({ object, ...chunk });
    }
    for (const [key, { history }] of this.live) if (history.isOver(atMs)) this.live.delete(key);
    // A disk that is full costs figures, never the VMs that they are of.
    void this.write(ended).catch(() => undefined);
  }

  private async write(ended: readonly { readonly object: MeteredId; readonly endMs: number; readonly values: RolledUp['values'] }[]): Promise<void> {
    for (const [endMs, rows] of Map.groupBy(ended, each => each.endMs)) await this.store.rollUp(endMs, rows);
  }

  private liveSeries(object: MeteredId, metrics: readonly string[], instances: readonly string[] | undefined, fromMs: number, toMs: number): MetricSeries[] {
    const history = this.live.get(meteredKey(object))?.history;
    return (history?.keys ?? []).filter(key => isAsked(key, metrics, instances)).map(key => ({ object, key, intervalMs: LIVE.intervalMs, ...history?.points(key, fromMs, toMs) ?? { atMs: [], values: [] } }));
  }

  private withPartial(stored: readonly MetricSeries[], { objects, metrics, instances, toMs }: MetricQuery, intervalMs: number): MetricSeries[] {
    const whole = new Map(stored.map(series => [`${meteredKey(series.object)} ${series.key}`, series]));
    for (const object of objects) {
      const history = this.live.get(meteredKey(object))?.history;
      for (const key of history?.keys ?? []) {
        const partial = isAsked(key, metrics, instances) && metricOf(seriesOf(key).metric)?.rollup !== 'summation' ? history?.partial(key) : undefined, name = `${meteredKey(object)} ${key}`;
        const { atMs = [], values = [] } = whole.get(name) ?? {};
        if (partial && partial.atMs <= toMs && partial.atMs > (atMs.at(-1) ?? 0)) whole.set(name, { object, key, intervalMs, atMs: [...atMs, partial.atMs], values: [...values, partial.value] });
      }
    }
    return [...whole.values()];
  }
}

function isAsked(key: string, metrics: readonly string[], instances: readonly string[] | undefined): boolean {
  const { metric, instance } = seriesOf(key);
  return metrics.includes(metric) && (instances?.includes(instance) ?? true);
}

const intervalFor = (fromMs: number, nowMs: number): number => [LIVE, ...LEVELS].find(({ keptMs, intervalMs }) => fromMs >= nowMs - keptMs - intervalMs)?.intervalMs ?? LEVELS[3].intervalMs;

/** Everything a VM is in: its host, resource pool and folder, and what these are in. */
function placesOf(objects: Objects, { hostId, folderId, poolId }: Vm): Place[] {
  const within = (place: Place | undefined) => (place ? [...upFrom(objects, place)] : []);
  return [...within({ kind: 'host', id: hostId }), ...within(poolId && { kind: 'resourcePool', id: poolId }), ...within(folderId && { kind: 'folder', id: folderId })];
}

function containersOf(objects: Objects, vms: readonly { readonly vm: Vm; readonly values: Values }[]): [MeteredId, Values][] {
  const capacities = new Map<string, Capacity>(), inside = new Map<string, { readonly object: MeteredId; readonly vms: VmFigures[] }>();
  const at = (place: Place) => { const key = meteredKey(place), known = inside.get(key) ?? { object: place, vms: [] }; inside.set(key, known); return known; };
  at(ROOT);
  for (const { id, cpus, memoryMib } of objects.hosts) for (const place of upFrom(objects, { kind: 'host', id })) {
    const { cpus: c = 0, memoryMib: m = 0 } = capacities.get(meteredKey(place)) ?? {};
    capacities.set(meteredKey(place), { cpus: c + cpus, memoryMib: m + memoryMib });
    at(place);
  }
  for (const { vm, values } of vms) for (const place of new Map(placesOf(objects, vm).map(each => [meteredKey(each), each])).values()) at(place).vms.push({ cpus: vm.spec.cpus, values });
  return [...inside].map(([key, { object, vms: own }]) => [{ kind: object.kind, id: object.id }, containerFigures(own, capacities.get(key))]);
}
