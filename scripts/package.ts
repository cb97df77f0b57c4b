/** `npm run package`: what is given out, by electron-builder. Arguments go to it, for example `--linux dir`. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build, ROOT } from './build.ts';

/** Debian's, from p7zip-full; electron-builder downloads one where there is none, to compress archives. */
const SEVEN_ZIP = '/usr/bin/7za';

/** Gives electron-builder's exit code. */
export function packageApp(...args: readonly string[]): number {
  return spawnSync(join(ROOT, 'node_modules/.bin/electron-builder'), ['--config', 'electron-builder.yml', '--publish', 'never', ...args], {
    cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...(existsSync(SEVEN_ZIP) && { ELECTRON_BUILDER_7ZIP_PATH: SEVEN_ZIP }) },
  }).status ?? 1;
}

if (import.meta.main) {
  await build();
  process.exitCode = packageApp(...process.argv.slice(2));
}
