import type { EngineApi } from '../../shared/api/engine-api.ts';
import type { EngineEvents } from '../../shared/api/engine-events.ts';
import { EngineError } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import type { Disposable } from '../../shared/base/disposable.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { MeteredId, meteredKey, MetricQuery, METRICS } from '../../shared/model/metric.ts';
import { checked } from './checked.ts';
import type { Engine } from './engine.ts';
import type { Sampled } from './performance.ts';
import type { Session } from './session.ts';

/** How many objects one connection may watch. */
const MOST_WATCHED = 200;
const USAGE_MS = 5000;

/** A connection hears of the objects that it watches; it watches none when it ends. */
export function performanceMethods({ performance, inventory }: Pick<Engine, 'performance' | 'inventory'>, { emit, onEnd }: Session): EngineApi['performance'] {
  const watched = new Set<string>();
  let sampling: Disposable | undefined;
  const usage = performance.sampled.on(usageTo(rows => emit('usage.sampled', rows)));
  onEnd(() => { sampling?.dispose(); usage.dispose(); });
  const listen = () => performance.sampled.on(({ all }) => { for (const sampled of all) if (watched.has(meteredKey(sampled.object))) emit('performance.sampled', sampled); });
  return {
    metrics: () => Promise.resolve(METRICS),
    query: checked([MetricQuery], query => performance.query(query, Date.now())),
    watch: checked([MeteredId], object => {
      if (object.kind !== 'root') inventory.get(object.kind, object.id);
      if (watched.size >= MOST_WATCHED) throw new EngineError('too-many', say`At most ${MOST_WATCHED} objects can be watched at once.`);
      watched.add(meteredKey(object));
      sampling ??= listen();
    }),
    unwatch: checked([MeteredId], object => { watched.delete(meteredKey(object)); }),
  };
}

/** Says what VMs use now and then, and once that none does. */
function usageTo(tell: (rows: EngineEvents['usage.sampled']) => void): (sampled: { readonly atMs: number; readonly all: readonly Sampled[] }) => void {
  let saidMs = 0, saidNone = true;
  return ({ atMs, all }) => {
    if (atMs - saidMs < USAGE_MS) return;
    const rows = all.flatMap(({ object, values }): EngineEvents['usage.sampled'] => { const cpuMhz = values['cpu.usagemhz']; return object.kind === 'vm' && cpuMhz !== undefined ? [[object.id as VmId, cpuMhz]] : []; });
    if (rows.length > 0 || !saidNone) tell(rows);
    [saidMs, saidNone] = [atMs, rows.length === 0];
  };
}
