import type { RowKey } from './grid-selection.ts';

/**
 * Which element of a grid shows which row. A row keeps its element for as long as it is in view; the elements of rows that
 * have left are used for those that come, so that scrolling makes none.
 */
export class RowSlots {
  private slots = new Map<RowKey, number>();
  private free: number[] = [];
  private count = 0;

  /** The elements of the rows in view, whose keys differ; one that is `kept` is not given to another row, as it has the focus. */
  place(keys: readonly RowKey[], kept?: number): readonly number[] {
    const staying = new Map<RowKey, number>(), shown = new Set(keys);
    for (const [key, slot] of this.slots) {
      if (shown.has(key)) staying.set(key, slot);
      else if (slot !== kept) this.free.push(slot);
    }
    this.slots = staying;
    return keys.map(key => {
      let slot = staying.get(key);
      if (slot === undefined) staying.set(key, slot = this.free.pop() ?? this.count++);
      return slot;
    });
  }
}
