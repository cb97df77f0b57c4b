/**
 * The file of figures: what samples were rolled up to, one table for all levels. Each roll-up also makes those of the
 * levels above that have become due, and drops what is too old, or when the file would become too large. Nothing in it
 * is precious: a file that cannot be used is set aside. Runs in a worker (metrics-worker.ts); every method blocks.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { LEVELS, metricOf, seriesOf, type MeteredId, type MetricSeries } from '../../shared/model/metric.ts';

/** "Qdmt" (PRAGMA application_id). */
const APPLICATION_ID = 0x51646d74, FORMAT = 1;
const MOST_BYTES = 512 * 1024 * 1024;

/** `atS` ends the interval, in seconds since the epoch; `n` is how many samples the value is made of. */
const TABLES = `
  CREATE TABLE series (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, object TEXT NOT NULL, key TEXT NOT NULL, rollup TEXT NOT NULL, UNIQUE (kind, object, key));
  CREATE TABLE samples (series INTEGER NOT NULL, level INTEGER NOT NULL, atS INTEGER NOT NULL, value REAL NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (series, level, atS)) WITHOUT ROWID;
  CREATE TABLE rolled (level INTEGER PRIMARY KEY, atS INTEGER NOT NULL);
  PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT};`;

/** What rows of one series and interval become together; the bare `value` is that of the newest row. */
const COMBINED = "CASE rollup WHEN 'average' THEN sum(value * n) / sum(n) WHEN 'summation' THEN sum(value) ELSE value END";

/** What an interval of the finest level has of one object: value and number of samples by the keys of its series. */
export interface RolledUp { readonly object: MeteredId; readonly values: Readonly<Record<string, readonly [value: number, n: number]>> }
export interface StoredQuery { readonly objects: readonly MeteredId[]; readonly metrics: readonly string[]; readonly instances?: readonly string[] | undefined; readonly fromMs: number; readonly toMs: number; readonly level: number }

export class MetricsDatabase {
  /** Whether a file that could not be used was set aside. */
  readonly isRenewed: boolean;
  private readonly db: DatabaseSync;
  private readonly mostBytes: number;
  private readonly add: StatementSync;
  private readonly ids = new Map<string, number>();

  constructor(path: string, mostBytes = MOST_BYTES) {
    this.mostBytes = mostBytes;
    this.isRenewed = existsSync(path) && !isOurs(path);
    if (this.isRenewed) setAside(path);
    this.db = new DatabaseSync(path);
    this.db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    if (this.db.prepare('PRAGMA user_version').get()?.user_version === 0) this.db.exec(`BEGIN; ${TABLES} COMMIT`);
    this.add = this.db.prepare(`INSERT INTO samples VALUES (?, 0, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n, value = CASE ?
      WHEN 'average' THEN (value * n + excluded.value * excluded.n) / (n + excluded.n) WHEN 'summation' THEN value + excluded.value ELSE excluded.value END`);
    this.readIds();
  }

  /** Adds to the interval of the finest level that ends at `atMs`. */
  rollUp(atMs: number, rows: readonly RolledUp[]): void {
    this.db.exec('BEGIN IMMEDIATE');
    try {
      for (const { object, values } of rows) for (const [key, [value, n]] of Object.entries(values)) this.put(object, key, atMs / 1000, value, n);
      for (let level = 1; level < LEVELS.length; level++) this.rollUpTo(level, atMs);
      this.expire(atMs);
      this.db.exec('COMMIT');
    } catch (error) {
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      this.readIds();
      throw error;
    }
  }

  /** Of a level above the finest, what is not rolled up yet comes from the finest; an interval that has not ended is stamped with what it has last. */
  query({ objects, metrics, instances, fromMs, toMs, level }: StoredQuery): MetricSeries[] {
    const { intervalMs } = levelAt(level), end = endOf(intervalMs / 1000), select = this.db.prepare(`SELECT atS AS endS, value FROM samples WHERE series = ?1 AND level = ?2 AND atS > ?3 AND atS <= ?4 ORDER BY atS`);
    const due = this.db.prepare(`SELECT ${end} AS endS, max(atS) AS lastS, ${COMBINED} AS value FROM samples JOIN series ON series.id = samples.series WHERE series = ?1 AND level = 0 AND atS > ?2 AND atS <= ?3 GROUP BY endS ORDER BY endS`);
    return objects.flatMap(object => this.seriesOf(object, metrics, instances).flatMap(({ id, key }) => {
      const rolledS = level === 0 ? Infinity : this.rolledS(level), from = Math.floor(fromMs / 1000), to = Math.floor(toMs / 1000);
      const rows = [...select.all(id, level, from, to), ...(level > 0 ? due.all(id, Math.max(from, rolledS), to).map(each => ({ endS: Number(each.endS) > to ? each.lastS : each.endS, value: each.value })) : [])];
      return rows.length === 0 ? [] : [{ object, key, intervalMs, atMs: rows.map(({ endS }) => Number(endS) * 1000), values: rows.map(({ value }) => Number(value)) }];
    }));
  }

