import type { Locator, Page } from '@playwright/test';

/** What is around every page: the header, its search and theme, and the banner about the engine. */
export class Shell {
  readonly search: Locator;
  readonly banner: Locator;
  private readonly page: Page;

  constructor(page: Page) {
    this.page = page;
    this.search = page.getByRole('combobox', { name: 'Search the inventory' });
    this.banner = page.getByRole('status', { name: 'Connection to the engine' }).getByText(/The engine (stopped|cannot be reached)/);
  }

  result(name: string): Locator { return this.page.getByRole('option', { name: new RegExp(`^${name}\\b`) }); }

  /** To be called before what shows the banner. Gives what resolves once it was there, however shortly: a fast engine is back before anybody looks. */
  async watchBanner(): Promise<() => Promise<void>> {
    const watch = await this.page.evaluateHandle(() => ({
      seen: new Promise<void>(resolve => {
        new MutationObserver(() => { if (/The engine (stopped|cannot be reached)/.test(document.querySelector('[role="status"][aria-label="Connection to the engine"]')?.textContent ?? '')) resolve(); })
          .observe(document.body, { subtree: true, childList: true, characterData: true });
      }),
    }));
    return () => watch.evaluate(({ seen }) => seen);
  }

  /** A page that the header's menu leads to. */
  async goTo(name: string): Promise<void> {
    await this.page.getByRole('button', { name: 'Menu', exact: true }).click();
    await this.page.getByRole('menuitem', { name }).click();
  }

  async setTheme(theme: 'Light' | 'Dark' | 'Compact rows'): Promise<void> {
    await this.page.getByRole('button', { name: 'Theme' }).click();
    await this.page.getByRole('menuitemradio', { name: theme }).click();
  }
}
