/** TCP's header (RFC 9293, 3.1) with the options MSS and window scale (RFC 7323); others are skipped. */
import { checksum, pseudoSum, sumOf, view, PROTOCOL, type IpPacket } from '../packet.ts';

export const FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16;
export const TCP_HEADER_BYTES = 20;

export interface Segment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  /** As in the header: not scaled. */
  readonly window: number;
  readonly payload: Uint8Array;
  readonly mss?: number | undefined;
  readonly windowScale?: number | undefined;
}

export function parseTcp(packet: IpPacket, needsChecksum: boolean): Segment | undefined {
  const { payload: tcp } = packet;
  if (tcp.length < TCP_HEADER_BYTES) return undefined;
  const words = view(tcp), headerBytes = (tcp[12]! >> 4) * 4;
  if (headerBytes < TCP_HEADER_BYTES || headerBytes > tcp.length) return undefined;
  if (!needsChecksum && sumOf(tcp, pseudoSum(packet.source, packet.destination, PROTOCOL.tcp, tcp.length)) !== 0xffff) return undefined;
  return {
    sourcePort: words.getUint16(0), destinationPort: words.getUint16(2), seq: words.getUint32(4), ack: words.getUint32(8), flags: tcp[13]! & 0x3f,
    window: words.getUint16(14), payload: tcp.subarray(headerBytes), ...optionsOf(tcp.subarray(TCP_HEADER_BYTES, headerBytes)),
  };
}

interface Options { mss?: number; windowScale?: number }

function optionsOf(bytes: Uint8Array): Options {
  const options: Options = {};
  for (let at = 0; at < bytes.length && bytes[at] !== 0;) {
    if (bytes[at] === 1) { at++; continue; }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > bytes.length) break;
    if (bytes[at] === 2 && length === 4) options.mss = bytes[at + 2]! << 8 | bytes[at + 3]!;
    if (bytes[at] === 3 && length === 3) options.windowScale = Math.min(14, bytes[at + 2]!);
    at += length;
  }
  return options;
}

/** What a connection wants sent; ports and addresses are its owner's. */
export interface OutgoingSegment {
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly payloadBytes: number;
  readonly fill?: (into: Uint8Array) => void;
  /** Of a SYN. */
  readonly mss?: number | undefined;
  readonly windowScale?: number | undefined;
  /** Payload beyond this is to be cut into segments. */
  readonly segmentBytes: number;
}

export const headerBytesOf = ({ mss, windowScale }: OutgoingSegment): number =>
  TCP_HEADER_BYTES + (mss === undefined ? 0 : 4) + (windowScale === undefined ? 0 : 4);

export interface TcpAddresses { readonly source: Uint8Array; readonly destination: Uint8Array; readonly sourcePort: number; readonly destinationPort: number }

/** Writes header and payload. The checksum is made in full, or, if `partial`, of the pseudo header only. */
export function putTcp(into: Uint8Array, addresses: TcpAddresses, segment: OutgoingSegment, partial: boolean): void {
  const words = view(into), headerBytes = headerBytesOf(segment);
  words.setUint16(0, addresses.sourcePort);
  words.setUint16(2, addresses.destinationPort);
  words.setUint32(4, segment.seq);
  words.setUint32(8, segment.ack);
  words.setUint16(12, headerBytes / 4 << 12 | segment.flags);
  words.setUint16(14, segment.window);
  words.setUint32(16, 0);
  let at = TCP_HEADER_BYTES;
  if (segment.mss !== undefined) { words.setUint32(at, 0x0204_0000 + segment.mss); at += 4; }
  if (segment.windowScale !== undefined) words.setUint32(at, 0x0103_0300 + segment.windowScale);
  segment.fill?.(into.subarray(headerBytes, headerBytes + segment.payloadBytes));
  const sum = pseudoSum(addresses.source, addresses.destination, PROTOCOL.tcp, headerBytes + segment.payloadBytes);
  words.setUint16(16, partial ? sum : checksum(into.subarray(0, headerBytes + segment.payloadBytes), sum));
}

/** How far `a` is after `b` among sequence numbers; below zero when it is before. */
export const distance = (a: number, b: number): number => a - b | 0;
export const plus = (a: number, n: number): number => a + n >>> 0;
