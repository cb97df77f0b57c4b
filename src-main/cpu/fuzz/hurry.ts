/** Makes places hot that were reached a few times, or little would be translated in a short run. */
import type { Machine } from '../core/machine.ts';
import * as L from '../layout.ts';

const ENTRIES = 1024;

/** Each place that counts is, after `reached` more arrivals, one to translate. */
export function hurry({ memory, view }: Machine, reached: number): void {
  const least = L.HOT_COUNT - reached;
  for (let slot: number = L.CODE_POOL; slot < L.PAGE_TABLE && view.getInt32(slot + L.SLOT_HOST, true) !== 0; slot += L.CODE_SLOT_BYTES) {
    const counts = new Int32Array(memory.buffer, slot + L.SLOT_ENTRIES, ENTRIES);
    for (let n = 0; n < ENTRIES; n++) {
      const count = counts[n] as number;
      if (count >= 0 && count < least) counts[n] = least;
    }
  }
}
