/**
 * A backend that takes only as much more of its datastore as it is allotted. What its image takes is looked up when requests may have
 * used that up, then it asks for more; with nothing left it is as if the file system was full. A capacity can be exceeded by
 * what one image is allotted and by the requests of one moment.
 */
import type { BlockBackend } from './block-backend.ts';

/** A request may need tables besides its own bytes. */
const TABLES_BYTES = 256 * 1024;

export interface Allotment {
  /** Bytes that the image takes of the disk. */
  readonly taken: () => Promise<number>;
  /** How many more it may take. */
  readonly ask: () => Promise<number>;
}

const full = (): Error => Object.assign(new Error('the datastore is at its capacity'), { code: 'ENOSPC' });

export function allotted(backend: BlockBackend, { taken, ask }: Allotment): BlockBackend {
  let granted = 0, left = 0, before: number | undefined, unseen = 0, underWay = 0, looking: Promise<void> | undefined;
  const look = async () => {
    const now = await taken();
    // An image that became smaller, or another one, has no more than it was granted.
    left = before === undefined ? 0 : Math.min(granted, left - (now - before));
    before = now;
    if (left <= underWay) left = granted = await ask();
    unseen = underWay;
  };
  const within = async (bytes: number, act: () => Promise<void>): Promise<void> => {
    if (unseen + bytes > left) {
      await (looking ??= look().finally(() => { looking = undefined; }));
      if (left <= 0) throw full();
    }
    unseen += bytes;
    underWay += bytes;
    try { await act(); } finally { underWay -= bytes; }
  };
  return {
    get sizeBytes() { return backend.sizeBytes; },
    get readOnly() { return backend.readOnly; },
    read: (offset, into) => backend.read(offset, into),
    write: (offset, bytes) => within(bytes.length + TABLES_BYTES, () => backend.write(offset, bytes)),
    flush: () => backend.flush(),
    zero: (offset, length) => within(TABLES_BYTES, () => backend.zero(offset, length)),
    discard: (offset, length) => backend.discard(offset, length),
    close: () => backend.close(),
  };
}
