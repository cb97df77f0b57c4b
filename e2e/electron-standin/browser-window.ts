/** `BrowserWindow`: a tab in a window of its own. */
import { EventEmitter } from 'node:events';
import type Electron from 'electron';
import { app } from './app.ts';
import { notImplemented } from './strict.ts';
import { WebContents } from './web-contents.ts';

const REQUIRED: Electron.WebPreferences = { sandbox: true, contextIsolation: true, nodeIntegration: false, webviewTag: false };

type Implemented = 'id' | 'loadURL' | 'show' | 'hide' | 'isVisible' | 'focus' | 'isMinimized' | 'restore' | 'maximize' | 'isMaximized' | 'close' | 'destroy' | 'isDestroyed' | 'getNormalBounds';

const all = new Set<BrowserWindow>();
let lastId = 0;
let focusedId: number | undefined;

export class BrowserWindow extends EventEmitter implements Pick<Electron.BrowserWindow, Implemented> {
  readonly id = ++lastId;
  readonly webContents: WebContents;
  private readonly bounds: Electron.Rectangle;
  private visible: boolean;
  private maximized = false;
  private destroyed = false;

  static getAllWindows(): BrowserWindow[] { return [...all]; }
  static getFocusedWindow(): BrowserWindow | null { return [...all].find(({ id }) => id === focusedId) ?? null; }
  static fromWebContents(contents: WebContents | undefined): BrowserWindow | null { return [...all].find(window => window.webContents === contents) ?? null; }

  constructor(options: Electron.BrowserWindowConstructorOptions = {}) {
    super();
    for (const [name, value] of Object.entries(REQUIRED)) if (options.webPreferences?.[name as keyof Electron.WebPreferences] !== value) throw notImplemented(`a window whose ${name} is not ${String(value)}`);
    this.bounds = { x: options.x ?? 0, y: options.y ?? 0, width: options.width ?? 800, height: options.height ?? 600 };
    this.visible = options.show ?? true;
    this.webContents = new WebContents(options.webPreferences?.preload, this.bounds);
    this.webContents.once('did-finish-load', () => this.emit('ready-to-show'));
    this.webContents.once('destroyed', () => this.destroy());
    all.add(this);
    app.windows.add(this);
    focusedId = this.id;
  }

  loadURL(url: string): Promise<void> { return this.webContents.load(url); }
  show(): void { this.visible = true; this.focus(); }
  hide(): void { this.visible = false; }
  isVisible(): boolean { return this.visible; }
  focus(): void { focusedId = this.id; }
  isMinimized(): boolean { return false; }
  restore(): void { /* it never is minimised */ }
  maximize(): void { this.maximized = true; }
  isMaximized(): boolean { return this.maximized; }
  getNormalBounds(): Electron.Rectangle { return this.bounds; }
  isDestroyed(): boolean { return this.destroyed; }

  close(): void {
    let prevented = false;
    this.emit('close', { preventDefault: () => { prevented = true; } });
    if (!prevented) this.destroy();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    all.delete(this);
    app.windows.delete(this);
    if (focusedId === this.id) focusedId = [...all][0]?.id;
    this.webContents.close();
    this.emit('closed');
    if (all.size === 0) app.lastWindowClosed();
  }
}
