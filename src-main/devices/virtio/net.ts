/**
 * Network device (virtio 1.2, 5.1) between a guest and two rings of frames. What the guest leaves to hardware stays undone in
 * the ring, and is done here for a guest that cannot take it so. While the ring towards the network is full, the guest's
 * frames wait in its queue. Left out: several pairs of queues, UDP segmentation, changing offloads at run time, RSS, coalescing.
 */
import { MAX_FRAME_BYTES, ETHERNET_BYTES, NO_OFFLOAD, putMac, type Frame, type Mac, type Offload } from '../../fabric/frame.ts';
import type { FrameRing } from '../../fabric/frame-ring.ts';
import { plainFrames } from '../../fabric/segmentation.ts';
import type { Dma } from '../../memory/dma.ts';
import { gather, lengthOf, scatter, slice } from './buffers.ts';
import { NetFilter, type NetFilterState } from './net-filter.ts';
import type { VirtioCore, VirtioPort } from './virtio-core.ts';
import type { Chain, GuestBuffer } from './virtqueue.ts';

const F_CSUM = 1 << 0, F_GUEST_CSUM = 1 << 1, F_MTU = 1 << 3, F_MAC = 1 << 5, F_GUEST_TSO4 = 1 << 7, F_GUEST_TSO6 = 1 << 8;
const F_HOST_TSO4 = 1 << 11, F_HOST_TSO6 = 1 << 12, F_MRG_RXBUF = 1 << 15, F_STATUS = 1 << 16, F_CTRL_VQ = 1 << 17, F_CTRL_RX = 1 << 18;
const F_CTRL_VLAN = 1 << 19, F_CTRL_RX_EXTRA = 1 << 20, F_GUEST_ANNOUNCE = 1 << 21, F_CTRL_MAC_ADDR = 1 << 23;
const FEATURES = F_CSUM | F_GUEST_CSUM | F_MTU | F_MAC | F_GUEST_TSO4 | F_GUEST_TSO6 | F_HOST_TSO4 | F_HOST_TSO6 | F_MRG_RXBUF | F_STATUS
  | F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN | F_CTRL_RX_EXTRA | F_GUEST_ANNOUNCE | F_CTRL_MAC_ADDR;

const RECEIVE = 0, TRANSMIT = 1, CONTROL = 2;
const QUEUE_SIZE = 256, CONTROL_QUEUE_SIZE = 64;

const HEADER_BYTES = 12;
const NEEDS_CSUM = 1;
const GSO = { none: 0, tcp4: 1, tcp6: 4 } as const;
const GSO_ECN = 0x80;
/** Headers are at least so long; a driver only takes it for a hint. */
const TCP_HEADER_BYTES = 20;

const LINK_UP = 1, ANNOUNCE = 2;
const CLASS_RX = 0, CLASS_MAC = 1, CLASS_VLAN = 2, CLASS_ANNOUNCE = 3;
const OK = 0, ERROR = 1;
const MOST_COMMAND_BYTES = 0x10000;

export interface VirtioNetState {
  linkUp: boolean;
  announcing: boolean;
  filter: NetFilterState;
  /** Chains for a frame that needs more than there were. */
  held: number[];
  /** Frames, cut or completed for the guest, that wait for buffers. */
  waiting: Frame[];
}

/** What a driver wants to get. */
export interface NicFilter { readonly mac: Mac; readonly promiscuous: boolean }

export interface VirtioNetIo {
  readonly dma: Dma;
  readonly mac: Mac;
  readonly mtu: number;
  /** Towards the network, and from it. */
  readonly tx: FrameRing;
  readonly rx: FrameRing;
  readonly filterChanged: (filter: NicFilter) => void;
}

