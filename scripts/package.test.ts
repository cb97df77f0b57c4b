import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listPackage } from '@electron/asar';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build } from './build.ts';
import { packageApp } from './package.ts';

/** What marks the fuses in Electron's executable, and how many this version has. */
const SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX', FUSES = 9;
const OFF = '0'.charCodeAt(0), ON = '1'.charCodeAt(0);

let folder: string;

/** A folder that looks like Electron's runtime, which need not be downloaded for this. */
function fakeElectron(): string {
  const path = join(folder, 'electron');
  mkdirSync(join(path, 'resources'), { recursive: true });
  writeFileSync(join(path, 'electron'), Buffer.concat([Buffer.alloc(64), Buffer.from(SENTINEL), Buffer.from([1, FUSES]), Buffer.alloc(FUSES, ON), Buffer.alloc(64)]));
  chmodSync(join(path, 'electron'), 0o755);
  for (const file of ['LICENSE', 'LICENSES.chromium.html', 'version']) writeFileSync(join(path, file), file);
  return path;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'package-'));
  await build();
  const code = packageApp('--linux', 'dir', 'tar.gz', `-c.electronDist=${fakeElectron()}`, `-c.directories.output=${join(folder, 'release')}`);
  expect(code).toBe(0);
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true }));

const unpacked = (...path: string[]): string => join(folder, 'release/linux-unpacked', ...path);

test('app.asar holds what was built and nothing else', () => {
  const files = listPackage(unpacked('resources/app.asar'), { isPack: false });
  for (const file of ['/package.json', '/dist/app/main.js', '/dist/app/preload.cjs', '/dist/engine/engine.js', '/dist/engine/vm-worker.js', '/dist/engine/store-worker.js', '/dist/core/core.wasm', '/dist/renderer/index.html']) expect(files).toContain(file);
  expect(files.filter(file => !/^\/(package\.json|dist)(\/|$)/.test(file))).toEqual([]);
});

test('the licence, the notices, the desktop file and the icon lie beside the program', () => {
  for (const file of ['quarterdeck', 'LICENSE', 'THIRD-PARTY-NOTICES.md', 'quarterdeck.png']) expect(existsSync(unpacked(file))).toBe(true);
  expect(readFileSync(unpacked('quarterdeck.desktop'), 'utf8')).toMatch(/^\[Desktop Entry\][^]*\nExec=quarterdeck %U\n/);
});

test('the fuses are set', async () => {
  const fuses = await getCurrentFuseWire(unpacked('quarterdeck'));
  expect({
    runAsNode: fuses[FuseV1Options.RunAsNode], nodeOptions: fuses[FuseV1Options.EnableNodeOptionsEnvironmentVariable], inspect: fuses[FuseV1Options.EnableNodeCliInspectArguments],
    cookieEncryption: fuses[FuseV1Options.EnableCookieEncryption], asarIntegrity: fuses[FuseV1Options.EnableEmbeddedAsarIntegrityValidation], onlyAsar: fuses[FuseV1Options.OnlyLoadAppFromAsar],
    filePrivileges: fuses[FuseV1Options.GrantFileProtocolExtraPrivileges],
  }).toEqual({ runAsNode: OFF, nodeOptions: OFF, inspect: OFF, cookieEncryption: ON, asarIntegrity: ON, onlyAsar: ON, filePrivileges: OFF });
});

test('the archive holds the same program', () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as { version: string };
  const names = execFileSync('tar', ['-tzf', join(folder, 'release', `quarterdeck-${version}.tar.gz`)], { encoding: 'utf8' }).split('\n');
  for (const file of ['quarterdeck', 'resources/app.asar', 'quarterdeck.desktop']) expect(names).toContain(`quarterdeck-${version}/${file}`);
});
