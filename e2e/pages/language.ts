/** What language the page speaks, and what on it is in none. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';

const KEY = 'quarterdeck.preferences';

/** As if it had been chosen in another window of the console. */
export const speak = (page: Page, language: 'en' | 'en-XA'): Promise<void> => page.evaluate(({ key, language: chosen }) => {
  const newValue = JSON.stringify({ ...JSON.parse(localStorage.getItem(key) ?? '{}') as object, language: chosen });
  localStorage.setItem(key, newValue);
  window.dispatchEvent(new StorageEvent('storage', { key, newValue }));
}, { key: KEY, language });

/** Texts for operators, seen or read out; not what guests print, nor commands, nor what was typed. */
const texts = (page: Page): Promise<readonly string[]> => page.evaluate(() => {
  const isShown = (element: Element) => element.closest('script, style, code, [translate="no"], .terminal-pane') === null && (element.checkVisibility() || element.closest('select') !== null);
  const said: string[] = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) if (node.parentElement && isShown(node.parentElement)) said.push(node.textContent ?? '');
  for (const element of document.body.querySelectorAll('*')) {
    if (isShown(element)) for (const name of ['title', 'aria-label', 'placeholder', 'aria-description', 'aria-valuetext', 'alt']) said.push(element.getAttribute(name) ?? '');
  }
  return [document.title, ...said];
});

/** The parts of a text that are in no brackets; brackets are in brackets where a phrase is in a phrase. */
function outside(text: string): string {
  const rest = text.replace(/⟦[^⟦⟧]*⟧/g, ' ');
  return rest === text ? rest : outside(rest);
}

/** The same in every language: units, formats, standards and languages' own names. */
const WORDS = new Set(`Quarterdeck English Deutsch CPU CPUs MIPS MHz GHz kHz Hz IOPS KiB MiB GiB TiB kB MB kbit Mbit Gbit bit bits ms min ns
  AArch64 GICv GICv3 SMMUv SMMUv3 virtio NVMe SCSI NAT UEFI qcow raw vmdk iso TCP UDP VLAN MAC SHA CSV PNG OK operator vm failed poweredOn paused wentOn poweredOff
  Jan Feb Mar Apr May Jun Jul Aug Sep Sept Oct Nov Dec`.split(/\s+/));

const ENGLISH = JSON.parse(readFileSync(join(import.meta.dirname, '../../src-renderer/i18n/en.json'), 'utf8')) as Readonly<Record<string, string>>;
/** English texts with anything in their gaps. */
const PATTERNS = Object.values(ENGLISH).flatMap(text => text.split(' | ')).map(form => new RegExp(`^${form.split(/\{[n\d]+\}/).map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+')}$`));

/** Each text of the page that is in no catalog, and not one of `names`; what is `held` was said before, and is English. */
export async function untranslated(page: Page, names: readonly string[], held = false): Promise<readonly string[]> {
  const longest = [...names].sort((a, b) => b.length - a.length);
  const found = (await texts(page)).flatMap(text => {
    const bare = longest.reduce((rest, name) => rest.replaceAll(name, ' '), outside(text)).replace(/\S*[/\\]\S*/g, ' ').replace(/\b(?=[\w.:-]*\d)[\w.:-]+\b/g, ' ');
    return /\p{L}{2,}/u.test(bare) && (bare.match(/\p{L}{2,}/gu) ?? []).some(word => !WORDS.has(word)) ? [text.trim().replace(/\s+/g, ' ')] : [];
  });
  return [...new Set(found)].filter(text => !held || !PATTERNS.some(pattern => pattern.test(text)));
}
