/** How a page comes by ports to the engine: one after the other, for as long as the page lives. */
import type { Port } from '../../shared/api/port.ts';

export interface LinkListener {
  opened(port: Port): void;
  /** The last port given by `opened` is dead; another one may follow. */
  lost(): void;
}

export type EngineLink = (listener: LinkListener) => void;
