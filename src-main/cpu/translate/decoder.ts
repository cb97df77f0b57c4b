/** Decodes words in JavaScript, by the order that the interpreter's table has: for the translator and for people. */
import { bySpecificity, knownFields, variantsOf, type Row, type Variant } from './insn.ts';

const BUCKET_SHIFT = 21;

export class Decoder {
  private readonly ordered: readonly Variant[];
  private readonly buckets = new Map<number, readonly Variant[]>();

  constructor(rows: readonly Row[]) { this.ordered = bySpecificity(rows.flatMap(variantsOf)); }

  /** The variant that a word belongs to; undefined when it is UNDEFINED. */
  decode(word: number): Variant | undefined {
    const variant = this.bucket(word >>> BUCKET_SHIFT).find(v => ((word & v.mask) >>> 0) === v.bits);
    if (variant?.row.undef === undefined) return variant;
    return variant.row.undef(knownFields(variant.row, word)).constant === 0 ? variant : undefined;
  }

  private bucket(high: number): readonly Variant[] {
    let list = this.buckets.get(high);
    if (list === undefined) {
      const word = (high << BUCKET_SHIFT) >>> 0, fixedBits = (0xffff_ffff << BUCKET_SHIFT) >>> 0;
      list = this.ordered.filter(v => ((word ^ v.bits) & v.mask & fixedBits) === 0);
      this.buckets.set(high, list);
    }
    return list;
  }
}
