import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LEVELS } from '../../shared/model/metric.ts';
import { MetricsDatabase, type RolledUp, type StoredQuery } from './metrics-database.ts';

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
/** A midnight, so that intervals of all levels begin here. */
const START = 20_000 * DAY;
const object = { kind: 'vm', id: 'vm-1' } as const;

let folder: string, path: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'metrics-')); path = join(folder, 'metrics.db'); });
afterEach(() => rmSync(folder, { recursive: true }));

function opened<T>(use: (database: MetricsDatabase) => T, mostBytes?: number): T {
  const database = new MetricsDatabase(path, mostBytes);
  try { return use(database); } finally { database.close(); }
}
const row = (values: RolledUp['values']): RolledUp[] => [{ object, values }];
const all = (level: number, rest: Partial<StoredQuery> = {}): StoredQuery => ({ objects: [object], metrics: ['cpu.mips', 'cpu.instructions', 'translator.regions', 'disk.read'], fromMs: 0, toMs: START + 400 * DAY, level, ...rest });

test('five minutes become half hours, and those two hours: averages by the number of samples, sums, and what was last', () => {
  opened(db => {
    for (let n = 1; n <= 24; n++) db.rollUp(START + n * 5 * MINUTE, row({ 'cpu.mips': [n <= 3 ? 10 : 40, n <= 3 ? 300 : 100], 'cpu.instructions': [2, 300], 'translator.regions': [n, 300] }));
    const [mips, instructions, regions] = db.query(all(1));
    expect(mips).toMatchObject({ object, key: 'cpu.mips', intervalMs: 30 * MINUTE, atMs: [1, 2, 3, 4].map(n => START + n * 30 * MINUTE), values: [17.5, 40, 40, 40] });
    expect(instructions?.values).toEqual([12, 12, 12, 12]);
    expect(regions?.values).toEqual([6, 12, 18, 24]);
    expect(db.query(all(2)).map(({ values }) => values)).toEqual([[expect.closeTo((900 * 10 + 2100 * 40) / 3000)], [48], [24]]);
  });
});

test('what a level has not rolled up yet is shown from what is finer', () => {
  opened(db => {
    for (let n = 1; n <= 7; n++) db.rollUp(START + n * 5 * MINUTE, row({ 'cpu.mips': [n, 300] }));
    expect(db.query(all(1))[0]).toMatchObject({ atMs: [START + 30 * MINUTE, START + 60 * MINUTE], values: [3.5, 7] });
    expect(db.query(all(3))[0]).toMatchObject({ atMs: [START + DAY], values: [4] });
  });
});

test('an interval that was begun before a restart goes on after it', () => {
  opened(db => db.rollUp(START + 5 * MINUTE, row({ 'cpu.mips': [10, 100], 'cpu.instructions': [5, 100] })));
  opened(db => {
    db.rollUp(START + 5 * MINUTE, row({ 'cpu.mips': [40, 200], 'cpu.instructions': [7, 200] }));
    expect(db.query(all(0)).map(({ values }) => values)).toEqual([[30], [12]]);
  });
});

test('a level that became due while the engine did not run is made afterwards', () => {
  opened(db => { for (let n = 1; n <= 5; n++) db.rollUp(START + n * 5 * MINUTE, row({ 'cpu.mips': [n, 300] })); });
  opened(db => {
    db.rollUp(START + 3 * HOUR, row({ 'cpu.mips': [9, 300] }));
    expect(db.query(all(1))[0]).toMatchObject({ atMs: [START + 30 * MINUTE, START + 3 * HOUR], values: [3, 9] });
  });
});

test('each level is kept for its time, and no longer', () => {
  opened(db => {
    db.rollUp(START, row({ 'cpu.mips': [1, 300] }));
    db.rollUp(START + 366 * DAY, row({ 'cpu.mips': [2, 300] }));
    LEVELS.forEach((_, level) => expect(db.query(all(level))[0]?.values).toEqual([2]));
    db.rollUp(START + 367 * DAY + 5 * MINUTE, []);
    expect(db.query(all(0))).toEqual([]);
    expect(db.query(all(1))[0]?.values).toEqual([2]);
  });
});

test('a file that would become too large loses what is oldest', () => {
  opened(db => {
    for (let n = 1; n <= 280; n++) db.rollUp(START + n * 5 * MINUTE, row(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`disk.read#${i}`, [n, 300] as const]))));
    const atMs = db.query(all(0))[0]?.atMs ?? [];
    expect(atMs.length).toBeLessThan(200);
    expect(atMs.at(-1)).toBe(START + 280 * 5 * MINUTE);
  }, 200_000);
});

test('instances can be asked for by themselves', () => {
  opened(db => {
    db.rollUp(START, row({ 'disk.read': [3, 1], 'disk.read#disk-0': [1, 1], 'disk.read#disk-1': [2, 1] }));
    expect(db.query(all(0, { instances: ['', 'disk-1'] })).map(({ key }) => key)).toEqual(['disk.read', 'disk.read#disk-1']);
  });
});

test('a file that is damaged is set aside, and a new one begun', () => {
  writeFileSync(path, 'my diary\n'.repeat(1000));
  opened(db => {
    expect(db.isRenewed).toBe(true);
    db.rollUp(START, row({ 'cpu.mips': [1, 1] }));
  });
  expect(readFileSync(`${path}.damaged`, 'utf8')).toContain('my diary');
  opened(db => { expect([db.isRenewed, db.query(all(0)).length]).toEqual([false, 1]); });
});
