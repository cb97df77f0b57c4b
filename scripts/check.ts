/** `npm run check`: types of each process, lint, layers. Says everything that is wrong, then ends with 1. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

const CHECKS: readonly (readonly [what: string, command: string, ...args: readonly string[]])[] = [
  ...['shared', 'src-main', 'e2e', 'scripts'].map(folder => [`types of ${folder}`, 'tsc', '-p', folder] as const),
  ['types of src-renderer', 'vue-tsc', '--noEmit', '-p', 'src-renderer'],
  ['lint', 'eslint', '--max-warnings', '0', '.'],
  ['layers', 'vitest', 'run', 'scripts/layers.test.ts', '--reporter', 'dot'],
];

/** What is wrong, by name. */
export function check(): readonly string[] {
  return CHECKS.filter(([what, command, ...args]) => {
    console.log(`check: ${what}`);
    return spawnSync(join(ROOT, 'node_modules/.bin', command), args, { cwd: ROOT, stdio: 'inherit' }).status !== 0;
  }).map(([what]) => what);
}

if (import.meta.main) {
  const failed = check();
  if (failed.length > 0) console.error(`check failed: ${failed.join(', ')}`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}
