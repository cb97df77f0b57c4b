/**
 * A DHCPv4 server (RFC 2131, options of RFC 2132): an address for each MAC address, from 10.0.2.15 on. Left out: client
 * identifiers (the MAC address is the client), relays, BOOTP without DHCP.
 */
import { macAt, type Mac } from '../frame.ts';
import { view } from '../packet.ts';
import { DNS, FIRST_GUEST, GATEWAY, NETMASK } from './addresses.ts';

export const DHCP_SERVER_PORT = 67, DHCP_CLIENT_PORT = 68;

const DISCOVER = 1, OFFER = 2, REQUEST = 3, DECLINE = 4, ACK = 5, NAK = 6, RELEASE = 7, INFORM = 8;
const COOKIE = 0x6382_5363;
const OPTIONS_AT = 240;
const LEASE_SECONDS = 86_400;
const LAST_HOST = 254;
const ANY = new Uint8Array(4), ALL = new Uint8Array(4).fill(255);

/** Last bytes of addresses by MAC address, and those that something else was found to have. */
export interface DhcpState { readonly leases: readonly (readonly [Mac, number])[]; readonly declined: readonly number[] }

export interface DhcpReply { readonly destination: Uint8Array; readonly mac: Mac; readonly payload: Uint8Array }

export class DhcpServer {
  private leases = new Map<Mac, number>();
  private declined: number[] = [];
  private readonly hostName: string | undefined;

  constructor(hostName?: string) { this.hostName = hostName; }

  answer(payload: Uint8Array): DhcpReply | undefined {
    if (payload.length < OPTIONS_AT || payload[0] !== 1 || payload[1] !== 1 || payload[2] !== 6 || view(payload).getUint32(236) !== COOKIE) return undefined;
    const options = optionsOf(payload), mac = macAt(payload, 28), server = options.get(54);
    const isForOther = server?.length === 4 && !server.every((byte, n) => byte === GATEWAY[n]);
    switch (options.get(53)?.[0]) {
      case DISCOVER: return this.grant(OFFER, payload, mac);
      case REQUEST: return isForOther ? undefined : this.request(payload, mac, options.get(50) ?? payload.subarray(12, 16));
      case INFORM: return reply(ACK, payload, { hostName: this.hostName });
      case RELEASE: this.leases.delete(mac); return undefined;
      case DECLINE: this.decline(mac); return undefined;
      default: return undefined;
    }
  }

  private request(request: Uint8Array, mac: Mac, wanted: Uint8Array): DhcpReply | undefined {
    const host = this.hostFor(mac);
    const isRight = host !== undefined && wanted.length === 4 && wanted.every((byte, n) => byte === (n === 3 ? host : FIRST_GUEST[n]));
    return isRight ? this.grant(ACK, request, mac) : reply(NAK, request, {});
  }

  private grant(type: number, request: Uint8Array, mac: Mac): DhcpReply | undefined {
    const host = this.hostFor(mac);
    return host === undefined ? undefined : reply(type, request, { host, hostName: this.hostName });
  }

  /** The client's own from before, else one that is free, else that of the client which has one for longest. */
  private hostFor(mac: Mac): number | undefined {
    const taken = new Set([...this.leases.values(), ...this.declined]);
    let host = this.leases.get(mac);
    for (let next = FIRST_GUEST[3]!; host === undefined && next <= LAST_HOST; next++) if (!taken.has(next)) host = next;
    if (host === undefined) {
      const oldest = this.leases.entries().next().value;
      if (oldest === undefined) return undefined;
      this.leases.delete(oldest[0]);
      host = oldest[1];
    }
    this.leases.set(mac, host);
    return host;
  }

  private decline(mac: Mac): void {
    const host = this.leases.get(mac);
    if (host === undefined) return;
    this.leases.delete(mac);
    this.declined = [...this.declined, host].slice(-16);
  }

  save(): DhcpState { return { leases: [...this.leases], declined: [...this.declined] }; }

  restore({ leases, declined }: DhcpState): void {
    this.leases = new Map(leases);
    this.declined = [...declined];
  }
}

function optionsOf(payload: Uint8Array): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (let at = OPTIONS_AT; at < payload.length && payload[at] !== 255;) {
    if (payload[at] === 0) { at++; continue; }
    const length = payload[at + 1] ?? 0;
    if (at + 2 + length > payload.length) break;
    options.set(payload[at]!, payload.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
}

interface Grant { readonly host?: number; readonly hostName?: string | undefined }

function reply(type: number, request: Uint8Array, { host, hostName }: Grant): DhcpReply {
  const own = host === undefined ? ANY : Uint8Array.of(FIRST_GUEST[0]!, FIRST_GUEST[1]!, FIRST_GUEST[2]!, host), current = request.slice(12, 16);
  const header = new Uint8Array(OPTIONS_AT);
  header.set(request.subarray(0, 44));
  header[0] = 2;
  header[3] = 0;
  header.set(own, 16);
  header.set(GATEWAY, 20);
  view(header).setUint32(236, COOKIE);
  const settings = type === NAK ? [] : [
    ...(host === undefined ? [] : [option(51, ...word(LEASE_SECONDS))]), option(1, ...NETMASK), option(3, ...GATEWAY), option(6, ...DNS),
    ...(hostName === undefined ? [] : [option(12, ...new TextEncoder().encode(hostName).subarray(0, 63))]),
  ];
  const payload = Uint8Array.from([...header, ...option(53, type), ...option(54, ...GATEWAY), ...settings.flat(), 255]);
  return { destination: type !== NAK && current.some(byte => byte !== 0) ? current : ALL, mac: macAt(request, 28), payload };
}

const option = (code: number, ...bytes: number[]) => [code, bytes.length, ...bytes];
const word = (value: number) => [value >>> 24, value >> 16 & 255, value >> 8 & 255, value & 255];
