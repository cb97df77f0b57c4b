/** The app's windows: one on the whole console, and one for each VM's console that was popped out. */
import { BrowserWindow, type BrowserWindowConstructorOptions } from 'electron';
import { pageUrl } from './page-protocol.ts';
import { loadWindowState, saveWindowState } from './window-state.ts';

export interface WindowsOptions { readonly preload: string; readonly statePath: string }

const CONSOLE_SIZE = { width: 960, height: 640 } as const;

export class Windows {
  private readonly options: WindowsOptions;
  private main: BrowserWindow | undefined;
  private readonly consoles = new Map<string, BrowserWindow>();

  constructor(options: WindowsOptions) { this.options = options; }

  openMain(): void {
    if (this.main) { bringUp(this.main); return; }
    const { bounds, maximized } = loadWindowState(this.options.statePath);
    const window = this.open(pageUrl(), { ...bounds, minWidth: 800, minHeight: 500 });
    if (maximized) window.maximize();
    window.on('close', () => saveWindowState(this.options.statePath, window));
    window.on('closed', () => { this.main = undefined; });
    this.main = window;
  }

  /** One for each head of a display. */
  openConsole(vmId: string, query: string): void {
    const key = `${vmId} ${new URLSearchParams(query).get('head') ?? '0'}`, open = this.consoles.get(key);
    if (open) { bringUp(open); return; }
    const window = this.open(pageUrl(`/console/${vmId}${query && `?${query}`}`), CONSOLE_SIZE);
    window.on('closed', () => this.consoles.delete(key));
    this.consoles.set(key, window);
  }

  private open(url: string, options: BrowserWindowConstructorOptions): BrowserWindow {
    const window = new BrowserWindow({
      ...options, show: false, title: 'Quarterdeck', autoHideMenuBar: true, backgroundColor: '#1b2a32',
      webPreferences: { preload: this.options.preload, sandbox: true, contextIsolation: true, nodeIntegration: false, webviewTag: false, spellcheck: false },
    });
    window.once('ready-to-show', () => window.show());
    void window.loadURL(url);
    return window;
  }
}

function bringUp(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore();
  window.focus();
}
