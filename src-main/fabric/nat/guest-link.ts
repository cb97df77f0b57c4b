/** The NAT's side of the wire: who is there, and frames to them. */
import { ETHERNET_BYTES, ETHERTYPE, NO_OFFLOAD, putMac, BROADCAST, type Mac, type Offload } from '../frame.ts';
import { addressText, ipHeaderBytes, putIp, view, type IpHeader } from '../packet.ts';
import { GATEWAY, GATEWAY_MAC } from './addresses.ts';

/** Takes frames; what finds no room is refused. */
export interface FrameSink {
  push(lengthBytes: number, offload: Offload, fill: (into: Uint8Array) => void): boolean;
}

const MOST_NEIGHBOURS = 256;
const ARP_BYTES = 28;

export class GuestLink {
  private readonly sink: FrameSink;
  private readonly neighbours = new Map<string, Mac>();

  constructor(sink: FrameSink) { this.sink = sink; }

  /** A guest with this address was heard. */
  learn(address: Uint8Array, mac: Mac): void {
    const key = addressText(address);
    if (this.neighbours.get(key) === mac) return;
    if (this.neighbours.size >= MOST_NEIGHBOURS) this.neighbours.delete(this.neighbours.keys().next().value!);
    this.neighbours.set(key, mac);
  }

  /** False when there is no room. To somebody unknown it is lost, and IPv4 asks who it is. */
  sendIp(header: IpHeader, payloadBytes: number, offload: Offload, fill: (into: Uint8Array) => void): boolean {
    const mac = this.neighbours.get(addressText(header.destination));
    if (mac === undefined) {
      if (header.destination.length === 4) this.sendArp(1, BROADCAST, header.destination, 0);
      return true;
    }
    return this.sendIpTo(mac, header, payloadBytes, offload, fill);
  }

  sendIpTo(mac: Mac, header: IpHeader, payloadBytes: number, offload: Offload, fill: (into: Uint8Array) => void): boolean {
    const version = header.source.length === 4 ? 4 : 6, headers = ETHERNET_BYTES + ipHeaderBytes(version);
    return this.sink.push(headers + payloadBytes, offload, into => {
      putEthernet(into, mac, version === 4 ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6);
      putIp(into.subarray(ETHERNET_BYTES), header, payloadBytes);
      fill(into.subarray(headers));
    });
  }

  sendPayload(header: IpHeader, payload: Uint8Array, mac?: Mac): boolean {
    const fill = (into: Uint8Array) => into.set(payload);
    return mac === undefined ? this.sendIp(header, payload.length, NO_OFFLOAD, fill) : this.sendIpTo(mac, header, payload.length, NO_OFFLOAD, fill);
  }

  /** ARP (RFC 826) from one of our addresses. */
  sendArp(operation: 1 | 2, mac: Mac, address: Uint8Array, targetMac: Mac, own = GATEWAY): void {
    this.sink.push(ETHERNET_BYTES + ARP_BYTES, NO_OFFLOAD, into => {
      putEthernet(into, mac, ETHERTYPE.arp);
      const arp = into.subarray(ETHERNET_BYTES), words = view(arp);
      words.setUint32(0, 0x0001_0800);
      words.setUint32(4, 0x0604_0000 + operation);
      putMac(GATEWAY_MAC, arp, 8);
      arp.set(own, 14);
      putMac(targetMac, arp, 18);
      arp.set(address, 24);
    });
  }
}

function putEthernet(into: Uint8Array, destination: Mac, type: number): void {
  putMac(destination, into, 0);
  putMac(GATEWAY_MAC, into, 6);
  view(into).setUint16(12, type);
}
