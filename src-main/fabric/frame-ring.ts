/**
 * Frames from one thread to another through shared memory: one producer, one consumer, no locks and no loss. A producer
 * that finds no room waits, and is rung for when there is some; a consumer that sleeps is rung for when there is a frame.
 * Records of 16 bytes of header and the frame, at multiples of 16, never wrap: a skip mark fills the end.
 */
import { MAX_FRAME_BYTES, type Frame, type Offload, type Segmentation } from './frame.ts';

const HEADER_BYTES = 16;
const CONTROL_BYTES = 64;
const DATA_BYTES = 2 ** 20;
const SKIP = 0xffff_ffff;
export const FRAME_RING_BYTES = CONTROL_BYTES + DATA_BYTES;

/** Words of the control block. Positions run freely modulo 2^32. */
const WRITTEN = 0, READ = 1, CONSUMER_SLEEPS = 2, PRODUCER_WAITS = 3;
const SEGMENTATIONS: readonly Segmentation[] = ['none', 'tcp4', 'tcp6'];

const recordBytes = (frameBytes: number) => HEADER_BYTES + frameBytes + 15 & ~15;

export class FrameRing {
  private readonly control: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly words: DataView;
  /** Rings for the other side: called only when it asked for it. */
  private readonly ring: () => void;

  constructor(memory: SharedArrayBuffer, byteOffset: number, ring: () => void = () => {}) {
    this.control = new Int32Array(memory, byteOffset, CONTROL_BYTES / 4);
    this.bytes = new Uint8Array(memory, byteOffset + CONTROL_BYTES, DATA_BYTES);
    this.words = new DataView(memory, byteOffset + CONTROL_BYTES, DATA_BYTES);
    this.ring = ring;
  }

  /** Whether a frame of any size fits, wherever the ring stands. If not, the producer is rung for when it does. */
  hasRoom(): boolean { return this.hasRoomFor(2 * recordBytes(MAX_FRAME_BYTES)); }

  /** Appends a frame that `fill` writes; false when it does not fit, and then as `hasRoom`. */
  push(lengthBytes: number, offload: Offload, fill: (into: Uint8Array) => void): boolean {
    if (lengthBytes > MAX_FRAME_BYTES) return false;
    const needed = recordBytes(lengthBytes), written = Atomics.load(this.control, WRITTEN);
    const at = written & DATA_BYTES - 1, toEnd = DATA_BYTES - at, skipped = toEnd < needed ? toEnd : 0;
    if (!this.hasRoomFor(needed + skipped)) return false;
    if (skipped > 0) this.words.setUint32(at, SKIP, true);
    this.putRecord(skipped > 0 ? 0 : at, lengthBytes, offload, fill);
    Atomics.store(this.control, WRITTEN, written + skipped + needed | 0);
    this.ringIf(CONSUMER_SLEEPS);
    return true;
  }

  pushFrame({ bytes, offload }: Frame): boolean { return this.push(bytes.length, offload, into => into.set(bytes)); }

  /** The oldest frame, in place until `shift`. */
  peek(): Frame | undefined {
    const read = Atomics.load(this.control, READ);
    if (read === Atomics.load(this.control, WRITTEN)) return undefined;
    const at = read & DATA_BYTES - 1;
    if (this.words.getUint32(at, true) !== SKIP) return this.recordAt(at);
    Atomics.store(this.control, READ, read + DATA_BYTES - at | 0);
    return this.recordAt(0);
  }

  /** Lets go of the frame that `peek` gave. */
  shift(): void {
    const read = Atomics.load(this.control, READ);
    Atomics.store(this.control, READ, read + recordBytes(this.words.getUint32(read & DATA_BYTES - 1, true)) | 0);
    if (Atomics.load(this.control, PRODUCER_WAITS) !== 0 && this.room() >= DATA_BYTES / 2) this.ringIf(PRODUCER_WAITS);
  }

  get isEmpty(): boolean { return Atomics.load(this.control, READ) === Atomics.load(this.control, WRITTEN); }

  /** The consumer goes to sleep and wants to be rung for; false when it must not, as there is a frame. */
  sleep(): boolean {
    Atomics.store(this.control, CONSUMER_SLEEPS, 1);
    if (this.isEmpty) return true;
    this.wake();
    return false;
  }

  /** The consumer looks by itself again. */
  wake(): void { Atomics.store(this.control, CONSUMER_SLEEPS, 0); }

  private hasRoomFor(bytes: number): boolean {
    if (this.room() >= bytes) return true;
    Atomics.store(this.control, PRODUCER_WAITS, 1);
    return this.room() >= bytes;
  }

  private room() { return DATA_BYTES - (Atomics.load(this.control, WRITTEN) - Atomics.load(this.control, READ) >>> 0); }

  private ringIf(flag: number) {
    if (Atomics.load(this.control, flag) !== 0 && Atomics.exchange(this.control, flag, 0) !== 0) this.ring();
  }

  private putRecord(at: number, lengthBytes: number, offload: Offload, fill: (into: Uint8Array) => void) {
    const { words } = this;
    words.setUint32(at, lengthBytes, true);
    words.setUint8(at + 4, Number(offload.needsChecksum));
    words.setUint8(at + 5, SEGMENTATIONS.indexOf(offload.segmentation));
    words.setUint16(at + 6, offload.segmentBytes, true);
    words.setUint16(at + 8, offload.checksumStart, true);
    words.setUint16(at + 10, offload.checksumOffset, true);
    fill(this.bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + lengthBytes));
  }

  private recordAt(at: number): Frame {
    const { words } = this, length = words.getUint32(at, true);
    return {
      bytes: this.bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length),
      offload: {
        needsChecksum: words.getUint8(at + 4) !== 0, segmentation: SEGMENTATIONS[words.getUint8(at + 5)] ?? 'none', segmentBytes: words.getUint16(at + 6, true),
        checksumStart: words.getUint16(at + 8, true), checksumOffset: words.getUint16(at + 10, true),
      },
    };
  }
}
