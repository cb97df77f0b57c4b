/**
 * TCP through the NAT: for each connection of a guest one of the host, and between them two ends of TCP that pass on data,
 * half-closes and resets. Neither side is read faster than the other takes it.
 */
import { connect, type Socket } from 'node:net';
import { randomInt } from 'node:crypto';
import { ETHERNET_BYTES } from '../frame.ts';
import { addressText, ipHeaderBytes, PROTOCOL, type IpPacket } from '../packet.ts';
import type { TcpEnd } from '../tcp/connection-io.ts';
import { TcpConnection } from '../tcp/connection.ts';
import { ACK, headerBytesOf, parseTcp, plus, putTcp, RST, SYN, type OutgoingSegment, type Segment } from '../tcp/segment.ts';
import { guestViewOf, hostAddressOf } from './destinations.ts';
import type { GuestLink } from './guest-link.ts';
import { keep, type Icmp } from './icmp.ts';

export const MOST_TCP_FLOWS = 1024;
/** Connections of the host that are still being made. */
const MOST_CONNECTING = 256;
/** Written to the guest's side and not taken, above which the host's socket is not read. */
const HIGH_BYTES = 2 ** 20, LOW_BYTES = 2 ** 19;
/** Of the checksum in the TCP header. */
const CHECKSUM_OFFSET = 16;

interface Ends { readonly guest: Uint8Array; readonly guestPort: number; readonly peer: Uint8Array; readonly peerPort: number }
const keyOf = ({ guest, guestPort, peer, peerPort }: Ends) => `${guestPort} ${peerPort} ${addressText(peer)} ${addressText(guest)}`;

export interface TcpFlowsIo { readonly link: GuestLink; readonly icmp: Icmp; readonly nowNs: () => number; readonly mtu: number }

class Flow {
  readonly connection: TcpConnection;
  readonly socket: Socket;
  isConnecting: boolean;
  private isClosed = false;

  constructor(ends: Ends, socket: Socket, isConnecting: boolean, { io, gone }: { readonly io: TcpFlowsIo; readonly gone: (flow: Flow) => void }) {
    this.socket = socket;
    this.isConnecting = isConnecting;
    const mss = io.mtu - ipHeaderBytes(ends.peer.length === 4 ? 4 : 6) - 20;
    this.connection = new TcpConnection({ mss, initialSeq: randomInt(2 ** 32) }, {
      nowNs: io.nowNs, send: segment => sendSegment(io.link, ends, segment), established: () => { socket.resume(); },
      received: bytes => { socket.write(Uint8Array.from(bytes), () => this.connection.consumed(bytes.length)); },
      receivedEnd: () => { socket.end(); },
      drained: () => { if (socket.isPaused() && this.connection.pendingBytes <= LOW_BYTES) socket.resume(); },
      closed: end => { this.guestClosed(end); gone(this); },
    });
    socket.on('data', (bytes: Buffer) => {
      this.connection.write(bytes);
      if (this.connection.pendingBytes >= HIGH_BYTES) socket.pause();
    });
    socket.on('end', () => this.connection.end());
    socket.on('close', hadError => { this.isClosed = true; if (hadError) this.connection.abort(); });
  }

  private guestClosed(end: TcpEnd): void {
    if (this.isClosed) return;
    if (end === 'finished') this.socket.destroySoon();
    else this.socket.resetAndDestroy();
  }
}

export class TcpFlows {
  private readonly flows = new Map<string, Flow>();
  private readonly io: TcpFlowsIo;
  private readonly owing = new Set<Flow>();

  constructor(io: TcpFlowsIo) { this.io = io; }

  get size(): number { return this.flows.size; }

  get deadlineNs(): number {
    let least = Infinity;
    for (const { connection } of this.flows.values()) least = Math.min(least, connection.deadlineNs);
    return least;
  }

  segment(packet: IpPacket, needsChecksum: boolean): void {
    const segment = parseTcp(packet, needsChecksum);
    if (segment === undefined) return;
    const ends = { guest: packet.source, guestPort: segment.sourcePort, peer: packet.destination, peerPort: segment.destinationPort }, key = keyOf(ends);
    let flow = this.flows.get(key);
    if (flow?.connection.state === 'TIME-WAIT' && isOpening(segment)) { flow.connection.abort(); flow = undefined; }
    if (flow !== undefined) {
      if (flow.isConnecting) this.whileConnecting(flow, segment);
      else flow.connection.segment(segment);
      this.owing.add(flow);
    } else if (isOpening(segment)) this.open(key, { ...ends, guest: ends.guest.slice(), peer: ends.peer.slice() }, packet, segment);
    else if ((segment.flags & RST) === 0) this.refuse(ends, segment);
  }

  /** Acknowledges what came since the last call. */
  flush(): void {
    for (const { connection } of this.owing) connection.flush();
    this.owing.clear();
  }

