/**
 * The headers of IPv4 (RFC 791), IPv6 (RFC 8200), UDP (RFC 768), and the internet checksum (RFC 1071). Whatever is malformed
 * or cut short has no packet. Left out: IPv4 options are skipped, fragments are not put together, and IPv6 extension headers
 * but hop-by-hop and destination options are not gone through.
 */
import { BROADCAST, ETHERNET_BYTES, ETHERTYPE, putMac, type Mac } from './frame.ts';

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

export type IpVersion = 4 | 6;

/** An IP packet in a frame without a VLAN tag. */
export interface IpPacket {
  readonly version: IpVersion;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly hopLimit: number;
  readonly isFragment: boolean;
  /** Where the payload begins in the frame. */
  readonly payloadAt: number;
  readonly payload: Uint8Array;
}

export const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Adds up 16-bit words; an odd byte counts as the high one. */
export function sumOf(bytes: Uint8Array, sum = 0): number {
  const words = view(bytes), end = bytes.length & ~1;
  let total = sum, at = 0;
  for (; at + 4 <= end; at += 4) total += words.getUint32(at);
  if (at < end) total += words.getUint16(at);
  if ((bytes.length & 1) !== 0) total += bytes[bytes.length - 1]! << 8;
  return fold(total);
}

/** Ones' complement: carries come in again at the bottom. */
export function fold(sum: number): number {
  let total = sum;
  while (total > 0xffff) total = total % 0x10000 + Math.floor(total / 0x10000);
  return total;
}

export const checksum = (bytes: Uint8Array, sum = 0): number => ~sumOf(bytes, sum) & 0xffff;

/** The sum of the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1). */
export const pseudoSum = (source: Uint8Array, destination: Uint8Array, protocol: number, length: number): number =>
  fold(sumOf(source) + sumOf(destination) + protocol + (length & 0xffff) + (length >>> 16));

export function parseIp(frame: Uint8Array): IpPacket | undefined {
  if (frame.length < ETHERNET_BYTES) return undefined;
  const type = frame[12]! << 8 | frame[13]!;
  if (type === ETHERTYPE.ipv4) return parseIpv4(frame);
  return type === ETHERTYPE.ipv6 ? parseIpv6(frame) : undefined;
}

function parseIpv4(frame: Uint8Array): IpPacket | undefined {
  const ip = frame.subarray(ETHERNET_BYTES);
  if (ip.length < 20 || ip[0]! >> 4 !== 4) return undefined;
  const headerBytes = (ip[0]! & 15) * 4, total = ip[2]! << 8 | ip[3]!;
  if (headerBytes < 20 || total < headerBytes || total > ip.length || sumOf(ip.subarray(0, headerBytes)) !== 0xffff) return undefined;
  return {
    version: 4, source: ip.subarray(12, 16), destination: ip.subarray(16, 20), protocol: ip[9]!, hopLimit: ip[8]!,
    isFragment: ((ip[6]! << 8 | ip[7]!) & 0x3fff) !== 0, payloadAt: ETHERNET_BYTES + headerBytes, payload: ip.subarray(headerBytes, total),
  };
}

const HOP_BY_HOP = 0, FRAGMENT = 44, DESTINATION_OPTIONS = 60;

function parseIpv6(frame: Uint8Array): IpPacket | undefined {
  const ip = frame.subarray(ETHERNET_BYTES);
  if (ip.length < 40 || ip[0]! >> 4 !== 6) return undefined;
  const end = 40 + (ip[4]! << 8 | ip[5]!);
  if (end > ip.length) return undefined;
  let protocol = ip[6]!, at = 40;
  while (protocol === HOP_BY_HOP || protocol === DESTINATION_OPTIONS) {
    if (at + 8 > end) return undefined;
    protocol = ip[at]!;
    at += 8 + 8 * ip[at + 1]!;
  }
  if (at > end) return undefined;
  return {
    version: 6, source: ip.subarray(8, 24), destination: ip.subarray(24, 40), protocol, hopLimit: ip[7]!,
    isFragment: protocol === FRAGMENT, payloadAt: ETHERNET_BYTES + at, payload: ip.subarray(at, end),
  };
}

export const ipHeaderBytes = (version: IpVersion): number => (version === 4 ? 20 : 40);

export interface IpHeader { readonly source: Uint8Array; readonly destination: Uint8Array; readonly protocol: number; readonly hopLimit?: number }

