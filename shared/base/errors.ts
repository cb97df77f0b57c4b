/** Failures an operator reads. Anything else that is thrown is our own bug and crosses RPC as `internal`. */

import { english, type Said } from './phrase.ts';

/** An operation that failed for a reason the operator can understand: one whole sentence, which `message` has in English. */
export class EngineError extends Error {
  readonly code: string;
  readonly said: Said;
  constructor(code: string, said: Said) {
    super(english(said));
    this.name = 'EngineError';
    this.code = code;
    this.said = said;
  }
}

/** Throws when one of our own invariants is broken. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}`);
}

/** The sentence on anything that was thrown, for a client to show. */
export const saidOf = (error: unknown): Said => (error instanceof EngineError ? error.said : messageOf(error));

/** The same in English, for logs and the shell. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