  /** There is room again towards guests. */
  sendAgain(): void { for (const { connection } of this.flows.values()) connection.sendAgain(); }

  runDue(nowNs: number): void {
    for (const { connection } of [...this.flows.values()]) if (connection.deadlineNs <= nowNs) connection.runDue(nowNs);
  }

  closeAll(): void { for (const flow of [...this.flows.values()]) this.abandon(flow); }

  /** Somebody outside came through a port forward. */
  adopt(socket: Socket, guest: Uint8Array, guestPort: number): void {
    const peer = guestViewOf(guest.length === 4 ? socket.remoteAddress ?? '' : '::1');
    let ends = { guest, guestPort, peer, peerPort: socket.remotePort ?? randomInt(1024, 65536) };
    for (let tries = 0; this.flows.has(keyOf(ends)) && tries < 16; tries++) ends = { ...ends, peerPort: randomInt(1024, 65536) };
    if (this.flows.has(keyOf(ends)) || !this.hasRoom()) { socket.resetAndDestroy(); return; }
    socket.on('error', () => { /* its `close` says so too */ });
    const flow = this.add(keyOf(ends), ends, socket, false);
    socket.pause();
    flow.connection.connect();
  }

  private add(key: string, ends: Ends, socket: Socket, isConnecting: boolean): Flow {
    const flow = new Flow(ends, socket, isConnecting, { io: this.io, gone: gone => { if (this.flows.get(key) === gone) this.flows.delete(key); this.owing.delete(gone); } });
    this.flows.set(key, flow);
    socket.setNoDelay(true);
    return flow;
  }

  private open(key: string, ends: Ends, packet: IpPacket, syn: Segment): void {
    const to = hostAddressOf(ends.peer, ends.peerPort);
    if (to === undefined || !this.hasRoom() || this.connecting >= MOST_CONNECTING) { this.refuse(ends, syn); return; }
    const kept = keep(packet), opening = { ...syn, payload: syn.payload.slice(0, 0) };
    const socket = connect({ ...to, allowHalfOpen: true });
    const flow = this.add(key, ends, socket, true);
    socket.pause();
    socket.once('connect', () => {
      flow.isConnecting = false;
      flow.connection.accept(opening);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (!flow.isConnecting) return;
      if (error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET') this.refuse(ends, opening);
      else if (error.code !== 'ETIMEDOUT') this.io.icmp.unreachable('host', kept);
      this.abandon(flow);
    });
  }

  /** The guest sends its SYN again, or gives up. */
  private whileConnecting(flow: Flow, segment: Segment): void { if ((segment.flags & RST) !== 0) this.abandon(flow); }

  private abandon(flow: Flow): void {
    flow.socket.destroy();
    flow.connection.abort();
  }

  /** A connection that nobody needs any more makes room for a new one. */
  private hasRoom(): boolean {
    if (this.flows.size < MOST_TCP_FLOWS) return true;
    const over = [...this.flows.values()].find(({ connection }) => connection.isOver);
    over?.connection.abort();
    return over !== undefined;
  }

  private get connecting() { return [...this.flows.values()].filter(flow => flow.isConnecting).length; }

  /** RST to a segment of no connection (RFC 9293, 3.10.7.1). */
  private refuse(ends: Ends, { flags, seq, ack, payload }: Segment): void {
    const acks = (flags & ACK) !== 0, length = payload.length + (flags & SYN ? 1 : 0) + (flags & 1);
    sendSegment(this.io.link, ends, { seq: acks ? ack : 0, ack: acks ? 0 : plus(seq, length), flags: acks ? RST : RST | ACK, window: 0, payloadBytes: 0, segmentBytes: 0 });
  }
}

const isOpening = ({ flags }: Segment) => (flags & (SYN | ACK | RST)) === SYN;

function sendSegment(link: GuestLink, { guest, guestPort, peer, peerPort }: Ends, segment: OutgoingSegment): boolean {
  const isIpv4 = peer.length === 4, isLong = segment.payloadBytes > segment.segmentBytes && segment.segmentBytes > 0;
  const offload = {
    needsChecksum: true, checksumStart: ETHERNET_BYTES + ipHeaderBytes(isIpv4 ? 4 : 6), checksumOffset: CHECKSUM_OFFSET,
    segmentation: isLong ? isIpv4 ? 'tcp4' : 'tcp6' : 'none', segmentBytes: isLong ? segment.segmentBytes : 0,
  } as const;
  const header = { source: peer, destination: guest, protocol: PROTOCOL.tcp }, length = headerBytesOf(segment) + segment.payloadBytes;
  return link.sendIp(header, length, offload, into => putTcp(into, { source: peer, destination: guest, sourcePort: peerPort, destinationPort: guestPort }, segment, true));
}
