/**
 * `npm start`: the desktop app, where Electron's runtime can be had and there is a display; otherwise says why, in one
 * line, and serves the console on a loopback URL.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, build } from './build.ts';

const ELECTRON = join(ROOT, 'node_modules/electron');
const DOWNLOAD_WAIT_MS = 120_000;

/** The executable, or why there is none. */
type Runtime = { readonly path: string } | { readonly missing: string };

function electronRuntime(): Runtime {
  if (process.env.DISPLAY === undefined && process.env.WAYLAND_DISPLAY === undefined) return { missing: 'there is no display' };
  const folder = process.env.ELECTRON_OVERRIDE_DIST_PATH ?? join(ELECTRON, 'dist');
  const path = join(folder, 'electron');
  if (!existsSync(path) && process.env.ELECTRON_OVERRIDE_DIST_PATH === undefined) {
    console.log('Downloading the Electron runtime …');
    spawnSync(process.execPath, [join(ELECTRON, 'install.js')], { stdio: 'ignore', timeout: DOWNLOAD_WAIT_MS });
  }
  return existsSync(path) ? { path } : { missing: 'the Electron runtime could not be downloaded' };
}

/** Chromium's sandbox wants user namespaces or a setuid helper, and refuses root. */
const sandboxArguments = (): readonly string[] => (process.getuid?.() === 0 ? ['--no-sandbox'] : []);

function command(): readonly [string, ...string[]] {
  const runtime = electronRuntime();
  if ('path' in runtime) return [runtime.path, ...sandboxArguments(), ROOT, ...process.argv.slice(2)];
  console.log(`The desktop app cannot open, since ${runtime.missing}: serving the console to your browser instead. Ctrl-C ends it.`);
  return [process.execPath, join(ROOT, 'dist/cli/quarterdeck.js'), 'serve', '--port', '0', ...process.argv.slice(2)];
}

await build();
const [file, ...args] = command();
const child = spawn(file, args, { stdio: 'inherit' });
// The terminal sends Ctrl-C to both; the child ends in its own time.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { if (signal === 'SIGTERM') child.kill(signal); });
child.on('exit', code => { process.exitCode = code ?? 1; });
