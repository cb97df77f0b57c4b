/**
 * One object's figures of the last hour, second by second, in chunks that are intervals of the finest level. In a chunk
 * that is over, figures that did not change take one number: most of what an idle VM has.
 */
import { LEVELS, LIVE, metricOf, seriesOf, type Values } from '../../shared/model/metric.ts';

const CHUNK_MS = LEVELS[0].intervalMs, MOST_SAMPLES = CHUNK_MS / LIVE.intervalMs;

interface Chunk {
  /** The end of its interval. */
  readonly endMs: number;
  readonly times: Float64Array;
  count: number;
  /** NaN is no figure. */
  readonly columns: Map<string, Float32Array | number>;
}

export interface Points { readonly atMs: number[]; readonly values: number[] }

export class LiveHistory {
  latest: { readonly atMs: number; readonly values: Values } | undefined;
  private chunks: Chunk[] = [];

  /** Samples that are not newer than the last are left out. Gives the chunk that this one ended, rolled up. */
  add(atMs: number, values: Values): { readonly endMs: number; readonly values: Record<string, readonly [number, number]> } | undefined {
    if (atMs <= (this.latest?.atMs ?? -1)) return undefined;
    this.latest = { atMs, values };
    const endMs = Math.ceil(atMs / CHUNK_MS) * CHUNK_MS, last = this.chunks.at(-1), ended = last && last.endMs !== endMs ? this.ended() : undefined;
    const chunk = last?.endMs === endMs ? last : this.newChunk(endMs);
    if (chunk.count === MOST_SAMPLES) return ended;
    for (const [key, value] of Object.entries(values)) columnOf(chunk, key)[chunk.count] = value;
    chunk.times[chunk.count++] = atMs;
    return ended;
  }

  /** Ends the last chunk, and gives what it comes to. */
  ended(): { readonly endMs: number; readonly values: Record<string, readonly [number, number]> } | undefined {
    const last = this.chunks.at(-1);
    if (last === undefined) return undefined;
    seal(last);
    return { endMs: last.endMs, values: Object.fromEntries([...last.columns.keys()].flatMap(key => { const rolled = rolledUp(last, key); return rolled ? [[key, rolled]] : []; })) };
  }

  get keys(): string[] { return [...new Set(this.chunks.flatMap(({ columns }) => [...columns.keys()]))]; }
  /** Nothing is left of the last hour. */
  isOver(nowMs: number): boolean { return (this.latest?.atMs ?? 0) < nowMs - LIVE.keptMs; }

  points(key: string, fromMs: number, toMs: number): Points {
    const found: Points = { atMs: [], values: [] };
    for (const chunk of this.chunks) for (const [atMs, value] of valuesIn(chunk, key)) {
      if (atMs > fromMs && atMs <= toMs) { found.atMs.push(atMs); found.values.push(value); }
    }
    return found;
  }

  /** What the chunk that has not ended comes to so far, at the time of its last sample. */
  partial(key: string): { readonly atMs: number; readonly value: number } | undefined {
    const last = this.chunks.at(-1), rolled = last && rolledUp(last, key);
    return last && rolled && { atMs: last.times[last.count - 1] as number, value: rolled[0] };
  }

  private newChunk(endMs: number): Chunk {
    const chunk: Chunk = { endMs, times: new Float64Array(MOST_SAMPLES), count: 0, columns: new Map() };
    this.chunks = [...this.chunks.filter(old => old.endMs > endMs - LIVE.keptMs - CHUNK_MS), chunk];
    return chunk;
  }
}

/** A chunk that goes on after it was ended has its columns again. */
function columnOf({ columns }: Chunk, key: string): Float32Array {
  const column = columns.get(key);
  if (column instanceof Float32Array) return column;
  const whole = new Float32Array(MOST_SAMPLES).fill(column ?? NaN);
  columns.set(key, whole);
  return whole;
}

function* valuesIn({ columns, times, count }: Chunk, key: string): Generator<readonly [atMs: number, value: number]> {
  const column = columns.get(key);
  for (let n = 0; column !== undefined && n < count; n++) {
    const value = typeof column === 'number' ? column : column[n] ?? NaN;
    if (!Number.isNaN(value)) yield [times[n] as number, value];
  }
}

function seal({ columns, count }: Chunk): void {
  for (const [key, column] of columns) if (column instanceof Float32Array && column.subarray(0, count).every(value => value === column[0])) columns.set(key, column[0] as number);
}

function rolledUp(chunk: Chunk, key: string): readonly [value: number, n: number] | undefined {
  const values = [...valuesIn(chunk, key)].map(([, value]) => value), sum = values.reduce((a, b) => a + b, 0), n = values.length;
  if (n === 0) return undefined;
  const rollup = metricOf(seriesOf(key).metric)?.rollup;
  return [rollup === 'summation' ? sum : rollup === 'latest' ? values.at(-1) ?? 0 : sum / n, n];
}
