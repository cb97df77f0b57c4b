/** IEEE 802.1Q tags in frames. Inside a switch a frame has none, and its VLAN goes with it. */
import { ETHERNET_BYTES, ETHERTYPE, type Frame, type Offload } from '../frame.ts';
import { view } from '../packet.ts';

const TAG_BYTES = 4, TAG_AT = 12;

/** The VLAN of a tagged frame; zero for a priority tag. */
export const vlanOf = (bytes: Uint8Array): number | undefined =>
  (bytes.length >= ETHERNET_BYTES + TAG_BYTES && view(bytes).getUint16(TAG_AT) === ETHERTYPE.vlan ? view(bytes).getUint16(TAG_AT + 2) & 0xfff : undefined);

export function untagged({ bytes, offload }: Frame): Frame {
  const plain = new Uint8Array(bytes.length - TAG_BYTES);
  plain.set(bytes.subarray(0, TAG_AT));
  plain.set(bytes.subarray(TAG_AT + TAG_BYTES), TAG_AT);
  return { bytes: plain, offload: moved(offload, -TAG_BYTES) };
}

export function tagged({ bytes, offload }: Frame, vlan: number): Frame {
  const whole = new Uint8Array(bytes.length + TAG_BYTES);
  whole.set(bytes.subarray(0, TAG_AT));
  view(whole).setUint32(TAG_AT, ETHERTYPE.vlan * 0x10000 + vlan);
  whole.set(bytes.subarray(TAG_AT), TAG_AT + TAG_BYTES);
  return { bytes: whole, offload: moved(offload, TAG_BYTES) };
}

const moved = (offload: Offload, by: number): Offload => (offload.needsChecksum ? { ...offload, checksumStart: Math.max(0, offload.checksumStart + by) } : offload);
