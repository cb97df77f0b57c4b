import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

const WCAG_22_AA = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** Of tests about what pages look like and say, which is the same however the console is delivered. */
export const LOOK = '@look';

/** What axe objects to on the page as it is now, one line a rule: in the light theme, and to contrast in the dark one. */
export async function violations(page: Page): Promise<readonly string[]> {
  const light = await audit(page, axe => axe.withTags(WCAG_22_AA));
  try {
    await showTheme(page, 'dark');
    return [...light, ...await audit(page, axe => axe.withRules('color-contrast'))];
  } finally { await showTheme(page, 'light'); }
}

/** The desktop's own choice changes, and the page follows it. */
async function showTheme(page: Page, theme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme: theme });
  await expect(page.locator('body')).toHaveAttribute('cds-theme', theme);
}

/** Legacy mode, since Electron opens no page for axe. */
async function audit(page: Page, rules: (axe: AxeBuilder) => AxeBuilder): Promise<readonly string[]> {
  const { violations: found } = await rules(new AxeBuilder({ page }).setLegacyMode(true)).analyze();
  return found.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map(node => node.target.join(' ')).join(', ')})`);
}
