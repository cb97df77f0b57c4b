/**
 * The device side of a physical address space. Regions do not overlap. An address that nothing answers for reads as
 * zero and is counted as a guest error. Eight bytes travel as two words, the low one first, as on a 32-bit peripheral bus.
 */
import { disposable, type Disposable } from '../../shared/base/disposable.ts';
import { assert } from '../../shared/base/errors.ts';
import { hex, type GuestErrorSink, type Region } from './region.ts';

interface Mapping<A extends number> { readonly base: A; readonly end: number; readonly region: Region }

const WORD = 0xffff_ffffn;

export class Bus<A extends number> {
  private readonly guestError: GuestErrorSink;
  private mappings: Mapping<A>[] = [];
  /** The mapping of the last access: accesses come in runs. */
  private recent: Mapping<A> | undefined;

  constructor(guestError: GuestErrorSink) { this.guestError = guestError; }

  /** Puts a region at `base` until it is disposed. */
  map(base: A, size: number, region: Region): Disposable {
    const mapping = { base, end: base + size, region };
    assert(!this.mappings.some((other) => base < other.end && other.base < mapping.end), `nothing else is mapped at ${hex(base)}`);
    this.replace([...this.mappings, mapping].sort((a, b) => a.base - b.base));
    return disposable(() => this.replace(this.mappings.filter((other) => other !== mapping)));
  }

  read(address: A, size: 1 | 2 | 4 | 8): bigint {
    const mapping = this.find(address, size);
    if (mapping === undefined) return 0n;
    const offset = address - mapping.base;
    if (size !== 8) return BigInt(mapping.region.read(offset, size));
    return BigInt(mapping.region.read(offset, 4)) | BigInt(mapping.region.read(offset + 4, 4)) << 32n;
  }

  write(address: A, size: 1 | 2 | 4 | 8, value: bigint): void {
    const mapping = this.find(address, size);
    if (mapping === undefined) return;
    const offset = address - mapping.base;
    if (size !== 8) return mapping.region.write(offset, size, Number(BigInt.asUintN(size * 8, value)));
    mapping.region.write(offset, 4, Number(value & WORD));
    mapping.region.write(offset + 4, 4, Number(value >> 32n & WORD));
  }

  private find(address: A, size: number): Mapping<A> | undefined {
    const recent = this.recent;
    if (recent !== undefined && address >= recent.base && address + size <= recent.end) return recent;
    const found = this.mappings[this.indexBelow(address)];
    if (found !== undefined && address + size <= found.end) return this.recent = found;
    this.guestError(`nothing answers at ${hex(address)}`);
    return undefined;
  }

  /** Index of the last mapping that starts at or below the address, or -1. */
  private indexBelow(address: A): number {
    let low = 0;
    let high = this.mappings.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.mappings[middle]!.base <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  private replace(mappings: Mapping<A>[]) {
    this.mappings = mappings;
    this.recent = undefined;
  }
}