/** Writes an IP header before a payload of some length. The version is that of the addresses. */
export function putIp(into: Uint8Array, { source, destination, protocol, hopLimit = 64 }: IpHeader, payloadBytes: number): void {
  const words = view(into);
  if (source.length === 4) {
    words.setUint32(0, 0x4500_0000 + 20 + payloadBytes);
    words.setUint32(4, 0x4000);                       // don't fragment
    words.setUint32(8, hopLimit * 2 ** 24 + protocol * 2 ** 16);
    into.set(source, 12);
    into.set(destination, 16);
    words.setUint16(10, checksum(into.subarray(0, 20)));
  } else {
    words.setUint32(0, 0x6000_0000);
    words.setUint32(4, payloadBytes * 2 ** 16 + protocol * 2 ** 8 + hopLimit);
    into.set(source, 8);
    into.set(destination, 24);
  }
}

export interface UdpDatagram { readonly sourcePort: number; readonly destinationPort: number; readonly payload: Uint8Array }

/** Of a packet whose checksum is right, absent (IPv4) or still to be made. */
export function parseUdp(packet: IpPacket, needsChecksum: boolean): UdpDatagram | undefined {
  const { payload } = packet;
  if (payload.length < 8) return undefined;
  const words = view(payload), length = words.getUint16(4);
  if (length < 8 || length > payload.length) return undefined;
  const unchecked = needsChecksum || (packet.version === 4 && words.getUint16(6) === 0);
  if (!unchecked && sumOf(payload.subarray(0, length), pseudoSum(packet.source, packet.destination, PROTOCOL.udp, length)) !== 0xffff) return undefined;
  return { sourcePort: words.getUint16(0), destinationPort: words.getUint16(2), payload: payload.subarray(8, length) };
}

/** A UDP header and its payload, as an IP packet's payload. */
export function udpPayload(source: Uint8Array, destination: Uint8Array, { sourcePort, destinationPort, payload }: UdpDatagram): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length), words = view(bytes);
  words.setUint16(0, sourcePort);
  words.setUint16(2, destinationPort);
  words.setUint16(4, bytes.length);
  bytes.set(payload, 8);
  words.setUint16(6, checksum(bytes, pseudoSum(source, destination, PROTOCOL.udp, bytes.length)) || 0xffff);
  return bytes;
}

/** As 16 bytes of IPv6 or 4 of IPv4; undefined when it is neither. */
export function addressOf(text: string): Uint8Array | undefined {
  if (/^\d+(\.\d+){3}$/.test(text)) {
    const parts = text.split('.').map(Number);
    return parts.every(part => part < 256) ? Uint8Array.from(parts) : undefined;
  }
  const halves = text.split('%')[0]!.split('::');
  const [head = [], tail = []] = halves.map(half => (half === '' ? [] : half.split(':')).flatMap(group => (group.includes('.') ? wordsOfIpv4(group) : [parseInt(group, 16)])));
  const words = halves.length === 2 ? [...head, ...new Array<number>(Math.max(0, 8 - head.length - tail.length)).fill(0), ...tail] : head;
  if (halves.length > 2 || words.length !== 8 || words.some(word => !(word >= 0 && word < 65536))) return undefined;
  return Uint8Array.from(words.flatMap(word => [word >> 8, word & 255]));
}

function wordsOfIpv4(text: string): number[] {
  const [a = NaN, b = NaN, c = NaN, d = NaN] = text.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}

export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = view(bytes);
  return Array.from({ length: 8 }, (_, n) => words.getUint16(2 * n).toString(16)).join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, n) => byte === b[n]);

const LEAST_FRAME_BYTES = 60;

/** A request for an address (RFC 903) that nobody answers: it shows all switches on its way where `mac` is. */
export function rarpRequest(mac: Mac): Uint8Array {
  const frame = new Uint8Array(LEAST_FRAME_BYTES), words = view(frame);
  putMac(BROADCAST, frame, 0);
  putMac(mac, frame, 6);
  words.setUint16(12, ETHERTYPE.rarp);
  // Ethernet, IPv4, lengths of their addresses, request reverse.
  for (const [at, value] of [[14, 1], [16, ETHERTYPE.ipv4], [18, 0x0604], [20, 3]] as const) words.setUint16(at, value);
  putMac(mac, frame, 22);
  putMac(mac, frame, 32);
  return frame;
}
