/**
 * Translations that a stream's walks gave, pages and blocks each under their own size, until the guest's commands drop
 * them. It is not part of what is saved: a machine may forget a translation at any time.
 */
import type { Translation } from './walk.ts';

const MAX_ENTRIES = 4096;

export class Tlb {
  /** By size, the ones that were needed first come first. */
  private sizes: { readonly shift: number; readonly entries: Map<number, Translation> }[] = [];
  private count = 0;

  find(address: number): Translation | undefined {
    for (const { shift, entries } of this.sizes) {
      const found = entries.get(Math.floor(address / 2 ** shift));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  add(address: number, translation: Translation): void {
    if (this.count >= MAX_ENTRIES) this.clear();
    const { shift } = translation;
    let size = this.sizes.find((each) => each.shift === shift);
    if (size === undefined) this.sizes.push(size = { shift, entries: new Map() });
    size.entries.set(Math.floor(address / 2 ** shift), translation);
    this.count++;
  }

  /** Drops what translates any address of a range. */
  drop(from: number, length: number): void {
    for (const { shift, entries } of this.sizes) {
      const unit = 2 ** shift, first = Math.floor(from / unit), last = Math.floor((from + length - 1) / unit);
      if (last - first < entries.size) for (let n = first; n <= last; n++) entries.delete(n);
      else for (const n of [...entries.keys()]) if (n >= first && n <= last) entries.delete(n);
    }
  }

  clear(): void {
    this.sizes = [];
    this.count = 0;
  }
}
