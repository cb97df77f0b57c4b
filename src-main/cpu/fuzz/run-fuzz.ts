/**
 * `node src-main/cpu/fuzz/run-fuzz.ts translate|bytes [seed] [count]`: more than the tests run, in as many threads as
 * the machine has. Ends with 1, and prints each failing seed, what is left of its program, and what differs.
 */
import { availableParallelism } from 'node:os';
import { buildCore } from '../../../scripts/build-core.ts';
import { fuzz, type FuzzKind } from './fuzz.ts';

const CHUNK = 500;

await buildCore();
const [kind = 'translate', first = '1', count = '1000'] = process.argv.slice(2), end = Number(first) + Number(count);
let next = Number(first), failures = 0;

async function work(): Promise<void> {
  while (next < end) {
    const seed = next, size = Math.min(CHUNK, end - seed);
    next += size;
    const report = await fuzz(kind as FuzzKind, seed, size);
    failures += report.failures.length;
    for (const text of report.failures) console.log(`${text}\n`);
    console.log(`seeds ${seed} to ${seed + size - 1}: ${report.failures.length} failures, ${report.regions} regions`);
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work));
process.exitCode = failures > 0 ? 1 : 0;
