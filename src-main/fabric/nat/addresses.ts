/** The network behind the NAT: the addresses of QEMU's user networking, which guests' scripts know. */
import { addressOf } from '../packet.ts';

export const GATEWAY_MAC = 0x5255_0a00_0202;
export const GATEWAY = addressOf('10.0.2.2')!;
export const DNS = addressOf('10.0.2.3')!;
export const NETMASK = addressOf('255.255.255.0')!;
export const FIRST_GUEST = addressOf('10.0.2.15')!;
export const GATEWAY6 = addressOf('fd00::2')!;
export const DNS6 = addressOf('fd00::3')!;
export const ROUTER6 = addressOf('fe80::2')!;
export const PREFIX6 = addressOf('fd00::')!;

const startsWith = (bytes: Uint8Array, prefix: Uint8Array, length: number) => prefix.subarray(0, length).every((byte, n) => byte === bytes[n]);

export const isGuestAddress = (address: Uint8Array): boolean =>
  address.length === 4 ? startsWith(address, GATEWAY, 3) && address[3]! > 3 && address[3] !== 255 : startsWith(address, PREFIX6, 8) && !isOurs(address);
export const isLocal = (address: Uint8Array): boolean => (address.length === 4 ? startsWith(address, GATEWAY, 3) : startsWith(address, PREFIX6, 8) || isLinkLocal(address));
export const isLinkLocal = (address: Uint8Array): boolean => address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
export const isGateway = (address: Uint8Array): boolean => startsWith(address, address.length === 4 ? GATEWAY : GATEWAY6, 16) || (address.length === 16 && startsWith(address, ROUTER6, 16));
export const isDns = (address: Uint8Array): boolean => startsWith(address, address.length === 4 ? DNS : DNS6, 16);
export const isOurs = (address: Uint8Array): boolean => isGateway(address) || isDns(address);

/** What a packet may be sent on to: not this network, not loopback, multicast, broadcast or nothing. */
export function isOutside(address: Uint8Array): boolean {
  if (isLocal(address)) return false;
  if (address.length === 4) return address[0]! > 0 && address[0] !== 127 && address[0]! < 224;
  const isMapped = startsWith(address, addressOf('::')!, 10);
  return address[0] !== 0xff && !isMapped;
}
