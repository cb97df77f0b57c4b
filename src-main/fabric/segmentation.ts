/** What a NIC's hardware does for software: checksums, and cutting a long TCP packet into segments. */
import { ETHERNET_BYTES, NO_OFFLOAD, type Frame } from './frame.ts';
import { checksum, parseIp, pseudoSum, view, PROTOCOL } from './packet.ts';

const FIN = 1, PSH = 8, CWR = 0x80;

/** The frame with its checksum filled in, in a copy. A checksum beyond the frame is not made. */
export function withChecksum({ bytes, offload }: Frame): Frame {
  const { needsChecksum, checksumStart, checksumOffset, ...rest } = offload;
  if (!needsChecksum) return { bytes, offload };
  const filled = bytes.slice(), at = checksumStart + checksumOffset;
  if (at + 2 <= filled.length) view(filled).setUint16(at, checksum(filled.subarray(checksumStart)) || 0xffff);
  return { bytes: filled, offload: { ...rest, needsChecksum: false, checksumStart: 0, checksumOffset: 0 } };
}

/** Whole frames that need nothing more: checksummed, and cut where they were to be. None of a frame that cannot be cut. */
export function plainFrames(frame: Frame): Frame[] {
  const { segmentation, segmentBytes } = frame.offload;
  if (segmentation === 'none') return [withChecksum(frame)];
  const packet = parseIp(frame.bytes);
  if (packet?.protocol !== PROTOCOL.tcp || packet.payload.length < 20 || segmentBytes === 0) return [];
  const headerBytes = (packet.payload[12]! >> 4) * 4;
  if (headerBytes < 20 || headerBytes > packet.payload.length) return [];
  const data = packet.payload.subarray(headerBytes), count = Math.max(1, Math.ceil(data.length / segmentBytes));
  return Array.from({ length: count }, (_, n) => segment(frame.bytes, packet.payloadAt, headerBytes, data, { n, last: n === count - 1, segmentBytes }));
}

interface Cut { readonly n: number; readonly last: boolean; readonly segmentBytes: number }

/** One segment: addresses and options as in the whole, its own sequence number, identification and checksums. */
function segment(whole: Uint8Array, tcpAt: number, headerBytes: number, data: Uint8Array, { n, last, segmentBytes }: Cut): Frame {
  const part = data.subarray(n * segmentBytes, (n + 1) * segmentBytes), headersEnd = tcpAt + headerBytes;
  const bytes = new Uint8Array(headersEnd + part.length), words = view(bytes);
  bytes.set(whole.subarray(0, headersEnd));
  bytes.set(part, headersEnd);
  words.setUint32(tcpAt + 4, words.getUint32(tcpAt + 4) + n * segmentBytes);
  bytes[tcpAt + 13] = bytes[tcpAt + 13]! & ~((last ? 0 : FIN | PSH) | (n === 0 ? 0 : CWR));
  const ip = bytes.subarray(ETHERNET_BYTES), tcpBytes = headerBytes + part.length;
  const isIpv4 = ip[0]! >> 4 === 4;
  if (isIpv4) {
    words.setUint16(ETHERNET_BYTES + 2, tcpAt - ETHERNET_BYTES + tcpBytes);
    words.setUint16(ETHERNET_BYTES + 4, words.getUint16(ETHERNET_BYTES + 4) + n);
    words.setUint16(ETHERNET_BYTES + 10, 0);
    words.setUint16(ETHERNET_BYTES + 10, checksum(bytes.subarray(ETHERNET_BYTES, tcpAt)));
  } else words.setUint16(ETHERNET_BYTES + 4, tcpAt - ETHERNET_BYTES - 40 + tcpBytes);
  const [source, destination] = isIpv4 ? [ip.subarray(12, 16), ip.subarray(16, 20)] : [ip.subarray(8, 24), ip.subarray(24, 40)];
  words.setUint16(tcpAt + 16, 0);
  words.setUint16(tcpAt + 16, checksum(bytes.subarray(tcpAt), pseudoSum(source, destination, PROTOCOL.tcp, tcpBytes)));
  return { bytes, offload: NO_OFFLOAD };
}
