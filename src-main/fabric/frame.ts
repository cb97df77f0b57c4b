/** Ethernet frames as they travel between NICs, switches and the NAT, with what was left for hardware to do to them. */

export const ETHERNET_BYTES = 14;
/** The largest frame: an IP packet of 64 KiB that is still to be segmented, and a VLAN tag. */
export const MAX_FRAME_BYTES = 0x10000 + ETHERNET_BYTES + 4;
export const DEFAULT_MTU = 1500;

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, rarp: 0x8035, vlan: 0x8100, ipv6: 0x86dd } as const;

/** What a sender left undone, in the words of virtio 1.2, 5.1.6: the checksum of one header, and cutting TCP into segments. */
export interface Offload {
  /** The checksum at `checksumStart + checksumOffset`, over all from `checksumStart`, holds the pseudo header's sum only. */
  readonly needsChecksum: boolean;
  readonly checksumStart: number;
  readonly checksumOffset: number;
  readonly segmentation: Segmentation;
  /** Payload of each segment. */
  readonly segmentBytes: number;
}
export type Segmentation = 'none' | 'tcp4' | 'tcp6';

export const NO_OFFLOAD: Offload = { needsChecksum: false, checksumStart: 0, checksumOffset: 0, segmentation: 'none', segmentBytes: 0 };

/** A frame's bytes belong to whoever passes it on: a receiver that keeps them makes a copy. */
export interface Frame { readonly bytes: Uint8Array; readonly offload: Offload }

export const plainFrame = (bytes: Uint8Array): Frame => ({ bytes, offload: NO_OFFLOAD });

/** A MAC address as a number of 48 bits. */
export type Mac = number;
export const BROADCAST: Mac = 0xffff_ffff_ffff;

export const macAt = (bytes: Uint8Array, at: number): Mac =>
  (bytes[at]! << 8 | bytes[at + 1]!) * 2 ** 32 + ((bytes[at + 2]! << 24 | bytes[at + 3]! << 16 | bytes[at + 4]! << 8 | bytes[at + 5]!) >>> 0);

export function putMac(mac: Mac, into: Uint8Array, at: number): void {
  for (let n = 5, rest = mac; n >= 0; n--, rest = Math.floor(rest / 256)) into[at + n] = rest % 256;
}

export const isGroup = (mac: Mac): boolean => (Math.floor(mac / 2 ** 40) & 1) === 1;

export const macText = (mac: Mac): string => mac.toString(16).padStart(12, '0').replace(/(..)(?=.)/g, '$1:');

/** Undefined when the text is not six bytes in hex with colons or dashes between them. */
export function macOf(text: string): Mac | undefined {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text) ? parseInt(text.replace(/[:-]/g, ''), 16) : undefined;
}
