/**
 * MSI-X (PCI Express Base 5.0, 7.7.2 and 6.1.4): a table of messages in a BAR, each a store of a word that is an interrupt.
 * What is masked waits in the pending bits.
 */
import { assert } from '../../../shared/base/errors.ts';
import type { Dma } from '../../memory/dma.ts';
import type { Region } from '../../memory/region.ts';
import { CAP_MSIX, type Capability, type CapabilityOwner } from './capability.ts';
import { fields } from './config-space.ts';

const ENTRY_BYTES = 16;
const ENABLE = 0x8000, FUNCTION_MASK = 0x4000;
const VECTOR_MASKED = 1;
const MAX_VECTORS = 2048;

export interface MsixState { readonly table: Uint32Array; readonly pending: Uint32Array }

export interface MsixIo { readonly vectors: number; readonly bar: number; readonly dma: Dma }

export class Msix implements Capability {
  readonly id = CAP_MSIX;
  readonly bytes: Uint8Array;
  readonly writable = fields(12, { 2: [2, ENABLE | FUNCTION_MASK] });
  readonly vectors: number;
  /** The table, and the pending bits in the second half. */
  readonly region: Region;
  readonly sizeBytes: number;
  private readonly dma: Dma;
  private readonly table: Uint32Array;
  private readonly pending: Uint32Array;
  private owner!: CapabilityOwner;

  constructor({ vectors, bar, dma }: MsixIo) {
    assert(vectors > 0 && vectors <= MAX_VECTORS, 'a function has 1 to 2048 vectors');
    this.vectors = vectors;
    this.dma = dma;
    this.table = new Uint32Array(4 * vectors);
    this.pending = new Uint32Array(2 * Math.ceil(vectors / 64));
    const half = Math.max(0x800, 2 ** Math.ceil(Math.log2(vectors * ENTRY_BYTES)));
    this.sizeBytes = 2 * half;
    this.bytes = fields(12, { 2: [2, vectors - 1], 4: [4, bar], 8: [4, half | bar] });
    const word = (offset: number) => (offset < half ? this.table[offset >> 2] : this.pending[(offset - half) >> 2]) ?? 0;
    this.region = {
      read: (offset, size) => (word(offset) >>> 8 * (offset & 3) & (size === 4 ? -1 : (1 << 8 * size) - 1)) >>> 0,
      write: (offset, size, value) => { if (size === 4 && (offset & 3) === 0) this.setTable(offset >> 2, value); },
    };
    this.clear();
  }

  attach(owner: CapabilityOwner): void { this.owner = owner; }
  write(): void { for (let vector = 0; vector < this.vectors; vector++) this.deliver(vector); }

  get isEnabled(): boolean { return (this.control & ENABLE) !== 0; }

  /** Sends a vector's message, or keeps it for when it is no longer masked. */
  signal(vector: number): void {
    if (!this.isEnabled || vector >= this.vectors) return;
    this.pending[vector >> 5]! |= 1 << (vector & 31);
    this.deliver(vector);
  }

  /** Takes back what waits, as the reason for it is gone. */
  withdraw(vector: number): void { this.pending[vector >> 5]! &= ~(1 << (vector & 31)); }

  private get control() { return this.owner.window.getUint16(2, true); }

  private deliver(vector: number) {
    if ((this.pending[vector >> 5]! >>> (vector & 31) & 1) === 0) return;
    const at = 4 * vector;
    if ((this.control & (ENABLE | FUNCTION_MASK)) !== ENABLE || (this.table[at + 3]! & VECTOR_MASKED) !== 0) return;
    this.withdraw(vector);
    this.dma.store(this.table[at + 1]! * 2 ** 32 + this.table[at]!, 4, this.table[at + 2]!);
  }

  private setTable(word: number, value: number) {
    if (word >= this.table.length) return;
    const field = word & 3;
    this.table[word] = field === 0 ? value & ~3 : field === 3 ? value & VECTOR_MASKED : value;
    if (field === 3) this.deliver(word >> 2);
  }

  /** As after reset: every vector is masked, and nothing waits. */
  clear(): void {
    this.table.forEach((_, word) => { this.table[word] = (word & 3) === 3 ? VECTOR_MASKED : 0; });
    this.pending.fill(0);
  }

  save(): MsixState { return { table: this.table.slice(), pending: this.pending.slice() }; }
  restore(state: MsixState): void {
    this.table.set(state.table);
    this.pending.set(state.pending);
  }
}
