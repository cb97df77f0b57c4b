import { distance, SYN, type Segment } from './segment.ts';

/** What the peer has room for (RFC 9293, 3.10.7.4: SND.WND, SND.WL1, SND.WL2). */
export class SendWindow {
  bytes = 0;
  private scale = 0;
  private seq = 0;
  private ack = 0;

  /** From the peer's SYN, whose window is not scaled. */
  begin({ window, windowScale = 0 }: Segment): void {
    this.bytes = window;
    this.scale = windowScale;
  }

  of({ window, flags }: Segment): number { return (flags & SYN) !== 0 ? window : window << this.scale; }

  take(segment: Segment): void {
    this.bytes = this.of(segment);
    this.seq = segment.seq;
    this.ack = segment.ack;
  }

  /** Takes it unless the segment is older than the last; whether the window was closed and is not any more. */
  update(segment: Segment): boolean {
    const later = distance(segment.seq, this.seq), isNewer = later > 0 || (later === 0 && distance(segment.ack, this.ack) >= 0), wasClosed = this.bytes === 0;
    if (isNewer) this.take(segment);
    return isNewer && wasClosed && this.bytes > 0;
  }
}
