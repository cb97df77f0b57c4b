/** `npm run check`: types of each process, lint, layers. Says everything that is wrong, then ends with 1. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

type Check = readonly [what: string, command: string, ...args: readonly string[]];
/** Two rows, each in its order, side by side: lint takes as long as all others. */
const CHECKS: readonly (readonly Check[])[] = [
  [
    ...['shared', 'src-main', 'e2e', 'scripts'].map(folder => [`types of ${folder}`, 'tsc', '-p', folder] as const),
    ['types of src-renderer', 'vue-tsc', '--noEmit', '-p', 'src-renderer'],
    ['layers', 'vitest', 'run', 'scripts/layers.test.ts', '--reporter', 'dot'],
  ],
  [['lint', 'eslint', '--max-warnings', '0', '.']],
];

/** What is wrong, by name. */
export const check = async (): Promise<readonly string[]> => (await Promise.all(CHECKS.map(failedOf))).flat();

async function failedOf(checks: readonly Check[]): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const [what, command, ...args] of checks) {
    console.log(`check: ${what}`);
    const [status] = await once(spawn(join(ROOT, 'node_modules/.bin', command), args, { cwd: ROOT, stdio: 'inherit' }), 'close') as [number | null];
    if (status !== 0) failed.push(what);
  }
  return failed;
}

if (import.meta.main) {
  const failed = await check();
  if (failed.length > 0) console.error(`check failed: ${failed.join(', ')}`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}
