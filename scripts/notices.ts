/**
 * Writes THIRD-PARTY-NOTICES.md: every package whose code is bundled, with its licence. A package counts when our own
 * code imports it, or when such a package depends on it.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './build.ts';

export const NOTICES = join(ROOT, 'THIRD-PARTY-NOTICES.md');

interface Package { readonly name: string; readonly version: string; readonly license?: string; readonly dependencies?: Record<string, string>; readonly peerDependencies?: Record<string, string> }

/** Types only, or not given out by us. */
const LEFT_OUT: readonly string[] = ['electron', 'typescript', 'vite', 'vitest', 'assemblyscript', 'playwright', 'csstype'];

/** What is in the bundles and not in a package of its own, or without a licence file there. */
const CLARITY = 'Copyright (c) 2016-2026 Broadcom. All Rights Reserved. The term "Broadcom" refers to Broadcom Inc. and/or its subsidiaries.\nReleased under the MIT licence, whose words are those of LICENSE.';
const BESIDES: readonly (readonly [title: string, text: string])[] = [
  ['Styles of the Clarity Design System, in @clr/ui (MIT)', CLARITY],
  ['Icon shapes of the Clarity Design System, from @cds/core 6.17.0 (MIT)', CLARITY],
  ['Metropolis, the font in @clr/ui (SIL Open Font License 1.1)', 'Copyright (c) 2015, Chris Simpson, with Reserved Font Name: "Metropolis".\nThis Font Software is licensed under the SIL Open Font License, Version 1.1. It may be used, studied, modified and\nredistributed freely, as long as it is not sold by itself; it comes without warranty of any kind.'],
  ['Glyphs of the firmware’s screen, from Terminus Font 4.48 (SIL Open Font License 1.1)', 'Copyright (c) 2010-2014 Dimitar Toshkov Zhekov, with Reserved Font Name "Terminus Font".\nThis Font Software is licensed under the SIL Open Font License, Version 1.1. It may be used, studied, modified and\nredistributed freely, as long as it is not sold by itself; it comes without warranty of any kind.'],
];

export function notices(): string {
  const packages = [...closure(importedPackages())].sort(([a], [b]) => (a < b ? -1 : 1));
  return `# Third-party notices\n\nQuarterdeck's program files contain code of the packages below. Electron and Chromium bring their own notices.\n${BESIDES.map(([title, text]) => `\n## ${title}\n\n${text.split('\n').map(line => `    ${line}`).join('\n')}\n`).join('')}${packages.map(([name, own]) => section(name, own)).join('')}`;
}

function section(name: string, { version, license }: Package): string {
  const folder = join(ROOT, 'node_modules', name);
  const file = readdirSync(folder).find(entry => /^(licen[cs]e|copying)/i.test(entry));
  const text = file === undefined ? '(The package holds no licence file.)' : readFileSync(join(folder, file), 'utf8').trim();
  return `\n## ${name} ${version} (${license ?? 'see below'})\n\n${text.split('\n').map(line => `    ${line}`.trimEnd()).join('\n')}\n`;
}

function importedPackages(): string[] {
  const files = ['shared', 'src-main', 'src-renderer'].flatMap(folder => readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile() && /\.(ts|vue|css)$/.test(entry.name) && !/\.test\.ts$/.test(entry.name) && !entry.parentPath.endsWith('core/wasm'));
  const names = files.flatMap(entry => [...readFileSync(join(entry.parentPath, entry.name), 'utf8').matchAll(/(?:from |import )'((?:@[\w-]+\/)?[a-z][\w.-]*)/g)].map(([, name = '']) => name));
  return names.filter(name => !LEFT_OUT.includes(name) && existsSync(join(ROOT, 'node_modules', name)));
}

function closure(roots: readonly string[]): Map<string, Package> {
  const found = new Map<string, Package>(), waiting = [...roots];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const manifest = join(ROOT, 'node_modules', name, 'package.json');
    if (found.has(name) || LEFT_OUT.includes(name) || name.startsWith('@types/') || !existsSync(manifest)) continue;
    const own = JSON.parse(readFileSync(manifest, 'utf8')) as Package;
    found.set(name, own);
    waiting.push(...Object.keys(own.dependencies ?? {}));
  }
  return found;
}

if (import.meta.main) writeFileSync(NOTICES, notices());
