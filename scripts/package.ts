/** `npm run package`: what is given out, by electron-builder. Arguments go to it, for example `--linux dir`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, ROOT } from './build.ts';

/** Gives electron-builder's exit code. */
export function packageApp(...args: readonly string[]): number {
  return spawnSync(join(ROOT, 'node_modules/.bin/electron-builder'), ['--config', 'electron-builder.yml', '--publish', 'never', ...args], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] }).status ?? 1;
}

if (import.meta.main) {
  await build();
  process.exitCode = packageApp(...process.argv.slice(2));
}
