/**
 * Pages of a machine's RAM whose contents are still to come (docs/decisions/0030-post-copy.md). CPUs leave with EXIT_PAGE when they need one; whatever else
 * looks at RAM waits for it. One thread places them; the thread that runs the machine marks them and waits. All of it is in the machine's own memory, so each side has an object of its own.
 */
import type { Pa } from '../../../shared/base/ids.ts';
import { M_ARRIVALS, M_DOORBELL, M_MEMORY_LOST, M_MISSING, M_MISSING_LOCK, MACHINE, PAGE_MISSING, PAGE_TABLE, RAM_BASE } from '../layout.ts';
import { PAGE_BYTES } from './dirty-log.ts';

const LOCK = (MACHINE + M_MISSING_LOCK) / 4, COUNT = (MACHINE + M_MISSING) / 4, ARRIVALS = (MACHINE + M_ARRIVALS) / 4, LOST = (MACHINE + M_MEMORY_LOST) / 4, DOORBELL = (MACHINE + M_DOORBELL) / 4;
const FREE = 0, HELD = 1;

export class MissingPages {
  private readonly words: Int32Array;
  /** { slot, flags } of each page. */
  private readonly table: Uint16Array;
  private readonly ram: Uint8Array;

  /** Of the RAM from `first` on, whole pages, which have numbers from 0. */
  constructor(memory: WebAssembly.Memory, first: Pa, bytes: number) {
    this.words = new Int32Array(memory.buffer);
    this.table = new Uint16Array(memory.buffer, PAGE_TABLE + 4 * first / PAGE_BYTES, 2 * bytes / PAGE_BYTES);
    this.ram = new Uint8Array(memory.buffer, RAM_BASE + first, bytes);
  }

  get count(): number { return Atomics.load(this.words, COUNT); }
  get pages(): number { return this.table.length / 2; }
  /** What is missing will never come. */
  get isLost(): boolean { return Atomics.load(this.words, LOST) !== 0; }
  has(page: number): boolean { return (Atomics.load(this.table, 2 * page + 1) & PAGE_MISSING) !== 0; }

  /** While no CPU runs, and nothing was ever looked at. */
  mark(pages: Iterable<number>): void {
    let count = 0;
    for (const page of pages) if ((Atomics.or(this.table, 2 * page + 1, PAGE_MISSING) & PAGE_MISSING) === 0) count++;
    Atomics.add(this.words, COUNT, count);
  }

  /** What came; a page that is not missing keeps what it has. Says whether it was. */
  place(page: number, contents: Uint8Array): boolean {
    return this.alone(() => {
      if (!this.has(page)) return false;
      this.ram.set(contents, page * PAGE_BYTES);
      this.present(page);
      return true;
    });
  }

  /** Whoever waits looks again, be it for a page or for a CPU that waits for one. */
  arrived(): void {
    for (const word of [ARRIVALS, DOORBELL]) {
      Atomics.add(this.words, word, 1);
      Atomics.notify(this.words, word);
    }
  }

  /** Nothing is waited for any more: memory is as it is. */
  forget(): void {
    this.alone(() => { for (let page = 0; page < this.pages && this.count > 0; page++) if (this.has(page)) this.present(page); });
    this.arrived();
  }

  lose(): void {
    Atomics.store(this.words, LOST, 1);
    this.arrived();
  }

  /** Blocks this thread until the page is there, or never will be. */
  await(page: number): void {
    for (;;) {
      const arrivals = Atomics.load(this.words, ARRIVALS);
      if (!this.has(page) || this.isLost) return;
      Atomics.wait(this.words, ARRIVALS, arrivals);
    }
  }

  private present(page: number): void {
    Atomics.and(this.table, 2 * page + 1, ~PAGE_MISSING);
    Atomics.sub(this.words, COUNT, 1);
  }

  private alone<T>(work: () => T): T {
    while (Atomics.compareExchange(this.words, LOCK, FREE, HELD) !== FREE) Atomics.wait(this.words, LOCK, HELD);
    try { return work(); } finally {
      Atomics.store(this.words, LOCK, FREE);
      Atomics.notify(this.words, LOCK, 1);
    }
  }
}
