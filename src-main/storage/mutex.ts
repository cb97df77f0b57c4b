/** One after the other, in the order in which they came. */
export class Mutex {
  private last: Promise<unknown> = Promise.resolve();

  run<T>(act: () => Promise<T>): Promise<T> {
    const result = this.last.then(act);
    this.last = result.catch(() => { /* is its caller's */ });
    return result;
  }
}

/** A mutex for each of many things, which is there only while it is needed. */
export class KeyedMutex {
  private readonly held = new Map<number, { readonly mutex: Mutex; users: number }>();

  async run<T>(key: number, act: () => Promise<T>): Promise<T> {
    const entry = this.held.get(key) ?? { mutex: new Mutex(), users: 0 };
    this.held.set(key, entry);
    entry.users++;
    try { return await entry.mutex.run(act); } finally { if (--entry.users === 0) this.held.delete(key); }
  }
}
