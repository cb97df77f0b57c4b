/** `node src-main/cpu/oracle/run-oracle.ts [seed] [cases per row] [row name pattern]`: more than the test runs. */
import { buildCore } from '../../../scripts/build-core.ts';
import { compareRows } from './oracle.ts';

await buildCore();
const [seed = '1', perRow = '50', pattern = '.'] = process.argv.slice(2);
const mismatches = compareRows(Number(seed), Number(perRow), new RegExp(pattern));
const byName = Map.groupBy(mismatches, m => m.name);
for (const [name, found] of byName) console.log(`${name}: ${found.length}\n${found[0]?.text ?? ''}`);
console.log(`${mismatches.length} mismatches in ${byName.size} rows`);
