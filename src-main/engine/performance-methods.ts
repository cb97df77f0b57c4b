import type { EngineApi } from '../../shared/api/engine-api.ts';
import { EngineError } from '../../shared/base/errors.ts';
import type { Disposable } from '../../shared/base/disposable.ts';
import { MeteredId, meteredKey, MetricQuery, METRICS } from '../../shared/model/metric.ts';
import { checked } from './checked.ts';
import type { Engine } from './engine.ts';
import type { Session } from './session.ts';

/** How many objects one connection may watch. */
const MOST_WATCHED = 200;

/** A connection hears of the objects that it watches; it watches none when it ends. */
export function performanceMethods({ performance, inventory }: Pick<Engine, 'performance' | 'inventory'>, { emit, onEnd }: Session): EngineApi['performance'] {
  const watched = new Set<string>();
  let sampling: Disposable | undefined;
  onEnd(() => sampling?.dispose());
  const listen = () => performance.sampled.on(({ all }) => { for (const sampled of all) if (watched.has(meteredKey(sampled.object))) emit('performance.sampled', sampled); });
  return {
    metrics: () => Promise.resolve(METRICS),
    query: checked([MetricQuery], query => performance.query(query, Date.now())),
    watch: checked([MeteredId], object => {
      if (object.kind !== 'root') inventory.get(object.kind, object.id);
      if (watched.size >= MOST_WATCHED) throw new EngineError('too-many', `At most ${MOST_WATCHED} objects can be watched at once.`);
      watched.add(meteredKey(object));
      sampling ??= listen();
    }),
    unwatch: checked([MeteredId], object => { watched.delete(meteredKey(object)); }),
  };
}