export class VirtioNet implements VirtioCore<VirtioNetState> {
  readonly name = 'virtio-net';
  readonly deviceId = 1;
  readonly features = FEATURES;
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE, CONTROL_QUEUE_SIZE];
  readonly config = new Uint8Array(12);
  private readonly io: VirtioNetIo;
  private readonly filter: NetFilter;
  private port!: VirtioPort;
  private linkUp = true;
  private announcing = false;
  private held: Chain[] = [];
  private waiting: Frame[] = [];
  private blocked = false;

  constructor(io: VirtioNetIo) {
    this.io = io;
    this.filter = new NetFilter(io.mac);
    this.sync();
  }

  attach(port: VirtioPort): void { this.port = port; }

  notified(queue: number): void {
    if (queue === RECEIVE) this.receive();
    else if (queue === TRANSMIT) this.transmit();
    else if (this.has(F_CTRL_VQ)) this.control();
  }

  /** Looks at both rings. */
  poll(): void {
    if (!this.io.rx.isEmpty) this.receive();
    if (this.blocked && this.io.tx.hasRoom()) this.transmit();
  }

  /** The other end of the cable. */
  setLink(up: boolean): void {
    if (up === this.linkUp) return;
    this.linkUp = up;
    this.sync();
    this.port.configurationChanged();
  }

  /** Asks the guest to tell the network where it is, as after a migration. */
  announce(): void {
    if (!this.has(F_GUEST_ANNOUNCE)) return;
    this.announcing = true;
    this.sync();
    this.port.configurationChanged();
  }

  private has(feature: number) { return (this.port.negotiated() & feature) !== 0; }

  /** struct virtio_net_config (5.1.4). */
  private sync() {
    putMac(this.filter.state.mac, this.config, 0);
    const words = new DataView(this.config.buffer);
    words.setUint16(6, (this.linkUp ? LINK_UP : 0) | (this.announcing ? ANNOUNCE : 0), true);
    words.setUint16(8, 1, true);
    words.setUint16(10, this.io.mtu, true);
  }

  private transmit() {
    const queue = this.port.queue(TRANSMIT);
    this.blocked = false;
    while (queue.available) {
      if (!this.io.tx.hasRoom()) { this.blocked = true; return; }
      const chain = queue.pop();
      if (chain === undefined) return;
      this.send(chain.readable);
      queue.complete(chain.head, 0);
    }
  }

  /** What no NIC could send is not sent. */
  private send(buffers: readonly GuestBuffer[]) {
    const length = lengthOf(buffers) - HEADER_BYTES;
    if (length < ETHERNET_BYTES || length > MAX_FRAME_BYTES || !this.linkUp) return;
    const offload = this.offloadOf(new DataView(gather(this.io.dma, slice(buffers, 0, HEADER_BYTES)).buffer), length);
    if (offload === undefined) return;
    this.io.tx.push(length, offload, into => {
      let at = 0;
      for (const buffer of slice(buffers, HEADER_BYTES)) {
        this.io.dma.read(buffer.address, into.subarray(at, at + buffer.length));
        at += buffer.length;
      }
    });
  }

  private offloadOf(header: DataView, length: number): Offload | undefined {
    const gso = header.getUint8(1) & ~GSO_ECN, segmentBytes = header.getUint16(4, true), checksumStart = header.getUint16(6, true), checksumOffset = header.getUint16(8, true);
    const needsChecksum = (header.getUint8(0) & NEEDS_CSUM) !== 0;
    if (!needsChecksum) return gso === GSO.none ? NO_OFFLOAD : undefined;
    if (checksumStart < ETHERNET_BYTES || checksumStart + checksumOffset + 2 > length) return undefined;
    const checksum = { needsChecksum, checksumStart, checksumOffset };
    if (gso === GSO.none) return { ...checksum, segmentation: 'none', segmentBytes: 0 };
    if ((gso !== GSO.tcp4 && gso !== GSO.tcp6) || segmentBytes === 0) return undefined;
    return { ...checksum, segmentation: gso === GSO.tcp4 ? 'tcp4' : 'tcp6', segmentBytes };
  }

  /** A NIC whose driver does not run hears nothing. */
  private receive() {
    const { rx } = this.io;
    const isRunning = this.port.isLive() && this.port.queue(RECEIVE).state.ready;
    for (;;) {
      while (this.waiting.length > 0) {
        if (!this.deliver(this.waiting[0]!)) return;
        this.waiting.shift();
      }
      const frame = rx.peek();
      if (frame === undefined) return;
      if (isRunning && this.linkUp && this.filter.accepts(frame.bytes, this.has(F_CTRL_VLAN)) && !this.take(frame)) return;
      rx.shift();
    }
  }

  /** False when a frame has to stay in the ring until there are buffers. What the guest cannot take as it is becomes one or more others. */
  private take(frame: Frame): boolean {
    const { needsChecksum, segmentation } = frame.offload;
    const isTaken = (!needsChecksum || this.has(F_GUEST_CSUM)) && (segmentation === 'none' || this.has(segmentation === 'tcp4' ? F_GUEST_TSO4 : F_GUEST_TSO6));
    if (isTaken) return this.deliver(frame);
    this.waiting = plainFrames(frame);
    return true;
  }

  /** False when the guest's buffers do not suffice yet; a frame that they never will is dropped. */
  private deliver({ bytes, offload }: Frame): boolean {
    const queue = this.port.queue(RECEIVE), needed = HEADER_BYTES + bytes.length, mergeable = this.has(F_MRG_RXBUF);
    let room = this.held.reduce((sum, chain) => sum + lengthOf(chain.writable), 0);
    while (room < needed) {
      if (this.held.length >= (mergeable ? queue.state.size : 1)) return true;
      const chain = queue.pop();
      if (chain === undefined) return false;
      this.held.push(chain);
      room += lengthOf(chain.writable);
    }
    const chains = this.held.splice(0), buffers = chains.flatMap(chain => chain.writable);
    scatter(this.io.dma, buffers, receiveHeader(offload, chains.length));
    scatter(this.io.dma, slice(buffers, HEADER_BYTES), bytes);
    let left = needed;
    queue.completeAll(chains.map(({ head, writable }) => {
      const written = Math.min(left, lengthOf(writable));
      left -= written;
      return { head, written };
    }));
    return true;
  }

  private control() {
    const queue = this.port.queue(CONTROL);
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      const length = lengthOf(chain.readable);
      if (length < 2 || length > MOST_COMMAND_BYTES || lengthOf(chain.writable) < 1) { this.port.fail('a control command has no header, no room for its answer, or no end'); return; }
      const [kind = 0, command = 0] = gather(this.io.dma, slice(chain.readable, 0, 2));
      const isDone = this.command(kind, command, gather(this.io.dma, slice(chain.readable, 2)));
      queue.complete(chain.head, scatter(this.io.dma, chain.writable, Uint8Array.of(isDone ? OK : ERROR)));
    }
  }

  private command(kind: number, command: number, data: Uint8Array): boolean {
    switch (kind) {
      case CLASS_RX: return this.filter.setMode(command, data) && this.filtered();
      case CLASS_MAC: return (command === 0 ? this.filter.setTable(data) : command === 1 && this.filter.setMac(data)) && this.filtered();
      case CLASS_VLAN: return command < 2 && this.filter.setVlan(data, command === 0);
      case CLASS_ANNOUNCE: return command === 0 && this.announced();
      default: return false;
    }
  }

  private filtered(): boolean {
    const { mac, modes } = this.filter.state;
    this.sync();
    this.io.filterChanged({ mac, promiscuous: modes.promiscuous });
    return true;
  }

  private announced(): boolean {
    this.announcing = false;
    this.sync();
    return true;
  }

  stop(): void {
    this.held = [];
    this.waiting = [];
    this.blocked = false;
    this.announcing = false;
    this.filter.reset();
    this.filtered();
  }

  reset(): void { this.stop(); }

  save(): VirtioNetState {
    return {
      linkUp: this.linkUp, announcing: this.announcing, filter: this.filter.save(), held: this.held.map(({ head }) => head),
      waiting: this.waiting.map(({ bytes, offload }) => ({ bytes: bytes.slice(), offload })),
    };
  }

  restore(state: VirtioNetState): void {
    this.linkUp = state.linkUp;
    this.announcing = state.announcing;
    this.filter.restore(state.filter);
    this.held = state.held.flatMap(head => this.port.queue(RECEIVE).chainAt(head) ?? []);
    this.waiting = structuredClone(state.waiting);
    this.blocked = true;
    this.filtered();
  }
}

/** struct virtio_net_hdr (5.1.6). */
function receiveHeader({ needsChecksum, checksumStart, checksumOffset, segmentation, segmentBytes }: Offload, buffers: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  header.setUint8(0, needsChecksum ? NEEDS_CSUM : 0);
  header.setUint8(1, GSO[segmentation]);
  header.setUint16(2, segmentation === 'none' ? 0 : checksumStart + TCP_HEADER_BYTES, true);
  header.setUint16(4, segmentBytes, true);
  header.setUint16(6, checksumStart, true);
  header.setUint16(8, checksumOffset, true);
  header.setUint16(10, buffers, true);
  return new Uint8Array(header.buffer);
}
