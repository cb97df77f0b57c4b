import { disposable, type Disposable } from './disposable.ts';

/** Past facts of type `T`, told to every listener in the order of subscription. */
export class Emitter<T> {
  private readonly listeners = new Set<(fact: T) => void>();

  on(listener: (fact: T) => void): Disposable {
    const own = (fact: T) => listener(fact);
    this.listeners.add(own);
    return disposable(() => this.listeners.delete(own));
  }

  emit(fact: T): void {
    for (const listener of [...this.listeners]) listener(fact);
  }
}
