import { inject, type InjectionKey } from 'vue';
import { assert } from '../../shared/base/errors.ts';
import type { EngineClient } from './client.ts';

export const ENGINE: InjectionKey<EngineClient> = Symbol('engine');

/** The engine client of this app; for stores and views. */
export function useEngine(): EngineClient {
  const engine = inject(ENGINE);
  assert(engine, 'the app provides an engine client');
  return engine;
}
