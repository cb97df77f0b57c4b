/** How guests find the gateway: ARP (RFC 826), neighbour discovery (RFC 4861) and router advertisements with a DNS server (RFC 8106). */
import { BROADCAST, ETHERNET_BYTES, ETHERTYPE, macAt, putMac, type Mac } from '../frame.ts';
import { addressOf, checksum, pseudoSum, PROTOCOL, sameBytes, view, type IpPacket } from '../packet.ts';
import { DNS, DNS6, GATEWAY, GATEWAY6, GATEWAY_MAC, isLocal, PREFIX6, ROUTER6 } from './addresses.ts';
import type { GuestLink } from './guest-link.ts';

const ROUTER_SOLICITATION = 133, ROUTER_ADVERTISEMENT = 134, NEIGHBOUR_SOLICITATION = 135, NEIGHBOUR_ADVERTISEMENT = 136;
const ALL_NODES = addressOf('ff02::1')!;
const ALL_NODES_MAC = 0x3333_0000_0001;
const ROUTER_LIFETIME_SECONDS = 9000;
/** Advertised again in time, unasked. */
const ADVERTISE_EVERY_NS = 600e9;
const FOREVER = 0xffff_ffff;

export class Neighbours {
  private readonly link: GuestLink;
  private readonly mtu: number;
  /** When to advertise next; never before somebody asked. */
  deadlineNs = Infinity;

  constructor(link: GuestLink, mtu: number) {
    this.link = link;
    this.mtu = mtu;
  }

  arp(frame: Uint8Array): void {
    const arp = frame.subarray(ETHERNET_BYTES), words = view(arp);
    if (arp.length < 28 || words.getUint32(0) !== 0x0001_0800 || words.getUint16(4) !== 0x0604) return;
    const mac = macAt(arp, 8), sender = arp.slice(14, 18), target = arp.slice(24, 28);
    if (isLocal(sender)) this.link.learn(sender, mac);
    const isForUs = sameBytes(target, GATEWAY) || sameBytes(target, DNS);
    if (words.getUint16(6) === 1 && isForUs) this.link.sendArp(2, mac, sender, mac, target);
  }

  /** Whether the message was one of neighbour discovery. */
  icmpv6({ payload, source, destination, hopLimit }: IpPacket, mac: Mac, nowNs: number): boolean {
    const type = payload[0] ?? 0;
    if (type < ROUTER_SOLICITATION || type > 137) return false;
    if (hopLimit !== 255) return true;
    if (isLocal(source)) this.link.learn(source, mac);
    if (type === ROUTER_SOLICITATION) {
      this.deadlineNs = nowNs + ADVERTISE_EVERY_NS;
      this.advertiseRouter();
    }
    if (type === NEIGHBOUR_SOLICITATION && payload.length >= 24) this.advertiseNeighbour(payload.slice(8, 24), source.slice(), mac);
    if (type === NEIGHBOUR_ADVERTISEMENT && payload.length >= 24 && destination[0] !== 0xff && isLocal(payload.subarray(8, 24))) this.link.learn(payload.subarray(8, 24), mac);
    return true;
  }

  runDue(nowNs: number): void {
    if (nowNs < this.deadlineNs) return;
    this.deadlineNs = nowNs + ADVERTISE_EVERY_NS;
    this.advertiseRouter();
  }

  private advertiseRouter(): void {
    const message = new Uint8Array(16 + 8 + 8 + 32 + 24), words = view(message);
    message[0] = ROUTER_ADVERTISEMENT;
    message[4] = 64;
    words.setUint16(6, ROUTER_LIFETIME_SECONDS);
    words.setUint16(16, 0x0101);                 // source link-layer address
    putMac(GATEWAY_MAC, message, 18);
    words.setUint16(24, 0x0501);                 // MTU
    words.setUint32(28, this.mtu);
    words.setUint32(32, 0x0304_40c0);            // prefix of 64 bits: on link, autonomous
    words.setUint32(36, FOREVER);
    words.setUint32(40, FOREVER);
    message.set(PREFIX6, 48);
    words.setUint16(64, 0x1903);                 // recursive DNS server
    words.setUint32(68, ROUTER_LIFETIME_SECONDS);
    message.set(DNS6, 72);
    this.send(message, ROUTER6, ALL_NODES, ALL_NODES_MAC);
  }

  /** To a solicitation without a source, of a guest that tries an address, the answer goes to all. */
  private advertiseNeighbour(target: Uint8Array, source: Uint8Array, mac: Mac): void {
    if (![ROUTER6, GATEWAY6, DNS6].some(own => sameBytes(own, target))) return;
    const isSolicited = isLocal(source), message = new Uint8Array(32), words = view(message);
    message[0] = NEIGHBOUR_ADVERTISEMENT;
    message[4] = isSolicited ? 0xe0 : 0xa0;      // router, solicited, override
    message.set(target, 8);
    words.setUint16(24, 0x0201);                 // target link-layer address
    putMac(GATEWAY_MAC, message, 26);
    this.send(message, target, isSolicited ? source : ALL_NODES, isSolicited ? mac : ALL_NODES_MAC);
  }

  private send(message: Uint8Array, source: Uint8Array, destination: Uint8Array, mac: Mac): void {
    view(message).setUint16(2, checksum(message, pseudoSum(source, destination, PROTOCOL.icmpv6, message.length)));
    this.link.sendPayload({ source, destination, protocol: PROTOCOL.icmpv6, hopLimit: 255 }, message, mac);
  }
}

export const isArp = (frame: Uint8Array): boolean => frame.length >= ETHERNET_BYTES + 28 && view(frame).getUint16(12) === ETHERTYPE.arp;
export const isForGateway = (frame: Uint8Array): boolean => {
  const mac = macAt(frame, 0);
  return mac === GATEWAY_MAC || mac === BROADCAST || frame[0] === 0x33;
};
