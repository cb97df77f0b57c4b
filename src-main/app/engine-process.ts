/**
 * The engine's process, started again whenever it dies, and the pages that want a port to it. Each page gets a new port
 * with each engine.
 */
import { MessageChannelMain, utilityProcess, type UtilityProcess, type WebContents } from 'electron';
import type { FromEngineProcess, ToEngineProcess } from '../../shared/api/engine-process.ts';

export interface EngineProcessOptions {
  readonly entry: string;
  readonly args: readonly string[];
  /** The engine cannot run; called with the reason, and nothing is started again. */
  readonly refused: (sentence: string) => void;
}

/** Shown by the system's process list and by `app.getAppMetrics()`. */
const SERVICE_NAME = 'Quarterdeck engine';
const BACK_OFF_MS = { first: 250, most: 10_000 } as const;
/** An engine that lived this long died for a new reason. */
const STEADY_MS = 30_000;
/** glibc's, as in the command's first line: V8's compiler threads share one heap, and give back what they freed. */
const HEAP = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536' };
/** How long a closing engine may take before it is killed. */
const CLOSE_MS = 10_000;

export class EngineProcess {
  private readonly options: EngineProcessOptions;
  private readonly pages = new Set<WebContents>();
  private child: UtilityProcess | undefined;
  private waitMs: number = BACK_OFF_MS.first;
  private startedMs = 0;
  private ending = false;

  constructor(options: EngineProcessOptions) { this.options = options; }

  start(): void {
    const child = utilityProcess.fork(this.options.entry, [...this.options.args], { serviceName: SERVICE_NAME, stdio: 'inherit', env: { ...process.env, ...HEAP } });
    this.child = child;
    this.startedMs = Date.now();
    child.on('message', (message: FromEngineProcess) => { if (message.kind === 'refused') this.refused(message.message); });
    // It can come twice, with a wrong code, and before or after `child-process-gone`: the first one counts.
    child.on('exit', () => { if (this.child === child) this.died(); });
    for (const page of this.pages) this.handOver(page, child);
  }

  /** The page gets a port now, if the engine runs, and again whenever the engine has started. */
  serve(page: WebContents): void {
    if (!this.pages.has(page)) {
      this.pages.add(page);
      page.once('destroyed', () => this.pages.delete(page));
    }
    if (this.child) this.handOver(page, this.child);
  }

  /** Lets the engine save and power off; resolves when it is gone. */
  close(): Promise<void> {
    this.ending = true;
    const { child } = this;
    if (!child) return Promise.resolve();
    return new Promise(resolve => {
      const impatience = setTimeout(() => child.kill(), CLOSE_MS);
      child.once('exit', () => { clearTimeout(impatience); resolve(); });
      child.postMessage({ kind: 'close' } satisfies ToEngineProcess);
    });
  }

  private handOver(page: WebContents, child: UtilityProcess): void {
    if (page.isDestroyed()) return;
    const { port1, port2 } = new MessageChannelMain();
    child.postMessage({ kind: 'connect' } satisfies ToEngineProcess, [port1]);
    page.postMessage('engine-port', null, [port2]);
  }

  private died(): void {
    this.child = undefined;
    if (this.ending) return;
    if (Date.now() - this.startedMs > STEADY_MS) this.waitMs = BACK_OFF_MS.first;
    setTimeout(() => { if (!this.ending) this.start(); }, this.waitMs);
    this.waitMs = Math.min(this.waitMs * 2, BACK_OFF_MS.most);
  }

  private refused(sentence: string): void {
    this.ending = true;
    this.options.refused(sentence);
  }
}
