/** One NIC as the network's worker has it: its rings, what is at the other end of its cable, its capture. */
import type { MessagePort } from 'node:worker_threads';
import type { NicSpec } from '../../shared/model/vm.ts';
import type { Frame, Offload } from '../fabric/frame.ts';
import { FrameRing } from '../fabric/frame-ring.ts';
import { TokenBucket } from '../fabric/switch/token-bucket.ts';
import type { PortCounters } from '../fabric/switch/virtual-switch.ts';
import type { Capture } from './capture.ts';
import { RX_RING, TX_RING, type ToNicVm } from './network-messages.ts';

/** Where a NIC's cable leads. */
export interface Attachment {
  readonly receive: (frame: Frame) => void;
  /** After each batch. */
  readonly flush: () => void;
  /** There is room towards the guest again. */
  readonly sendAgain: () => void;
  readonly setConnected: (connected: boolean) => void;
  readonly setFilter: (filter: { readonly mac: number; readonly promiscuous: boolean }) => void;
  /** A switch counts for itself. */
  readonly counters?: () => PortCounters;
  readonly close: () => void;
}

/** Frames taken in one go, before others have theirs. */
const BATCH = 128;

export class NetworkPort {
  private doorbell: MessagePort;
  attachment: Attachment | undefined;
  capture: Capture | undefined;
  private readonly tx: FrameRing;
  private readonly rx: FrameRing;
  private readonly limits: { readonly in: TokenBucket; readonly out: TokenBucket } | undefined;
  private readonly nowNs: () => number;
  private readonly counted: PortCounters = { in: { frames: 0, bytes: 0, drops: {} }, out: { frames: 0, bytes: 0, drops: {} } };
  private connected: boolean;

  constructor(memory: SharedArrayBuffer, doorbell: MessagePort, spec: NicSpec, nowNs: () => number) {
    const ring = () => this.doorbell.postMessage('ring' satisfies ToNicVm);
    this.doorbell = doorbell;
    this.tx = new FrameRing(memory, TX_RING, ring);
    this.rx = new FrameRing(memory, RX_RING, ring);
    this.nowNs = nowNs;
    this.connected = spec.connected;
    // A switch limits for itself.
    this.limits = spec.kind === 'switch' || spec.limit === undefined ? undefined : { in: new TokenBucket(spec.limit, nowNs()), out: new TokenBucket(spec.limit, nowNs()) };
  }

  get counters(): PortCounters { return this.attachment?.counters?.() ?? structuredClone(this.counted); }

  setConnected(connected: boolean): void {
    this.connected = connected;
    this.attachment?.setConnected(connected);
    this.doorbell.postMessage({ linkUp: connected } satisfies ToNicVm);
  }

  /** Rings elsewhere from now on, and says how things are. */
  moveTo(doorbell: MessagePort): void {
    this.doorbell.close();
    this.doorbell = doorbell;
    doorbell.postMessage({ linkUp: this.connected } satisfies ToNicVm);
    doorbell.postMessage('ring' satisfies ToNicVm);
  }

  /** Takes frames from the guest; whether there may be more. */
  drain(): boolean {
    let left = BATCH;
    for (let frame = this.tx.peek(); frame !== undefined && left-- > 0; frame = this.tx.peek()) {
      this.take(frame);
      this.tx.shift();
    }
    this.attachment?.flush();
    return left <= 0 || !this.tx.sleep();
  }

  /** Towards the guest. False when there is no room now. */
  push(lengthBytes: number, offload: Offload, fill: (into: Uint8Array) => void): boolean {
    if (!this.connected) { drop(this.counted.out, 'disconnected'); return true; }
    if (this.limits !== undefined && !this.limits.out.take(lengthBytes, this.nowNs())) { drop(this.counted.out, 'limit'); return true; }
    let captured: Uint8Array | undefined;
    const isPushed = this.rx.push(lengthBytes, offload, into => {
      fill(into);
      if (this.capture !== undefined) captured = into.slice();
    });
    if (!isPushed) return false;
    count(this.counted.out, lengthBytes);
    if (captured !== undefined) this.capture?.frame(captured, 'out');
    return true;
  }

  deliver({ bytes, offload }: Frame): boolean { return this.push(bytes.length, offload, into => into.set(bytes)); }

  async detach(): Promise<void> {
    this.attachment?.close();
    this.doorbell.close();
    await this.capture?.end();
  }

  private take(frame: Frame) {
    this.capture?.frame(frame.bytes, 'in');
    const { length } = frame.bytes;
    if (!this.connected) { drop(this.counted.in, 'disconnected'); return; }
    if (this.limits !== undefined && !this.limits.in.take(length, this.nowNs())) { drop(this.counted.in, 'limit'); return; }
    count(this.counted.in, length);
    this.attachment?.receive(frame);
  }
}

type Counted = PortCounters['in'];
function count(counters: Counted, bytes: number): void { counters.frames++; counters.bytes += bytes; }
function drop(counters: Counted, cause: 'disconnected' | 'limit'): void { counters.drops[cause] = (counters.drops[cause] ?? 0) + 1; }