  close(): void { this.db.close(); }

  private seriesOf({ kind, id: object }: MeteredId, metrics: readonly string[], instances: readonly string[] | undefined): { id: number; key: string }[] {
    return this.db.prepare('SELECT id, key FROM series WHERE kind = ? AND object = ? ORDER BY id').all(kind, object).map(({ id, key }) => ({ id: Number(id), key: String(key) }))
      .filter(({ key }) => { const { metric, instance } = seriesOf(key); return metrics.includes(metric) && (instances?.includes(instance) ?? true); });
  }

  private put(object: MeteredId, key: string, atS: number, value: number, n: number): void {
    const rollup = metricOf(seriesOf(key).metric)?.rollup ?? 'average';
    this.add.run(this.idOf(object, key, rollup), atS, value, n, rollup);
  }

  private idOf({ kind, id }: MeteredId, key: string, rollup: string): number {
    const name = `${kind} ${id} ${key}`, known = this.ids.get(name);
    if (known !== undefined) return known;
    const made = Number(this.db.prepare('INSERT INTO series (kind, object, key, rollup) VALUES (?, ?, ?, ?)').run(kind, id, key, rollup).lastInsertRowid);
    this.ids.set(name, made);
    return made;
  }

  private readIds(): void {
    this.ids.clear();
    for (const { id, kind, object, key } of this.db.prepare('SELECT id, kind, object, key FROM series').all()) this.ids.set([kind, object, key].map(String).join(' '), Number(id));
  }

  private rolledS(level: number): number { return Number(this.db.prepare('SELECT atS FROM rolled WHERE level = ?').get(level)?.atS ?? 0); }

  /** Makes the intervals of a level that have ended since it was last done, also when that was in an earlier life of the engine. */
  private rollUpTo(level: number, atMs: number): void {
    const stepS = levelAt(level).intervalMs / 1000, fromS = this.rolledS(level), toS = Math.floor(atMs / 1000 / stepS) * stepS;
    if (toS <= fromS) return;
    this.db.prepare(`INSERT OR REPLACE INTO samples SELECT series, ${level}, endS, value, n FROM (
      SELECT series, ${endOf(stepS)} AS endS, max(atS), ${COMBINED} AS value, sum(n) AS n FROM series JOIN samples ON samples.series = series.id AND level = ${level - 1} AND atS > ? AND atS <= ? GROUP BY series, endS)`).run(fromS, toS);
    this.db.prepare('INSERT OR REPLACE INTO rolled VALUES (?, ?)').run(level, toS);
  }

  private expire(atMs: number): void {
    const drop = this.db.prepare('DELETE FROM samples WHERE series IN (SELECT id FROM series) AND level = ? AND atS <= ?'), dropAll = (part: number) => LEVELS.forEach(({ keptMs }, level) => drop.run(level, Math.floor((atMs - keptMs * part) / 1000)));
    dropAll(1);
    for (let part = 0.5; part > 0.01 && this.usedBytes > this.mostBytes; part /= 2) dropAll(part);
    if (this.db.prepare('DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM samples WHERE samples.series = series.id)').run().changes > 0) this.readIds();
  }

  private get usedBytes(): number {
    const of = (what: string) => Number(Object.values(this.db.prepare(`PRAGMA ${what}`).get() ?? {})[0]);
    return (of('page_count') - of('freelist_count')) * of('page_size');
  }
}

/** The end of the interval that a row is in. Parameters would be floating point, which does not divide as this needs. */
const endOf = (stepS: number): string => `((atS + ${stepS - 1}) / ${stepS}) * ${stepS}`;
const levelAt = (level: number): { readonly intervalMs: number } => LEVELS[level] ?? LEVELS[0];

function isOurs(path: string): boolean {
  try {
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      return db.prepare('PRAGMA application_id').get()?.application_id === APPLICATION_ID && db.prepare('PRAGMA user_version').get()?.user_version === FORMAT
        && db.prepare('PRAGMA quick_check(1)').get()?.quick_check === 'ok';
    } finally { db.close(); }
  } catch { return false; }
}

/** Only one is kept. */
function setAside(path: string): void {
  for (const rest of ['-wal', '-shm']) rmSync(path + rest, { force: true });
  renameSync(path, `${path}.damaged`);
}
