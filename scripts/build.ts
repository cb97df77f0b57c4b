/**
 * Builds everything into dist: the CPU's wasm, the Node side bundled by esbuild, the renderer by vite.
 * Every file of dist/app, engine, cli and chunks lies one folder deep, so `../core` is right from each of them.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build as bundle, type BuildOptions } from 'esbuild';
import { build as buildPage } from 'vite';
import { buildCore } from './build-core.ts';

export const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

/** Output below dist to source below src-main. */
const ENTRIES = {
  'app/main': 'app/main.ts',
  'engine/engine': 'engine/main.ts',
  'engine/vm-worker': 'hypervisor/vm-worker.ts',
  'engine/network-worker': 'hypervisor/network-worker.ts',
  'engine/display-worker': 'display/display-worker.ts',
  'engine/vcpu-worker': 'hypervisor/vcpu-worker.ts',
  'engine/copier-worker': 'hypervisor/migration/copier-worker.ts',
  'engine/receiver-worker': 'hypervisor/migration/receiver-worker.ts',
  'engine/translation-worker': 'hypervisor/translation-worker.ts',
  'engine/store-worker': 'inventory/store-worker.ts',
  'engine/metrics-worker': 'inventory/metrics-worker.ts',
  'cli/quarterdeck': 'cli/quarterdeck.ts',
};

export async function build(): Promise<void> {
  await buildCore();
  if (nodeIsStale()) await buildNode();
  if (rendererIsStale()) await buildPage({ configFile: join(ROOT, 'vite.config.ts'), logLevel: 'warn' });
}

async function buildNode(): Promise<void> {
  const common: BuildOptions & { metafile: true } = {
    bundle: true, metafile: true, platform: 'node', target: 'node24', outdir: DIST, logLevel: 'warning', external: ['electron', 'bufferutil', 'utf-8-validate'],
    define: { QUARTERDECK_VERSION: JSON.stringify(version()), QUARTERDECK_BUILD: JSON.stringify(commit()) },
  };
  await bundle({ ...common, format: 'cjs', outExtension: { '.js': '.cjs' }, entryPoints: { 'app/preload': join(ROOT, 'src-main/app/preload.ts') } });
  const { metafile } = await bundle({
    ...common, format: 'esm', splitting: true, chunkNames: 'chunks/[name]-[hash]', mainFields: ['module', 'main'],
    // Bundled CommonJS packages ask for Node's own modules by `require`.
    banner: { js: 'import { createRequire as nodeRequire } from "node:module"; const require = nodeRequire(import.meta.url);' },
    entryPoints: Object.fromEntries(Object.entries(ENTRIES).map(([out, source]) => [out, join(ROOT, 'src-main', source)])),
  });
  chmodSync(join(DIST, 'cli/quarterdeck.js'), 0o755);
  const written = new Set(Object.keys(metafile.outputs).map(path => basename(path)));
  for (const chunk of readdirSync(join(DIST, 'chunks'))) if (!written.has(chunk)) rmSync(join(DIST, 'chunks', chunk));
}

function nodeIsStale(): boolean {
  return newest('src-main', 'shared', 'scripts/build.ts', 'package.json') > modified(join(DIST, 'cli/quarterdeck.js'));
}

function rendererIsStale(): boolean {
  return newest('src-renderer', 'shared', 'vite.config.ts') > modified(join(DIST, 'renderer/index.html'));
}

function version(): string {
  return (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;
}

/** The commit this build was made of, with a mark when the sources differ from it; `unknown` outside a checkout. */
function commit(): string {
  try { return execFileSync('git', ['describe', '--always', '--dirty=+', '--exclude=*'], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim(); } catch { return 'unknown'; }
}

function newest(...paths: string[]): number {
  return Math.max(...paths.flatMap(path => [join(ROOT, path), ...filesBelow(join(ROOT, path))]).map(modified));
}

function filesBelow(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
}

function modified(path: string): number { return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0; }

if (import.meta.main) await build();
