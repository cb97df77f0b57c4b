/** `node src-main/cpu/oracle/run-oracle.ts [seed] [cases per row] [row name pattern]`: more than the test runs; 'words' for a sweep over any words, 'sequences' for several instructions in a row. */
import { buildCore } from '../../../scripts/build-core.ts';
import { compareRows, compareSequences, compareWords } from './oracle.ts';

await buildCore();
const [seed = '1', count = '50', pattern = '.'] = process.argv.slice(2);
const sweep = { words: compareWords, sequences: compareSequences }[pattern] ?? ((s: number, n: number) => compareRows(s, n, new RegExp(pattern)));
const mismatches = sweep(Number(seed), Number(count));
const byName = Map.groupBy(mismatches, m => m.name);
for (const [name, found] of byName) console.log(`${name}: ${found.length}\n${found[0]?.text ?? ''}`);
console.log(`${mismatches.length} mismatches in ${byName.size} rows`);
