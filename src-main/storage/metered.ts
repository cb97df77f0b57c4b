/** A backend that counts what is done with it. */
import type { BlockBackend } from './block-backend.ts';

/** Since it was opened. Times are sums over requests, which may overlap. */
export interface BlockCounters {
  reads: number; writes: number; flushes: number; discards: number; errors: number;
  readBytes: number; writtenBytes: number; discardedBytes: number;
  readNs: number; writeNs: number; flushNs: number;
}

export interface MeteredBackend extends BlockBackend { counters(): BlockCounters }

export const noCounters = (): BlockCounters => ({ reads: 0, writes: 0, flushes: 0, discards: 0, errors: 0, readBytes: 0, writtenBytes: 0, discardedBytes: 0, readNs: 0, writeNs: 0, flushNs: 0 });

/** Zeroed ranges count with discarded ones. */
export function metered(backend: BlockBackend, clock: { readonly nowNs: number }): MeteredBackend {
  const counters = noCounters();
  const timed = async (act: () => Promise<void>, count: (ns: number) => void) => {
    const fromNs = clock.nowNs;
    try { await act(); } catch (error) { counters.errors++; throw error; }
    count(clock.nowNs - fromNs);
  };
  const cleared = (length: number) => () => { counters.discards++; counters.discardedBytes += length; };
  return {
    get sizeBytes() { return backend.sizeBytes; },
    readOnly: backend.readOnly,
    read: (offset, into) => timed(() => backend.read(offset, into), ns => { counters.reads++; counters.readBytes += into.length; counters.readNs += ns; }),
    write: (offset, bytes) => timed(() => backend.write(offset, bytes), ns => { counters.writes++; counters.writtenBytes += bytes.length; counters.writeNs += ns; }),
    flush: () => timed(() => backend.flush(), ns => { counters.flushes++; counters.flushNs += ns; }),
    zero: (offset, length) => timed(() => backend.zero(offset, length), cleared(length)),
    discard: (offset, length) => timed(() => backend.discard(offset, length), cleared(length)),
    close: () => backend.close(),
    counters: () => ({ ...counters }),
  };
}
