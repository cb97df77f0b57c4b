/**
 * The way between two hosts, as their migration traffic has it: so many bits a second, so late, with so many packets lost, or cut. One
 * buffer that the engine writes, whenever an operator changes a link, and that both halves read.
 *
 * What is sent is a reliable stream, so a lost packet costs time, as it does TCP: the rate is at most what TCP Reno reaches
 * with this loss (Mathis, Semke, Mahdavi, Ott, 1997): MSS / RTT * sqrt(3/2) / sqrt(loss).
 */
const BITS_PER_SECOND = 0, LATENCY_MS = 1, LOSS = 2, IS_CUT = 3;
const SEGMENT_BYTES = 1448, LEAST_ROUND_TRIP_MS = 0.2;

/** Loss is a part of all packets, 0 to 1; latency is one way. */
export interface LinkQuality { readonly bitsPerSecond: number; readonly latencyMs: number; readonly loss: number; readonly isCut: boolean }

export class Link {
  readonly buffer: SharedArrayBuffer;
  private readonly figures: Float64Array;

  constructor(buffer = new SharedArrayBuffer(32)) {
    this.buffer = buffer;
    this.figures = new Float64Array(buffer);
  }

  set(quality: LinkQuality): void { this.figures.set([quality.bitsPerSecond, quality.latencyMs, quality.loss, Number(quality.isCut)]); }

  get isCut(): boolean { return this.figures[IS_CUT] !== 0; }
  get latencyMs(): number { return this.figures[LATENCY_MS]!; }
  /** That a stream reaches. */
  get bytesPerSecond(): number {
    const loss = this.figures[LOSS]!, most = this.figures[BITS_PER_SECOND]! / 8;
    return loss === 0 ? most : Math.min(most, SEGMENT_BYTES / (Math.max(LEAST_ROUND_TRIP_MS, 2 * this.latencyMs) / 1000) * Math.sqrt(1.5 / loss));
  }
}
