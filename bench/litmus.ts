/**
 * `node bench/litmus.ts [rounds] [name]`: what vCPUs in threads see of each other's accesses, as a table. An outcome marked
 * `forbidden` is a bug. One marked `relaxed` is allowed; that SB shows it, and SB with barriers does not, is the control
 * that the rounds overlap at all.
 */
import { LITMUS, runLitmus } from '../src-main/hypervisor/litmus/litmus.ts';

const [rounds = '100000', name = ''] = process.argv.slice(2);
for (const test of LITMUS.filter(t => t.name.startsWith(name))) {
  const seen = await runLitmus(test, Number(rounds), 'parallel');
  console.log(test.name);
  for (const [outcome, count] of [...seen].sort()) console.log(`  ${outcome}  ${String(count).padStart(8)}${outcome === test.forbidden ? '  forbidden!' : outcome === test.relaxed ? '  relaxed' : ''}`);
  if (test.forbidden !== undefined && seen.has(test.forbidden)) process.exitCode = 1;
}
