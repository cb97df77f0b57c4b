import type { EngineEvents } from '../../shared/api/engine-events.ts';

/** One client's connection, for the methods that keep something for it. */
export interface Session {
  readonly emit: <K extends keyof EngineEvents>(name: K, payload: EngineEvents[K]) => void;
  /** Runs `cleanup` when the client is gone. */
  readonly onEnd: (cleanup: () => void) => void;
}
