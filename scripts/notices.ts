/** THIRD-PARTY-NOTICES.md: the licences of the packages whose code or fonts are in dist. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
export const NOTICES = join(ROOT, 'THIRD-PARTY-NOTICES.md');

/** What esbuild and vite put into the bundles, directly or through one of these. */
const REDISTRIBUTED = [
  '@clr/ui', '@internationalized/date', '@internationalized/number', 'defu', 'ohash', '@floating-ui/core', '@floating-ui/dom', '@floating-ui/utils', '@floating-ui/vue', '@kurkle/color', '@tanstack/virtual-core', '@tanstack/vue-virtual',
  '@vue/reactivity', '@vue/runtime-core', '@vue/runtime-dom', '@vue/shared', '@vueuse/core', '@vueuse/shared', '@xterm/addon-fit', '@xterm/addon-search', '@xterm/xterm',
  'aria-hidden', 'chart.js', 'commander', 'pinia', 'reka-ui', 'valibot', 'vue', 'vue-router', 'ws',
];

export function noticesText(): string {
  const parts = REDISTRIBUTED.filter(name => existsSync(join(ROOT, 'node_modules', name))).map(noticeOf);
  return `# Third-party notices\n\nQuarterdeck contains code, styles and fonts of these packages. Electron and Chromium bring their own notices.\n\n${parts.join('\n')}`;
}

function noticeOf(name: string): string {
  const folder = join(ROOT, 'node_modules', name), { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string; license: string };
  const file = readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? 'The package has no licence file of its own.' : readFileSync(join(folder, file), 'utf8').trim();
  return `## ${name} ${version} (${license})\n\n\`\`\`\n${text.replaceAll('```', '')}\n\`\`\`\n`;
}

export function writeNotices(): void { writeFileSync(NOTICES, noticesText()); }

if (import.meta.main) writeNotices();
