/**
 * ICMP (RFC 792) and ICMPv6 (RFC 4443): echo, and what could not be reached. The gateway answers for itself. For addresses
 * outside, the system's `ping` is asked, where there is one, and an answer is passed on: none is ever made up.
 */
import { execFile } from 'node:child_process';
import { addressText, checksum, ipHeaderBytes, pseudoSum, PROTOCOL, putIp, sumOf, view, type IpPacket } from '../packet.ts';
import { isDns, isGateway, isOutside } from './addresses.ts';
import type { GuestLink } from './guest-link.ts';

/** Answered pings that may be under way at once. */
const MOST_PINGS = 8;
const PING_SECONDS = 2;

const ECHO = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;
/** Type and code of "destination unreachable". */
const UNREACHABLE = { 4: { type: 3, port: 3, host: 1 }, 6: { type: 1, port: 4, host: 3 } } as const;

export class Icmp {
  private readonly link: GuestLink;
  private pings = 0;
  private hasPing = true;

  constructor(link: GuestLink) { this.link = link; }

  message(packet: IpPacket): void {
    const { version, payload, source, destination } = packet;
    if (payload.length < 8 || payload[0] !== ECHO[version].request || sumOf(payload, pseudoOf(packet)) !== 0xffff) return;
    const reply = this.replyTo(packet, source.slice(), destination.slice());
    if (isGateway(destination) || isDns(destination)) reply();
    else if (isOutside(destination)) this.ping(addressText(destination), reply);
  }

  /** Tells a guest that a packet of its did not get there. The packet may be gone, so its start was kept. */
  unreachable(what: 'port' | 'host', packet: KeptPacket): void {
    const { version, source, destination } = packet, message = new Uint8Array(8 + packet.start.length);
    message[0] = UNREACHABLE[version].type;
    message[1] = UNREACHABLE[version][what];
    message.set(packet.start, 8);
    this.send(version, destination, source, message);
  }

  private replyTo({ version, payload }: IpPacket, source: Uint8Array, destination: Uint8Array): () => void {
    const message = payload.slice();
    message[0] = ECHO[version].reply;
    return () => this.send(version, destination, source, message);
  }

  private ping(address: string, reply: () => void): void {
    if (!this.hasPing || this.pings >= MOST_PINGS) return;
    this.pings++;
    execFile('ping', ['-n', '-c', '1', '-W', String(PING_SECONDS), address], { timeout: PING_SECONDS * 2000 }, error => {
      this.pings--;
      if (error === null) reply();
      else if (error.code === 'ENOENT') this.hasPing = false;
    });
  }

  private send(version: 4 | 6, source: Uint8Array, destination: Uint8Array, message: Uint8Array): void {
    const protocol = version === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6;
    view(message).setUint16(2, 0);
    view(message).setUint16(2, checksum(message, version === 4 ? 0 : pseudoSum(source, destination, protocol, message.length)));
    this.link.sendPayload({ source, destination, protocol }, message);
  }
}

const pseudoOf = ({ version, source, destination, payload }: IpPacket) => (version === 4 ? 0 : pseudoSum(source, destination, PROTOCOL.icmpv6, payload.length));

/** Of a packet, what an error message about it quotes. */
export interface KeptPacket { readonly version: 4 | 6; readonly source: Uint8Array; readonly destination: Uint8Array; readonly start: Uint8Array }

export function keep({ version, source, destination, protocol, payload, hopLimit }: IpPacket): KeptPacket {
  const header = { source: source.slice(), destination: destination.slice(), protocol, hopLimit }, start = new Uint8Array(ipHeaderBytes(version) + 8);
  putIp(start, header, payload.length);
  start.set(payload.subarray(0, 8), ipHeaderBytes(version));
  return { version, source: header.source, destination: header.destination, start };
}
