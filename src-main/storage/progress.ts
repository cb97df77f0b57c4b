/** What long operations on images tell, and ask. */
export interface Progress {
  /** How much is done, from 0 to 1. */
  readonly progress?: ((part: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Between two steps; throws what the signal was aborted with. */
export function step({ progress, signal }: Progress, part: number): void {
  signal?.throwIfAborted();
  progress?.(part);
}

export interface CheckResult {
  /** Space that nothing uses. */
  readonly leaks: number;
  /** What may lose data or already has. */
  readonly corruptions: number;
  readonly leaksFixed: number;
  readonly corruptionsFixed: number;
  /** The first of them, each a phrase. */
  readonly problems: readonly string[];
}

export const CLEAN: CheckResult = { leaks: 0, corruptions: 0, leaksFixed: 0, corruptionsFixed: 0, problems: [] };
