/** One Chromium tab as a renderer: its isolated world, its messages, and every request it makes. */
import { readFileSync } from 'node:fs';
import { session, type Session } from './chromium.ts';
import { fromText, toText } from './page-data.ts';
import { BINDING, exposing, preloading, RECEIVE, WORLD, type FromPage, type ToPage } from './page-world.ts';
import { fromChromium, handled, toChromium } from './protocol.ts';

export interface PageSessionOptions {
  readonly preload: string | undefined;
  readonly size: { readonly width: number; readonly height: number };
  readonly received: (message: FromPage) => void;
  readonly mayNavigate: (url: string) => boolean;
  readonly wantsWindow: (url: string) => boolean;
  readonly loaded: () => void;
  readonly gone: () => void;
}

interface Target { readonly targetId: string; readonly openerId?: string; readonly url: string }
interface PausedRequest { readonly requestId: string; readonly resourceType: string; readonly request: { readonly url: string } }
interface Context { readonly context: { readonly id: number; readonly name: string } }

export class PageSession {
  /** Resolves when the tab exists and its scripts are in place. */
  readonly ready: Promise<void>;
  targetId = '';
  private readonly options: PageSessionOptions;
  private cdp: Session | undefined;
  private context = Promise.withResolvers<number>();
  private order: Promise<unknown> = Promise.resolve();
  private wanted = '';

  constructor(options: PageSessionOptions) {
    this.options = options;
    this.ready = this.start();
  }

  async navigate(url: string): Promise<void> {
    await this.ready;
    this.wanted = toChromium(url);
    await this.cdp?.send('Page.navigate', { url: this.wanted });
  }

  reload(): void { void this.cdp?.send('Page.reload'); }

  /** Messages reach the preload in order, once there is one. */
  tell(message: ToPage): void {
    const expression = `${RECEIVE}(${JSON.stringify(toText(message))})`;
    this.order = this.order
      .then(async () => this.cdp?.send('Runtime.evaluate', { expression, contextId: await this.context.promise }))
      // The page went away with the message; so it does in Electron.
      .catch(() => undefined);
  }

  close(): void { void this.ready.then(() => session(undefined).send('Target.closeTarget', { targetId: this.targetId })).catch(() => undefined); }

  private async start(): Promise<void> {
    const browser = session(undefined);
    const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank', newWindow: true, ...this.options.size });
    this.targetId = targetId;
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
    this.cdp = session(sessionId);
    this.listen(browser, this.cdp);
    await this.prepare(this.cdp);
  }

  private listen(browser: Session, cdp: Session): void {
    cdp.on<Context>('Runtime.executionContextCreated', ({ context }) => { if (context.name === WORLD) this.context.resolve(context.id); });
    cdp.on('Runtime.executionContextsCleared', () => { this.context = Promise.withResolvers(); });
    cdp.on<{ payload: string }>('Runtime.bindingCalled', ({ payload }) => this.options.received(fromText(payload) as FromPage));
    cdp.on('Page.loadEventFired', () => { if (this.wanted !== '') this.options.loaded(); });
    cdp.on<PausedRequest>('Fetch.requestPaused', request => void this.answer(cdp, request).catch(() => undefined));
    browser.on<{ targetId: string }>('Target.targetDestroyed', ({ targetId }) => { if (targetId === this.targetId) this.options.gone(); });
    browser.on<{ targetInfo: Target }>('Target.targetCreated', ({ targetInfo: { targetId, openerId, url } }) => {
      if (openerId === this.targetId && !this.options.wantsWindow(fromChromium(url))) void browser.send('Target.closeTarget', { targetId });
    });
  }

  private async prepare(cdp: Session): Promise<void> {
    await cdp.send('Page.enable');
    await cdp.send('Runtime.enable');
    await cdp.send('Runtime.addBinding', { name: BINDING, executionContextName: WORLD });
    await cdp.send('Page.addScriptToEvaluateOnNewDocument', { source: `(${exposing.toString()})()` });
    if (this.options.preload !== undefined) await cdp.send('Page.addScriptToEvaluateOnNewDocument', { source: preloadScript(this.options.preload), worldName: WORLD });
    await cdp.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] });
  }

  /** Pages get what the app's protocol handler gives, and nothing from any network. */
  private async answer(cdp: Session, { requestId, resourceType, request }: PausedRequest): Promise<void> {
    const url = fromChromium(request.url);
    const allowed = resourceType !== 'Document' || request.url === this.wanted.replace(/#.*/, '') || this.options.mayNavigate(url);
    const response = allowed ? await handled(url) : undefined;
    if (!response) { await cdp.send('Fetch.failRequest', { requestId, errorReason: allowed ? 'AccessDenied' : 'Aborted' }); return; }
    await cdp.send('Fetch.fulfillRequest', {
      requestId, responseCode: response.status, body: Buffer.from(await response.arrayBuffer()).toString('base64'),
      responseHeaders: [...response.headers].map(([name, value]) => ({ name, value })),
    });
  }
}

/** A preload is CommonJS, with `require`, `module`, `exports` and `process` of its own. */
function preloadScript(path: string): string {
  return `(() => {
    const toText = ${toText.toString()}, fromText = ${fromText.toString()};
    (${preloading.toString()})({
      send: message => ${BINDING}(toText(message)),
      receiver: receive => { globalThis.${RECEIVE} = text => receive(fromText(text)); },
      run: (require, process) => { const module = { exports: {} }; ((exports) => { ${readFileSync(path, 'utf8')}\n })(module.exports); },
      platform: ${JSON.stringify(process.platform)},
    });
  })()`;
}
