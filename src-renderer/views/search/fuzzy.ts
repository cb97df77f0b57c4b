/** How well a few typed letters fit a text: each word must be in it, if need be with gaps. */

/** The higher the better; absent when a word does not fit. */
export function fuzzyScore(typed: string, text: string): number | undefined {
  const lower = text.toLowerCase();
  let score = 0;
  for (const word of typed.toLowerCase().split(/\s+/).filter(Boolean)) {
    const own = wordScore(word, lower);
    if (own === undefined) return undefined;
    score += own;
  }
  return score - lower.length / 100;
}

function wordScore(word: string, text: string): number | undefined {
  const at = text.indexOf(word);
  if (at === 0) return 100;
  if (at > 0) return /[\s\-_.:/(]/.test(text[at - 1] ?? '') ? 80 : 60;
  let from = -1, gaps = 0;
  for (const letter of word) {
    const next = text.indexOf(letter, from + 1);
    if (next < 0) return undefined;
    if (from >= 0) gaps += next - from - 1;
    from = next;
  }
  return word.length < 2 ? undefined : 40 - gaps;
}

/** The best of many, the first of equals first. */
export function best<T>(typed: string, items: Iterable<T>, textOf: (item: T) => string, limit: number): readonly T[] {
  const fitting: { item: T; score: number }[] = [];
  for (const item of items) {
    const score = fuzzyScore(typed, textOf(item));
    if (score !== undefined) fitting.push({ item, score });
  }
  return fitting.sort((a, b) => b.score - a.score).slice(0, limit).map(({ item }) => item);
}
