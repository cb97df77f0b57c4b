/** The device trees of all boards that Debian's generic kernel has: 576 of them in Debian 12. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fetchGuests } from '../../../scripts/fetch-guests.ts';
import { fuzzRandom } from '../../devices/fuzz-random.ts';
import { EngineError } from '../../../shared/base/errors.ts';
import { acpiTables } from './convert.ts';
import { recompiled } from './iasl.ts';
import { placeTables } from './place.ts';
import type { AcpiTable } from './table.ts';

const FEWEST_BOARDS = 500;
/** Each table is one's own but for a few kinds; of the large DSDTs, one in so many is tried. */
const ONE_DSDT_OF = 8;
const MUTANTS = 400, MOST_CHANGES = 20;

const folder = mkdtempSync(join(tmpdir(), 'quarterdeck-boards-'));
let boards: readonly { readonly name: string; readonly blob: Uint8Array }[] = [];

beforeAll(async () => {
  const { archive } = await fetchGuests('generic');
  await promisify(execFile)('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards "*.dtb"', 'sh', archive, folder]);
  boards = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.dtb')).sort().map(name => ({ name, blob: readFileSync(join(folder, name)) }));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

test('all of them are converted, and ACPICA\'s compiler puts together again the same bytes that it took apart', async () => {
  expect(boards.length).toBeGreaterThan(FEWEST_BOARDS);
  const distinct = new Map<string, { readonly board: string; readonly table: AcpiTable }>(), complaints: string[] = [];
  boards.forEach(({ name, blob }, n) => {
    const { tables } = acpiTables({ deviceTree: blob });
    expect(tables.map(({ signature }) => signature), name).toEqual(expect.arrayContaining(['FACP', 'DSDT', 'APIC', 'GTDT', 'PPTT']));
    for (const table of tables) if (table.signature !== 'DSDT' || n % ONE_DSDT_OF === 0) distinct.set(createHash('sha256').update(table.bytes).digest('hex'), { board: name, table });
  });
  const waiting = [...distinct.values()];
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) complaints.push(...(await recompiled(next.table)).complaints.map(complaint => `${next?.board}: ${complaint}`));
  }));
  expect(complaints).toEqual([]);
}, 180_000);

test('mutants of them are converted, or refused in one sentence', () => {
  const random = fuzzRandom(11);
  let refused = 0;
  for (let n = 0; n < MUTANTS; n++) {
    const blob = Uint8Array.from(random.pick(boards).blob), view = new DataView(blob.buffer), changes = 1 + random.below(MOST_CHANGES);
    for (let change = 0; change < changes; change++) {
      const at = random.below(blob.length - 4) & ~3;
      // Half of them are of cells, which more often leave the structure whole.
      if (random.below(2) === 0) view.setUint32(at, random.pick([0, 1, 2, 3, 0xffff_ffff, 0x8000_0000, random.next()]));
      else blob[random.below(blob.length)] = random.next();
    }
    if (random.below(10) === 0) blob.fill(0xff, random.below(blob.length));
    try { placeTables(acpiTables({ deviceTree: blob }).tables, 0x8000_0000); } catch (error) {
      expect(error, `mutant ${n}`).toBeInstanceOf(EngineError);
      expect((error as Error).message).toMatch(/^[A-Z].*\.$/);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(MUTANTS);
}, 60_000);

test('random bytes behind a header that is right are converted, or refused in one sentence', () => {
  const random = fuzzRandom(12);
  for (let n = 0; n < MUTANTS; n++) {
    const blob = new Uint8Array(4096).map(() => random.pick([0, 0, 0, 1, 2, 3, 4, 9, 0x61, random.next() & 0xff])), view = new DataView(blob.buffer);
    [0xd00d_feed, blob.length, 56, 3000, 40, 17, 16, 0, 1000, 2900].forEach((word, at) => view.setUint32(4 * at, word));
    if (random.below(2) === 0) view.setUint32(56, 1);
    try { acpiTables({ deviceTree: blob }); } catch (error) { expect(error).toBeInstanceOf(EngineError); }
  }
});
