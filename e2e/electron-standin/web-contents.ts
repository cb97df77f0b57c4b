/** `WebContents` of one page. */
import { EventEmitter } from 'node:events';
import type Electron from 'electron';
import { app } from './app.ts';
import { ipcMain } from './ipc-main.ts';
import { closedByHolder, sentThrough, transferPorts, type PortHolder } from './message-ports.ts';
import { PageSession } from './page-session.ts';
import { grantPermissions } from './session.ts';
import { toChromium } from './protocol.ts';
import type { FromPage } from './page-world.ts';

type Implemented = 'id' | 'getURL' | 'isDestroyed' | 'postMessage' | 'setWindowOpenHandler' | 'close';

const all = new Set<WebContents>();
let lastId = 0;

export class WebContents extends EventEmitter implements Pick<Electron.WebContents, Implemented> {
  readonly id = ++lastId;
  readonly page: PageSession;
  private readonly ports = new Set<number>();
  private url = '';
  private destroyed = false;
  private windowOpenHandler: Parameters<Electron.WebContents['setWindowOpenHandler']>[0] | undefined;

  constructor(preload: string | undefined, size: { width: number; height: number }) {
    super();
    this.page = new PageSession({
      preload, size,
      received: message => this.received(message),
      mayNavigate: url => this.mayNavigate(url),
      wantsWindow: url => this.wantsWindow(url),
      loaded: () => { this.emit('did-finish-load'); },
      gone: () => this.gone(),
    });
    all.add(this);
    app.emit('web-contents-created', {}, this);
  }

  getURL(): string { return this.url; }
  isDestroyed(): boolean { return this.destroyed; }
  setWindowOpenHandler(handler: Parameters<Electron.WebContents['setWindowOpenHandler']>[0]): void { this.windowOpenHandler = handler; }

  postMessage(channel: string, message: unknown, transfer?: readonly unknown[]): void {
    const ports = transferPorts(transfer, this.holder());
    for (const port of ports) this.ports.add(port);
    this.page.tell({ kind: 'ipc', channel, args: [message], ports });
  }

  async load(url: string): Promise<void> {
    this.url = url;
    await this.page.ready;
    await grantPermissions(this, new URL(toChromium(url)).origin);
    await this.page.navigate(url);
  }

  reload(): void { this.closePorts(); this.page.reload(); }
  close(): void { this.page.close(); }

  private holder(): PortHolder {
    return {
      message: (port, data) => this.page.tell({ kind: 'port', port, data }),
      closed: port => { this.ports.delete(port); this.page.tell({ kind: 'closed', port }); },
    };
  }

  private received(message: FromPage): void {
    switch (message.kind) {
      case 'ipc': ipcMain.emit(message.channel, { sender: this, senderFrame: { url: this.url, parent: null } }, ...message.args); break;
      case 'port': sentThrough(message.port, message.data); break;
      case 'closed': this.ports.delete(message.port); closedByHolder(message.port); break;
      default: message satisfies never;
    }
  }

  private mayNavigate(url: string): boolean {
    if (url.replace(/#.*/, '') === this.url.replace(/#.*/, '')) { this.closePorts(); return true; }
    let prevented = false;
    this.emit('will-navigate', { url, preventDefault: () => { prevented = true; } });
    return !prevented;
  }

  private wantsWindow(url: string): boolean {
    const details = { url, frameName: '', features: '', disposition: 'foreground-tab', referrer: { url: this.url, policy: 'default' } } as const;
    return this.windowOpenHandler?.(details).action !== 'deny';
  }

  /** A page's ports end with the page. */
  private closePorts(): void {
    for (const port of this.ports) closedByHolder(port);
    this.ports.clear();
  }

  private gone(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    all.delete(this);
    this.closePorts();
    this.emit('destroyed');
  }
}

export const webContents = {
  getAllWebContents: (): WebContents[] => [...all],
  fromDevToolsTargetId: (id: string): WebContents | undefined => [...all].find(contents => contents.page.targetId === id),
};
