/**
 * Captured frames in a file that Wireshark reads (draft-ietf-opsawg-pcapng): a section, an interface, and a packet for each
 * frame with its time in nanoseconds and its direction. What was left to hardware is captured as it was left.
 */
import { view } from './packet.ts';

const SECTION = 0x0a0d_0d0a, INTERFACE = 1, PACKET = 6;
const MAGIC = 0x1a2b_3c4d;
const LINK_ETHERNET = 1;
const OPT_END = 0, SHB_USER_APPLICATION = 4, IF_NAME = 2, IF_TIME_RESOLUTION = 9, EPB_FLAGS = 2;
const NANOSECONDS = 9;

export type CaptureDirection = 'in' | 'out';

const padded = (length: number) => length + 3 & ~3;

function option(code: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + padded(value.length)), words = view(bytes);
  words.setUint16(0, code, true);
  words.setUint16(2, value.length, true);
  bytes.set(value, 4);
  return bytes;
}

function block(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = 12 + parts.reduce((sum, part) => sum + padded(part.length), 0), bytes = new Uint8Array(length), words = view(bytes);
  words.setUint32(0, type, true);
  words.setUint32(4, length, true);
  let at = 8;
  for (const part of parts) { bytes.set(part, at); at += padded(part.length); }
  words.setUint32(at, length, true);
  return bytes;
}

function fields(...values: readonly (readonly [value: number, size: 2 | 4])[]): Uint8Array {
  const bytes = new Uint8Array(values.reduce((sum, [, size]) => sum + size, 0)), words = view(bytes);
  let at = 0;
  for (const [value, size] of values) {
    if (size === 2) words.setUint16(at, value, true);
    else words.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}

const END = option(OPT_END, new Uint8Array(0));
const text = (value: string) => new TextEncoder().encode(value);

/** What a file begins with. */
export function captureHeader(interfaceName: string): Uint8Array {
  const section = block(SECTION, fields([MAGIC, 4], [1, 2], [0, 2], [0xffff_ffff, 4], [0xffff_ffff, 4]), option(SHB_USER_APPLICATION, text('Quarterdeck')), END);
  const port = block(INTERFACE, fields([LINK_ETHERNET, 2], [0, 2], [0, 4]), option(IF_NAME, text(interfaceName)), option(IF_TIME_RESOLUTION, Uint8Array.of(NANOSECONDS)), END);
  return Uint8Array.from([...section, ...port]);
}

/** One frame, at a time since 1970. `in` is what the port received from its guest. */
export function capturedFrame(frame: Uint8Array, epochNs: bigint, direction: CaptureDirection): Uint8Array {
  const head = fields([0, 4], [Number(epochNs >> 32n), 4], [Number(epochNs & 0xffff_ffffn), 4], [frame.length, 4], [frame.length, 4]);
  return block(PACKET, head, frame, option(EPB_FLAGS, fields([direction === 'in' ? 1 : 2, 4])), END);
}
