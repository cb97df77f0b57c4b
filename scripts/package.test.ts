/** Packaging without a runtime: a folder that looks like an unpacked Electron stands for it. Nothing of it is started. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extractFile, listPackage } from '@electron/asar';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NOTICES, noticesText } from './notices.ts';
import { packageApp } from './package.ts';

/** Found in the executable, before the fuses: version 1, how many, and one byte each. */
const FUSE_SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX', FUSE_COUNT = 9;
/** A fuse's byte: the character 0 or 1. */
const OFF = 48, ON = 49;
const folder = mkdtempSync(join(tmpdir(), 'quarterdeck-package-')), output = join(folder, 'release');

beforeAll(async () => {
  const electronDist = join(folder, 'electron');
  mkdirSync(join(electronDist, 'resources'), { recursive: true });
  writeFileSync(join(electronDist, 'electron'), Buffer.concat([Buffer.from('not a program '), Buffer.from(FUSE_SENTINEL), Buffer.from([1, FUSE_COUNT]), Buffer.alloc(FUSE_COUNT, '0'), Buffer.alloc(64)]));
  chmodSync(join(electronDist, 'electron'), 0o755);
  writeFileSync(join(electronDist, 'version'), '45.4.1');
  await packageApp({ targets: ['dir', 'tar.gz'], electronDist, output });
}, 240_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const unpacked = join(output, 'linux-unpacked'), archive = join(unpacked, 'resources/app.asar');

test('app.asar holds the built app and nothing of the sources or the packages', () => {
  const files = listPackage(archive, { isPack: false });
  expect(files).toEqual(expect.arrayContaining(['/package.json', '/LICENSE', '/THIRD-PARTY-NOTICES.md', '/dist/app/main.js', '/dist/app/preload.cjs', '/dist/engine/engine.js', '/dist/engine/vm-worker.js', '/dist/engine/translation-worker.js', '/dist/core/interpreter.wasm', '/dist/renderer/index.html']));
  expect(files.filter(file => /node_modules|src-main|\.ts$/.test(file))).toEqual([]);
  expect(JSON.parse(extractFile(archive, 'package.json').toString())).toMatchObject({ main: 'dist/app/main.js', name: 'quarterdeck' });
});

test('the executable has the fuses of the security settings', async () => {
  const fuses = await getCurrentFuseWire(join(unpacked, 'quarterdeck'));
  expect(fuses[FuseV1Options.RunAsNode]).toBe(OFF);
  expect(fuses[FuseV1Options.EnableCookieEncryption]).toBe(ON);
  expect(fuses[FuseV1Options.EnableNodeOptionsEnvironmentVariable]).toBe(OFF);
  expect(fuses[FuseV1Options.EnableNodeCliInspectArguments]).toBe(OFF);
  expect(fuses[FuseV1Options.OnlyLoadAppFromAsar]).toBe(ON);
  expect(fuses[FuseV1Options.GrantFileProtocolExtraPrivileges]).toBe(OFF);
});

test('a desktop entry and an icon lie beside the executable', () => {
  const entry = readFileSync(join(unpacked, 'share/applications/quarterdeck.desktop'), 'utf8');
  expect(entry).toMatch(/^Exec=quarterdeck %U$/m);
  expect(entry).toMatch(/^Icon=quarterdeck$/m);
  const icon = readFileSync(join(unpacked, 'share/icons/hicolor/512x512/apps/quarterdeck.png'));
  expect([icon.subarray(1, 4).toString(), icon.readUInt32BE(16), icon.readUInt32BE(20)]).toEqual(['PNG', 512, 512]);
});

test('the archive unpacks to the same app', () => {
  const name = readdirSync(output).find(entry => entry.endsWith('.tar.gz'));
  const listing = execFileSync('tar', ['-tzf', join(output, name ?? 'missing')], { encoding: 'utf8' });
  expect(listing).toMatch(/\/quarterdeck$/m);
  expect(listing).toMatch(/\/resources\/app\.asar$/m);
});

test('the notices are those of the packages that are redistributed', () => {
  expect(existsSync(NOTICES)).toBe(true);
  expect(readFileSync(NOTICES, 'utf8')).toBe(noticesText());
});
