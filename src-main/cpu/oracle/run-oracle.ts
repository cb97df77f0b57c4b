/** `node src-main/cpu/oracle/run-oracle.ts [seed] [cases per row] [row name pattern]`: more than the test runs; 'words' for a sweep over any words. */
import { buildCore } from '../../../scripts/build-core.ts';
import { compareRows, compareWords } from './oracle.ts';

await buildCore();
const [seed = '1', count = '50', pattern = '.'] = process.argv.slice(2);
const mismatches = pattern === 'words' ? compareWords(Number(seed), Number(count)) : compareRows(Number(seed), Number(count), new RegExp(pattern));
const byName = Map.groupBy(mismatches, m => m.name);
for (const [name, found] of byName) console.log(`${name}: ${found.length}\n${found[0]?.text ?? ''}`);
console.log(`${mismatches.length} mismatches in ${byName.size} rows`);
