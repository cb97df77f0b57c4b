/** What an address in the guest's network is for the host: the gateway is the host's loopback, the DNS server its resolver. */
import { getServers } from 'node:dns';
import { addressOf, addressText } from '../packet.ts';
import { GATEWAY, GATEWAY6, isDns, isGateway, isOutside } from './addresses.ts';

export interface HostAddress { readonly host: string; readonly port: number }

const DNS_PORT = 53;

/** Undefined when there is nothing that it could be sent to. */
export function hostAddressOf(destination: Uint8Array, port: number): HostAddress | undefined {
  if (port === 0) return undefined;
  if (isGateway(destination)) return { host: destination.length === 4 ? '127.0.0.1' : '::1', port };
  if (isDns(destination)) return port === DNS_PORT ? resolver() : undefined;
  return isOutside(destination) ? { host: addressText(destination), port } : undefined;
}

/** The host's first resolver, which is written with its port when that is another. */
function resolver(): HostAddress | undefined {
  const [server] = getServers();
  if (server === undefined) return undefined;
  const [, host, port] = /^\[(.*)\]:(\d+)$/.exec(server) ?? /^([\d.]+):(\d+)$/.exec(server) ?? [];
  return host === undefined ? { host: server, port: DNS_PORT } : { host, port: Number(port) };
}

/** As what a guest sees somebody who reaches it through a port forward: its own loopback cannot be the host's. */
export function guestViewOf(remote: string): Uint8Array {
  const text = remote.replace(/^::ffff:(?=\d+\.)/, ''), address = addressOf(text);
  if (address === undefined) return GATEWAY;
  if (address.length === 4) return isOutside(address) ? address : GATEWAY;
  return isOutside(address) ? address : GATEWAY6;
}
