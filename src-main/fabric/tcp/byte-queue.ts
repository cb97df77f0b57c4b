/** Bytes in the order in which they were put in, as the pieces they came in. */
export class ByteQueue {
  private readonly pieces: Uint8Array[] = [];
  /** Of the first piece, what was dropped already. */
  private skipped = 0;
  length = 0;

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.pieces.push(bytes);
    this.length += bytes.length;
  }

  drop(count: number): void {
    this.length -= count;
    this.skipped += count;
    let whole = 0;
    while (whole < this.pieces.length && this.skipped >= this.pieces[whole]!.length) this.skipped -= this.pieces[whole++]!.length;
    this.pieces.splice(0, whole);
  }

  /** Fills `into` from the bytes that begin at `from`; there are that many. */
  copy(from: number, into: Uint8Array): void {
    let skip = from + this.skipped, at = 0;
    for (const piece of this.pieces) {
      if (at === into.length) return;
      if (skip >= piece.length) { skip -= piece.length; continue; }
      const part = piece.subarray(skip, skip + into.length - at);
      into.set(part, at);
      at += part.length;
      skip = 0;
    }
  }
}
