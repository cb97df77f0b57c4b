/** Recordings of displays in the format of VNC's recorders, "FBS 001.00": parts of a stream of RFB with the time of each. */

const HEADER_BYTES = 12;

export interface RecordedPart { readonly atMs: number; readonly bytes: Uint8Array }

/** The whole parts of a recording, which may have been cut off; undefined when it is none. A part is its length in 32 bits, big-endian, its bytes up to a multiple of four, and its time in ms in 32 bits. */
export function partsOf(recording: Uint8Array): readonly RecordedPart[] | undefined {
  if (recording.length < HEADER_BYTES || !/^FBS 001\.\d{3}\n$/.test(new TextDecoder().decode(recording.subarray(0, HEADER_BYTES)))) return undefined;
  const view = new DataView(recording.buffer, recording.byteOffset, recording.length), parts: RecordedPart[] = [];
  for (let at = HEADER_BYTES; at + 8 <= recording.length;) {
    const length = view.getUint32(at), end = at + 4 + Math.ceil(length / 4) * 4;
    if (end + 4 > recording.length) break;
    parts.push({ atMs: view.getUint32(end), bytes: recording.subarray(at + 4, at + 4 + length) });
    at = end + 4;
  }
  return parts;
}
