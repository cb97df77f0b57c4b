/**
 * UDP through the NAT: a socket for each pair of ends, for as long as it is used. What comes back to it goes to the guest from
 * the address that the guest had sent to. Left out: a guest's port is not the same for all its peers (a symmetric NAT).
 */
import { createSocket, type Socket } from 'node:dgram';
import { addressText, parseUdp, PROTOCOL, udpPayload, type IpPacket } from '../packet.ts';
import { hostAddressOf } from './destinations.ts';
import { keep, type Icmp, type KeptPacket } from './icmp.ts';
import type { GuestLink } from './guest-link.ts';

export const MOST_UDP_FLOWS = 512;
const IDLE_NS = 60e9;
/** Kept while a socket is being made. */
const MOST_WAITING = 16;

export interface UdpEnds { readonly guest: Uint8Array; readonly guestPort: number; readonly peer: Uint8Array; readonly peerPort: number }
export const keyOf = ({ guest, guestPort, peer, peerPort }: UdpEnds): string => `${addressText(guest)} ${guestPort} ${addressText(peer)} ${peerPort}`;

interface Flow { readonly send: (payload: Uint8Array) => void; readonly close: () => void; usedNs: number }

export class UdpFlows {
  private readonly flows = new Map<string, Flow>();
  private readonly link: GuestLink;
  private readonly icmp: Icmp;
  private readonly nowNs: () => number;

  constructor(link: GuestLink, icmp: Icmp, nowNs: () => number) {
    this.link = link;
    this.icmp = icmp;
    this.nowNs = nowNs;
  }

  get size(): number { return this.flows.size; }
  get deadlineNs(): number { return this.flows.size === 0 ? Infinity : (this.flows.values().next().value as Flow).usedNs + IDLE_NS; }

  datagram(packet: IpPacket, needsChecksum: boolean): void {
    const udp = parseUdp(packet, needsChecksum);
    if (udp === undefined) return;
    const ends = { guest: packet.source, guestPort: udp.sourcePort, peer: packet.destination, peerPort: udp.destinationPort }, key = keyOf(ends);
    const flow = this.flows.get(key) ?? this.open(key, ends, packet);
    flow?.send(udp.payload.slice());
    if (flow !== undefined) this.used(key, flow);
  }

  /** A flow that somebody outside began; the reply is what the guest sends to these ends. */
  adopt(ends: UdpEnds, reply: (payload: Uint8Array) => void): void {
    const key = keyOf(ends);
    const flow = this.flows.get(key) ?? { send: reply, close: () => {}, usedNs: 0 };
    this.makeRoom();
    this.used(key, flow);
  }

  toGuest({ guest, guestPort, peer, peerPort }: UdpEnds, payload: Uint8Array): void {
    if (payload.length > 0xffff - 48) return;
    this.link.sendPayload({ source: peer, destination: guest, protocol: PROTOCOL.udp }, udpPayload(peer, guest, { sourcePort: peerPort, destinationPort: guestPort, payload }));
  }

  runDue(nowNs: number): void {
    for (const [key, flow] of this.flows) {
      if (flow.usedNs + IDLE_NS > nowNs) return;
      this.drop(key);
    }
  }

  closeAll(): void { for (const key of [...this.flows.keys()]) this.drop(key); }

  /** The flows are in the order of their last use. */
  private used(key: string, flow: Flow): void {
    flow.usedNs = this.nowNs();
    this.flows.delete(key);
    this.flows.set(key, flow);
  }

  private drop(key: string): void {
    this.flows.get(key)?.close();
    this.flows.delete(key);
  }

  private makeRoom(): void { if (this.flows.size >= MOST_UDP_FLOWS) this.drop(this.flows.keys().next().value!); }

  private open(key: string, { guest, guestPort, peer, peerPort }: UdpEnds, packet: IpPacket): Flow | undefined {
    const to = hostAddressOf(peer, peerPort);
    if (to === undefined) return undefined;
    this.makeRoom();
    const ends = { guest: guest.slice(), guestPort, peer: peer.slice(), peerPort }, kept = keep(packet);
    const socket = createSocket(to.host.includes(':') ? 'udp6' : 'udp4');
    const flow: Flow = { ...connected(socket, to), usedNs: this.nowNs() };
    socket.on('message', payload => {
      this.toGuest(ends, payload);
      if (this.flows.get(key) === flow) this.used(key, flow);
    });
    socket.on('error', error => { this.failed(key, flow, error, kept); });
    return flow;
  }

  private failed(key: string, flow: Flow, error: NodeJS.ErrnoException, kept: KeptPacket): void {
    this.icmp.unreachable(error.code === 'ECONNREFUSED' ? 'port' : 'host', kept);
    if (this.flows.get(key) === flow) this.drop(key);
    else flow.close();
  }
}

/** Sends once the socket is there; until then a few datagrams wait. */
function connected(socket: Socket, { host, port }: { readonly host: string; readonly port: number }): Pick<Flow, 'send' | 'close'> {
  const waiting: Uint8Array[] = [];
  let state: 'connecting' | 'open' | 'closed' = 'connecting';
  socket.connect(port, host, () => {
    if (state === 'closed') return;
    state = 'open';
    for (const payload of waiting.splice(0)) socket.send(payload);
  });
  return {
    send: payload => {
      if (state === 'open') socket.send(payload);
      else if (waiting.length < MOST_WAITING) waiting.push(payload);
    },
    close: () => {
      if (state === 'closed') return;
      state = 'closed';
      socket.close();
    },
  };
}
