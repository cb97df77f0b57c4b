/**
 * The page's one connection to the engine. It outlives engines and sockets: calls go to whichever is connected now,
 * and listeners keep hearing events across a reconnection.
 */
import type { Port } from '../../shared/api/port.ts';
import { connect } from '../../shared/api/rpc.ts';
import type { EngineApi } from '../../shared/api/engine-api.ts';
import type { EngineEvents } from '../../shared/api/engine-events.ts';
import type { Disposable } from '../../shared/base/disposable.ts';
import { Emitter } from '../../shared/base/emitter.ts';
import { EngineError, saidOf } from '../../shared/base/errors.ts';
import type { Said } from '../../shared/base/phrase.ts';
import type { EngineLink } from './link.ts';

/** `lost` means that a connection there once was is gone and is being made again. */
export type ConnectionState = 'connecting' | 'connected' | 'lost';

type Events = { readonly [K in keyof EngineEvents]: Emitter<EngineEvents[K]> };

export class EngineClient {
  readonly stateChanged = new Emitter<ConnectionState>();
  /** Why a connected engine cannot be used, as one sentence. */
  readonly failed = new Emitter<Said>();
  private readonly events: Events = {
    'inventory.changed': new Emitter(), 'task.changed': new Emitter(), 'event.added': new Emitter(), 'notification.raised': new Emitter(), 'performance.sampled': new Emitter(), 'usage.sampled': new Emitter(), 'console.output': new Emitter(), 'display.output': new Emitter(), 'display.closed': new Emitter(), 'display.changed': new Emitter(),
  };
  private api: EngineApi | undefined;
  private current: ConnectionState = 'connecting';

  get state(): ConnectionState { return this.current; }

  /** Connects by `link`; after each connection `prepare` runs before the state becomes `connected`. */
  start(link: EngineLink, prepare: () => Promise<unknown>): void {
    link({ opened: port => void this.opened(port, prepare), lost: () => this.lost() });
  }

  call<T>(ask: (api: EngineApi) => Promise<T>): Promise<T> {
    return this.api ? ask(this.api) : Promise.reject(new EngineError('disconnected', 'The engine is not connected.'));
  }

  on<K extends keyof EngineEvents>(name: K, listener: (fact: EngineEvents[K]) => void): Disposable {
    return this.events[name].on(listener);
  }

  private async opened(port: Port, prepare: () => Promise<unknown>): Promise<void> {
    const connection = connect<EngineApi, EngineEvents>(port);
    const { api } = connection;
    this.api = api;
    for (const name of Object.keys(this.events) as (keyof EngineEvents)[]) connection.on(name, fact => (this.events[name] as Emitter<unknown>).emit(fact));
    try {
      await api.engine.subscribe();
      await prepare();
    } catch (error) {
      if (this.api === api) this.failed.emit(saidOf(error));
      return;
    }
    if (this.api === api) this.become('connected');
  }

  private lost(): void {
    this.api = undefined;
    if (this.current === 'connected') this.become('lost');
  }

  private become(state: ConnectionState): void {
    this.current = state;
    this.stateChanged.emit(state);
  }
}
