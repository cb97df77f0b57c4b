/** Random numbers by seed. For tests only. */
export interface FuzzRandom {
  /** 32 bits. */
  next(): number;
  below(limit: number): number;
  pick<T>(values: readonly T[]): T;
}

export function fuzzRandom(seed: number): FuzzRandom {
  let state = seed * 2654435761 >>> 0 || 1;
  const next = () => { state ^= state << 13; state >>>= 0; state ^= state >>> 17; state ^= state << 5; return state >>>= 0; };
  const below = (limit: number) => next() % limit;
  const pick = <T>(values: readonly T[]) => values[below(values.length)]!;
  return { next, below, pick };
}
