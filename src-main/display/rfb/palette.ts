/** Pixel values of a rectangle and their numbers, in the order in which they are found. For as few as encodings have palettes of. */
const SLOTS = 1024;
const NONE = -1;

export class Palette {
  readonly values = new Uint32Array(256);
  private readonly slots = new Int16Array(SLOTS);
  count = 0;

  /** Counts the different values of rows of a rectangle; false, and then of no use, when there are more than `most` (256 at most). */
  fill(values: Uint32Array, stride: number, x: number, y: number, width: number, height: number, most: number): boolean {
    this.count = 0;
    this.slots.fill(NONE);
    let before = values[y * stride + x]! ^ 1;
    for (let row = y; row < y + height; row++) {
      for (let at = row * stride + x, end = at + width; at < end; at++) {
        const value = values[at]!;
        if (value === before) continue;
        before = value;
        const slot = this.slotOf(value);
        if (this.slots[slot] !== NONE) continue;
        if (this.count === most) return false;
        this.slots[slot] = this.count;
        this.values[this.count++] = value;
      }
    }
    return true;
  }

  /** The number of a value that is there. */
  indexOf(value: number): number { return this.slots[this.slotOf(value)]!; }

  private slotOf(value: number): number {
    let slot = Math.imul(value, 0x9e37_79b1) >>> 22;
    while (this.slots[slot] !== NONE && this.values[this.slots[slot]!] !== value) slot = slot + 1 & SLOTS - 1;
    return slot;
  }
}
