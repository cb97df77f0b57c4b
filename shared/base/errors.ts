/** Failures an operator reads. Anything else that is thrown is our own bug and crosses RPC as `internal`. */

/** An operation that failed for a reason the operator can understand: `message` is one whole sentence. */
export class EngineError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'EngineError';
    this.code = code;
  }
}

/** Throws when one of our own invariants is broken. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}`);
}

/** The sentence to show for anything that was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
