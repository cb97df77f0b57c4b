/** Holds the table of docs/architecture.md: who may import whom. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const SHARED = ['shared/base', 'shared/model', 'shared/api'];
const MACHINE = ['src-main/time', 'src-main/memory', 'src-main/display', 'src-main/fabric', 'src-main/cpu', 'src-main/devices', 'src-main/firmware', 'src-main/storage'];
const RENDERER = ['src-renderer/i18n', 'src-renderer/app', 'src-renderer/engine', 'src-renderer/stores', 'src-renderer/views', 'src-renderer/components'];

/** Folder to the folders it may import from besides itself, bottom first. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'shared/base': [],
  'shared/model': ['shared/base'],
  'shared/api': ['shared/base', 'shared/model'],
  'src-main/time': ['shared/base', 'shared/model'],
  'src-main/memory': ['shared/base'],
  'src-main/display': ['shared/base', 'shared/model'],
  'src-main/fabric': ['shared/base', 'src-main/time'],
  // Support of tests: real machines' answers, which it fetches and compiles for; random programs.
  'src-main/cpu/oracle': ['shared/base', 'src-main/cpu', 'scripts'],
  'src-main/cpu/fuzz': ['shared/base', 'src-main/cpu', 'src-main/cpu/oracle', 'scripts'],
  'src-main/cpu/selftest': ['shared/base', 'src-main/cpu'],
  'src-main/cpu': ['shared/base', 'src-main/time', 'src-main/memory'],
  'src-main/devices': ['shared/base', 'shared/model', 'src-main/time', 'src-main/memory', 'src-main/display', 'src-main/fabric', 'src-main/storage'],
  'src-main/firmware': ['shared/base', 'shared/model', 'src-main/time', 'src-main/memory', 'src-main/devices', 'src-main/storage'],
  'src-main/storage': ['shared/base'],
  'src-main/host': [...SHARED, ...MACHINE],
  'src-main/hypervisor': [...SHARED, ...MACHINE, 'src-main/host'],
  'src-main/inventory': SHARED,
  'src-main/engine': [...SHARED, ...MACHINE, 'src-main/host', 'src-main/hypervisor', 'src-main/inventory'],
  'src-main/cli': [...SHARED, 'src-main/display', 'src-main/engine', 'src-main/firmware', 'src-main/hypervisor', 'src-main/storage'],
  'src-main/app': SHARED,
  'src-renderer/i18n': ['shared/base'],
  'src-renderer/components': [...SHARED, 'src-renderer/i18n'],
  'src-renderer/engine': SHARED,
  'src-renderer/stores': [...SHARED, 'src-renderer/engine', 'src-renderer/i18n'],
  'src-renderer/views': [...SHARED, ...RENDERER],
  'src-renderer/app': [...SHARED, ...RENDERER],
  'e2e/pages': ['shared/model'],
  'e2e/fixtures': ['shared/model', 'e2e/electron-standin', 'scripts'],
  'e2e/electron-standin': ['e2e/fixtures'],
  'e2e/specs': ['shared/model', 'e2e/pages', 'e2e/fixtures'],
};

const layerOf = (file: string): string | undefined => Object.keys(MAY_IMPORT).find(layer => file.startsWith(`${layer}/`)) ?? (file.startsWith('scripts/') ? 'scripts' : undefined);

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && /\.(ts|vue)$/.test(entry.name)).map(entry => relative(ROOT, join(entry.parentPath, entry.name)));
}

/** Every file's imports, those of types too. */
const imports = ['shared', 'src-main', 'src-renderer', 'e2e'].flatMap(sources).flatMap(file =>
  [...readFileSync(join(ROOT, file), 'utf8').matchAll(/(?:from |import\(|import )'([^']+)'/g)].map(([, to = '']) => ({ file, to })));

test('a folder imports only what lies below it', () => {
  const wrong = imports.filter(({ to }) => to.startsWith('.')).flatMap(({ file, to }) => {
    // Tests may bring up whatever they need.
    const from = file.endsWith('.test.ts') ? undefined : layerOf(file), target = layerOf(relative(ROOT, join(ROOT, dirname(file), to)));
    return from === undefined || target === undefined || from === target || MAY_IMPORT[from]?.includes(target) ? [] : [`${file} imports ${target}`];
  });
  expect(wrong).toEqual([]);
});

test('every folder has its place in the table', () => {
  const files = ['shared', 'src-main', 'src-renderer'].flatMap(sources).filter(file => !layerOf(file));
  expect(files).toEqual([]);
});

test('only the desktop app knows Electron', () => {
  expect(imports.filter(({ file, to }) => to === 'electron' && !/^(src-main\/app|e2e\/electron-standin)\//.test(file))).toEqual([]);
});
