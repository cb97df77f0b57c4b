/**
 * One screen on one VM's serial console, for as long as the page shows it: attached anew, with the engine's replay,
 * after each reconnection. Output is acknowledged once it is on screen, so a guest that floods waits for the page.
 */
import type { VmId } from '../../shared/base/ids.ts';
import type { Disposable } from '../../shared/base/disposable.ts';
import type { EngineClient } from './client.ts';

export interface ConsoleScreen {
  reset(): void;
  /** Calls `shown` when the bytes are on screen. */
  write(bytes: Uint8Array, shown: () => void): void;
  /** The console cannot be attached or written to, as one sentence. */
  failed(error: unknown): void;
}

/** Far below the 256 KiB at which the engine pauses, far above one call for each line. */
const ACKNOWLEDGE_BYTES = 32 * 1024;

export class ConsoleSession implements Disposable {
  private readonly engine: EngineClient;
  private readonly vmId: VmId;
  private readonly screen: ConsoleScreen;
  private readonly subscriptions: readonly Disposable[];
  private consoleId: string | undefined;
  private unacknowledged = 0;
  private disposed = false;
  /** Replay can overtake the answer that names the console. */
  private early: { consoleId: string; bytes: Uint8Array }[] = [];

  constructor(engine: EngineClient, vmId: VmId, screen: ConsoleScreen) {
    this.engine = engine;
    this.vmId = vmId;
    this.screen = screen;
    this.subscriptions = [
      engine.on('console.output', output => this.output(output)),
      engine.stateChanged.on(state => { if (state === 'connected') void this.attach(); else this.consoleId = undefined; }),
    ];
    if (engine.state === 'connected') void this.attach();
  }

  type(bytes: Uint8Array): void {
    const id = this.consoleId;
    if (id !== undefined) this.engine.call(api => api.consoles.write(id, bytes)).catch((error: unknown) => this.screen.failed(error));
  }

  dispose(): void {
    this.disposed = true;
    for (const subscription of this.subscriptions) subscription.dispose();
    if (this.consoleId !== undefined) this.detach(this.consoleId);
  }

  private detach(id: string): void {
    // Nobody is left to tell: a connection that is gone has detached the console already.
    this.engine.call(api => api.consoles.detach(id)).catch(() => undefined);
  }

  private async attach(): Promise<void> {
    this.screen.reset();
    this.early = [];
    this.unacknowledged = 0;
    try {
      const { consoleId } = await this.engine.call(api => api.consoles.attach(this.vmId));
      if (this.disposed) { this.detach(consoleId); return; }
      this.consoleId = consoleId;
      for (const output of this.early.splice(0)) this.output(output);
    } catch (error) { if (this.engine.state === 'connected' && !this.disposed) this.screen.failed(error); }
  }

  private output(output: { readonly consoleId: string; readonly bytes: Uint8Array }): void {
    if (this.consoleId === undefined) this.early.push(output);
    else if (output.consoleId === this.consoleId) this.screen.write(output.bytes, () => this.shown(output));
  }

  private shown({ consoleId, bytes }: { readonly consoleId: string; readonly bytes: Uint8Array }): void {
    this.unacknowledged += bytes.length;
    if (this.unacknowledged < ACKNOWLEDGE_BYTES || consoleId !== this.consoleId) return;
    const count = this.unacknowledged;
    this.unacknowledged = 0;
    this.engine.call(api => api.consoles.acknowledge(consoleId, count)).catch((error: unknown) => this.screen.failed(error));
  }
}
