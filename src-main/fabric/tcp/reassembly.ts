import { distance, plus } from './segment.ts';

interface Piece { readonly seq: number; readonly bytes: Uint8Array }

/** Most pieces kept; a peer that loses single segments of a full window stays below it. */
const MAX_PIECES = 256;

/** Data that arrived before what is still missing in front of it. Its owner bounds what it gets to the receive window. */
export class Reassembly {
  private pieces: Piece[] = [];

  get isEmpty(): boolean { return this.pieces.length === 0; }

  /** Keeps a copy. What does not fit is dropped, and comes again. */
  add(seq: number, bytes: Uint8Array): void {
    if (this.pieces.length >= MAX_PIECES || bytes.length === 0) return;
    const at = this.pieces.findIndex(piece => distance(piece.seq, seq) >= 0), after = this.pieces[at];
    if (after?.seq === seq && after.bytes.length >= bytes.length) return;
    this.pieces.splice(at < 0 ? this.pieces.length : at, after?.seq === seq ? 1 : 0, { seq, bytes: bytes.slice() });
  }

  /** Takes what continues at `seq`, less what is already known of it. */
  take(seq: number): Uint8Array | undefined {
    for (let [first] = this.pieces; first !== undefined && distance(first.seq, seq) <= 0; [first] = this.pieces) {
      this.pieces.shift();
      if (distance(plus(first.seq, first.bytes.length), seq) > 0) return first.bytes.subarray(distance(seq, first.seq));
    }
    return undefined;
  }
}
