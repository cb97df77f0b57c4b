/** Where things lie in the slots of decoded pages: `layout.ts`. */
import * as L from '../layout.ts';

/** The slot that a record is in. */
export const slotOf = (record: number): number => record - (record - L.CODE_POOL) % L.CODE_SLOT_BYTES;
/** Where the number of a record's region is. */
export const entryOf = (record: number): number => slotOf(record) + L.SLOT_ENTRIES + (record - slotOf(record)) / 4;
/** Which instruction of its page a record is, from 0. */
export const placeOf = (record: number): number => (record - slotOf(record)) / L.RECORD_BYTES;
