import type { Locator, Page } from '@playwright/test';

const SHIFTED = '~!@#$%^&*()_+{}|:"<>?';
const PLAIN = ['Backquote', ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 0].map(n => `Digit${n}`), 'Minus', 'Equal', 'BracketLeft', 'BracketRight', 'Backslash', 'Semicolon', 'Quote', 'Comma', 'Period', 'Slash'];

/** A VM's display: noVNC's canvas, and the tool bar around it. */
export class Display {
  readonly screen: Locator;
  readonly canvas: Locator;
  readonly toolbar: Locator;
  readonly notice: Locator;
  private readonly page: Page;

  constructor(page: Page) {
    this.page = page;
    this.screen = page.getByRole('application', { name: /^Display of / });
    this.canvas = this.screen.locator('canvas');
    this.toolbar = page.getByRole('toolbar', { name: 'Display' });
    this.notice = page.locator('.vm-display-off');
  }

  button(name: string): Locator { return this.toolbar.getByRole('button', { name, exact: true }); }

  async choose(menu: string, item: string): Promise<void> {
    await this.button(menu).click();
    await this.page.getByRole('menu').getByText(item, { exact: true }).click();
  }

  /** By the keys of a US keyboard, which are pressed as a person does. */
  async type(line: string): Promise<void> {
    await this.canvas.click();
    for (const char of line) {
      const at = SHIFTED.indexOf(char), isUpper = /[A-Z]/.test(char);
      await this.page.keyboard.press(at >= 0 ? `Shift+${PLAIN[at]}` : isUpper ? `Shift+Key${char}` : char);
    }
    await this.page.keyboard.press('Enter');
  }

  /** Width and height of what the guest shows, in its pixels. */
  async size(): Promise<string> { return await this.canvas.evaluate((canvas: HTMLCanvasElement) => `${canvas.width}x${canvas.height}`); }

  /** The size that it has room for. */
  async room(): Promise<string> { return await this.screen.evaluate(({ clientWidth, clientHeight }) => `${clientWidth}x${clientHeight}`); }

  /** How many pixels are lit; none before the guest has a picture. */
  async lit(): Promise<number> {
    return await this.canvas.evaluate((canvas: HTMLCanvasElement) => {
      if (canvas.width === 0 || canvas.height === 0) return 0;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      let lit = 0;
      for (let at = 0; at < data.length; at += 4) if (data[at]! + data[at + 1]! + data[at + 2]! > 96) lit++;
      return lit;
    });
  }
}
