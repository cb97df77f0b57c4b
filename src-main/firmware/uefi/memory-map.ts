/**
 * The memory that UEFI hands out (UEFI 2.10, 7.2): pages from the top down, of a type each, and pools cut from them. What is
 * known of it is here and not in the guest's memory, so that a guest that writes beyond its own does no harm to it.
 */
export const PAGE_BYTES = 0x1000;
/** Runtime regions are whole pages of any granule that an OS may use (UEFI 2.10, 2.3.6). */
const RUNTIME_ALIGN = 0x1_0000;
const POOL_ALIGN = 16;

export const MEMORY = {
  reserved: 0, loaderCode: 1, loaderData: 2, bootServicesCode: 3, bootServicesData: 4, runtimeServicesCode: 5, runtimeServicesData: 6, conventional: 7,
  unusable: 8, acpiReclaim: 9, acpiNvs: 10, mappedIo: 11, mappedIoPortSpace: 12, palCode: 13, persistent: 14,
} as const;
const MOST_TYPE = MEMORY.persistent, FIRST_OEM_TYPE = 0x7000_0000;

const WRITE_BACK_AND_WEAKER = 0xfn, RUNTIME = 1n << 63n;

/** Pages of one type. */
export interface MemoryRange { readonly type: number; readonly start: number; readonly end: number }
export interface MemoryDescriptor { readonly type: number; readonly start: number; readonly pages: number; readonly attribute: bigint }

const isRuntime = (type: number) => type === MEMORY.runtimeServicesCode || type === MEMORY.runtimeServicesData;

export interface MemoryMapState { readonly ranges: readonly MemoryRange[]; readonly key: number; readonly pools: readonly [number, Pool][]; readonly free: readonly [string, readonly number[]][] }
interface Pool { readonly type: number; readonly bytes: number; readonly pages: number }

export class MemoryMap {
  /** In order, without gaps. */
  private ranges: MemoryRange[];
  /** Grows with every change. */
  key = 1;
  private pools = new Map<number, Pool>();
  /** Pieces of pages by type and size, to be given again. */
  private free = new Map<string, number[]>();

  constructor(start: number, end: number) { this.ranges = [{ type: MEMORY.conventional, start, end }]; }

  static isType(type: number): boolean { return type <= MOST_TYPE || type >= FIRST_OEM_TYPE; }

  /** The highest pages that are free below `below`; undefined when there are not so many. */
  allocate(type: number, pages: number, { below = Infinity, alignment = PAGE_BYTES }: { readonly below?: number; readonly alignment?: number } = {}): number | undefined {
    const unit = isRuntime(type) ? RUNTIME_ALIGN : PAGE_BYTES, align = Math.max(unit, alignment), bytes = Math.ceil(pages * PAGE_BYTES / unit) * unit;
    for (const range of this.ranges.toReversed()) {
      if (range.type !== MEMORY.conventional) continue;
      const start = Math.floor((Math.min(range.end, below) - bytes) / align) * align;
      if (start < range.start) continue;
      this.set({ type, start, end: start + bytes });
      return start;
    }
    return undefined;
  }

  /** These pages, if all of them are free. */
  allocateAt(type: number, start: number, pages: number): boolean {
    const end = start + pages * PAGE_BYTES;
    if (!this.covers(start, end, each => each === MEMORY.conventional)) return false;
    this.set({ type, start, end });
    return true;
  }

  /** False when some of them were not given out. */
  release(start: number, pages: number): boolean {
    const end = start + pages * PAGE_BYTES;
    if (pages <= 0 || !this.covers(start, end, each => each !== MEMORY.conventional)) return false;
    this.set({ type: MEMORY.conventional, start, end });
    return true;
  }

  /** Bytes that nobody else has, aligned to 16. */
  allocatePool(type: number, bytes: number): number | undefined {
    const size = poolSize(bytes);
    if (size > PAGE_BYTES / 2) {
      const pages = Math.ceil(size / PAGE_BYTES), start = this.allocate(type, pages);
      if (start !== undefined) this.pools.set(start, { type, bytes, pages });
      return start;
    }
    const key = `${type}/${size}`, free = this.free.get(key) ?? [];
    if (free.length === 0) {
      const unit = isRuntime(type) ? RUNTIME_ALIGN : PAGE_BYTES, start = this.allocate(type, unit / PAGE_BYTES);
      if (start === undefined) return undefined;
      for (let at = start + unit - size; at >= start; at -= size) free.push(at);
      this.free.set(key, free);
    }
    const start = free.pop()!;
    this.pools.set(start, { type, bytes, pages: 0 });
    return start;
  }

  releasePool(start: number): boolean {
    const pool = this.pools.get(start);
    if (pool === undefined) return false;
    this.pools.delete(start);
    if (pool.pages > 0) return this.release(start, pool.pages);
    this.free.get(`${pool.type}/${poolSize(pool.bytes)}`)?.push(start);
    return true;
  }

  get descriptors(): readonly MemoryDescriptor[] {
    return this.ranges.map(({ type, start, end }) => ({ type, start, pages: (end - start) / PAGE_BYTES, attribute: WRITE_BACK_AND_WEAKER | (isRuntime(type) ? RUNTIME : 0n) }));
  }

  save(): MemoryMapState { return { ranges: this.ranges, key: this.key, pools: [...this.pools], free: [...this.free] }; }
  restore(state: MemoryMapState): void {
    this.ranges = [...state.ranges];
    this.key = state.key;
    this.pools = new Map(state.pools);
    this.free = new Map(state.free.map(([key, list]) => [key, [...list]]));
  }

  private covers(start: number, end: number, is: (type: number) => boolean): boolean {
    const first = this.ranges[0]!, last = this.ranges[this.ranges.length - 1]!;
    return start % PAGE_BYTES === 0 && start >= first.start && end <= last.end && start < end && this.ranges.every(range => range.end <= start || range.start >= end || is(range.type));
  }

  private set(range: MemoryRange) {
    const ranges: MemoryRange[] = [];
    const put = (next: MemoryRange) => {
      const before = ranges.at(-1);
      if (next.start >= next.end) return;
      if (before?.type === next.type && before.end === next.start) ranges[ranges.length - 1] = { ...before, end: next.end };
      else ranges.push(next);
    };
    let isPut = false;
    for (const old of this.ranges) {
      put({ ...old, end: Math.min(old.end, range.start) });
      if (!isPut && old.end > range.start) { put(range); isPut = true; }
      put({ ...old, start: Math.max(old.start, range.end) });
    }
    this.ranges = ranges.filter(({ start, end }) => start < end);
    this.key++;
  }
}

/** Sizes of pieces: few, so that they are of use again. */
function poolSize(bytes: number): number {
  if (bytes > PAGE_BYTES / 2) return bytes;
  let size = POOL_ALIGN;
  while (size < bytes) size *= 2;
  return size;
}
