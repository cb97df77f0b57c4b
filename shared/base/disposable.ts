/** Something that was switched on and can be switched off, once. */
export interface Disposable { dispose(): void }

/** A disposable whose `dispose` runs `off` the first time only. */
export function disposable(off: () => void): Disposable {
  let live = true;
  return { dispose() { if (live) { live = false; off(); } } };
}
