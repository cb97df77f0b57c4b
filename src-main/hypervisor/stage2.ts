/**
 * A guest's stage 2 translation tables (Arm ARM D8.2): 4 KiB granule, 40-bit guest physical addresses, two
 * concatenated tables at level 1. They lie in the emulated host's RAM, where the CPU walks them.
 */
import { assert, EngineError } from '../../shared/base/errors.ts';
import type { Ipa, Pa } from '../../shared/base/ids.ts';

const PAGE = 4096;
const TABLE_DESCRIPTOR = 3n;
const BLOCK_SIZES = [2 ** 30, 2 ** 21, 2 ** 12]; // at levels 1, 2, 3
const VALID = 1n;
const NOT_A_BLOCK = 2n;
/** Access flag, inner shareable, readable, normal write-back memory. */
const NORMAL_MEMORY = (1n << 10n) | (3n << 8n) | (1n << 6n) | (0xfn << 2n);
const WRITABLE = 1n << 7n;

/** VTCR_EL2 for these tables: T0SZ 24, start at level 1, write-back, inner shareable, 40-bit output. */
export const STAGE2_VTCR = 24n | (1n << 6n) | (1n << 8n) | (1n << 10n) | (3n << 12n) | (2n << 16n);

/** HCR_EL2: stage 2 on, interrupts routed to the hypervisor, SMC trapped, EL1 is AArch64. */
export const GUEST_HCR = 1n | (1n << 1n) | (1n << 3n) | (1n << 4n) | (1n << 5n) | (1n << 19n) | (1n << 31n);

export class Stage2 {
  readonly root: Pa;
  private readonly memory: DataView;
  private readonly end: number;
  private next: number;

  /** `memory` is the host's RAM; tables are made from `root` (8 KiB aligned) up to `end`. */
  constructor(memory: DataView, root: Pa, end: number) {
    assert(root % (2 * PAGE) === 0, 'the root is aligned to its two tables');
    this.memory = memory;
    this.root = root;
    this.end = end;
    this.next = root;
    this.takeTables(2);
  }

  /** Maps normal memory, in the largest blocks that fit, or takes it away again by the same arguments. */
  map(ipa: Ipa, pa: Pa, sizeBytes: number, rights: 'writable' | 'read-only' | 'none' = 'writable'): void {
    assert((ipa | pa | sizeBytes) % PAGE === 0, 'whole pages');
    for (let done = 0; done < sizeBytes;) {
      const block = BLOCK_SIZES.find(size => (ipa + done) % size === 0 && (pa + done) % size === 0 && sizeBytes - done >= size) ?? PAGE;
      this.mapBlock(ipa + done, pa + done, BLOCK_SIZES.indexOf(block), rights);
      done += block;
    }
  }

  private mapBlock(ipa: number, pa: number, depth: number, rights: 'writable' | 'read-only' | 'none'): void {
    let table: number = this.root;
    for (let level = 0; level < depth; level++) table = this.tableBelow(table + 8 * indexAt(ipa, level));
    const descriptor = rights === 'none' ? 0n : BigInt(pa) | NORMAL_MEMORY | (rights === 'writable' ? WRITABLE : 0n) | VALID | (depth === 2 ? NOT_A_BLOCK : 0n);
    this.memory.setBigUint64(table + 8 * indexAt(ipa, depth), descriptor, true);
  }

  private tableBelow(entry: number): number {
    const descriptor = this.memory.getBigUint64(entry, true);
    if ((descriptor & VALID) !== 0n) return Number(descriptor & ~0xfffn);
    const table = this.takeTables(1);
    this.memory.setBigUint64(entry, BigInt(table) | TABLE_DESCRIPTOR, true);
    return table;
  }

  private takeTables(count: number): number {
    const table = this.next;
    this.next += count * PAGE;
    if (this.next > this.end) throw new EngineError('no-memory', 'The host has no memory left for the VM\'s translation tables.');
    for (let at = table; at < this.next; at += 8) this.memory.setBigUint64(at, 0n, true);
    return table;
  }
}

/** Entry of an address in its table; the first level has two tables side by side. */
function indexAt(ipa: number, depth: number): number {
  const size = BLOCK_SIZES[depth] ?? PAGE;
  return Math.floor(ipa / size) % (depth === 0 ? 1024 : 512);
}
