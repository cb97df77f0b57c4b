/** A backend that waits where the file system is full, and tries again when it is told to: no error reaches the guest. */
import type { BlockBackend } from './block-backend.ts';

const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);
export const isFull = (error: unknown): boolean => error instanceof Error && 'code' in error && FULL.has(error.code);

/** `whenRoom` resolves when there may be room again. */
export function patient(backend: BlockBackend, whenRoom: () => Promise<void>): BlockBackend {
  const patiently = async (act: () => Promise<void>): Promise<void> => {
    for (;;) {
      try { await act(); return; } catch (error) { if (!isFull(error)) throw error; }
      await whenRoom();
    }
  };
  return {
    get sizeBytes() { return backend.sizeBytes; },
    get readOnly() { return backend.readOnly; },
    read: (offset, into) => backend.read(offset, into),
    write: (offset, bytes) => patiently(() => backend.write(offset, bytes)),
    flush: () => patiently(() => backend.flush()),
    zero: (offset, length) => patiently(() => backend.zero(offset, length)),
    discard: (offset, length) => patiently(() => backend.discard(offset, length)),
    close: () => backend.close(),
  };
}
