/**
 * `npm run package`: builds, then lets electron-builder make what electron-builder.yml asks for. Electron's runtime is
 * downloaded by electron-builder, or taken from ELECTRON_OVERRIDE_DIST_PATH. 7-Zip is Debian's where there is one.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build as makePackage, Platform } from 'electron-builder';
import { build } from './build.ts';
import { writeNotices } from './notices.ts';

const ROOT = join(import.meta.dirname, '..');
const SEVEN_ZIP = '/usr/bin/7za';

export interface PackageOptions {
  readonly targets?: readonly ('dir' | 'tar.gz')[];
  /** A folder with an unpacked Electron. */
  readonly electronDist?: string;
  readonly output?: string;
}

/** Paths of what was made. */
export async function packageApp({ targets = ['dir', 'tar.gz'], electronDist = process.env.ELECTRON_OVERRIDE_DIST_PATH, output }: PackageOptions = {}): Promise<string[]> {
  await build();
  writeNotices();
  if (process.env.ELECTRON_BUILDER_7ZIP_PATH === undefined && existsSync(SEVEN_ZIP)) process.env.ELECTRON_BUILDER_7ZIP_PATH = SEVEN_ZIP;
  return makePackage({
    projectDir: ROOT, publish: 'never', targets: Platform.LINUX.createTarget([...targets]),
    config: { extends: join(ROOT, 'electron-builder.yml'), ...(electronDist !== undefined && { electronDist }), ...(output !== undefined && { directories: { output } }) },
  });
}

if (import.meta.main) {
  try {
    for (const path of await packageApp()) console.log(path);
  } catch (error) {
    console.error(`The package could not be made: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    process.exitCode = 1;
  }
}
