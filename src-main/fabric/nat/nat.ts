/**
 * A network of its own for guests, and the way out of it, in user space and without rights: the addresses of QEMU's user
 * networking. 10.0.2.2 (fd00::2) is the gateway, and the host's loopback; 10.0.2.3 (fd00::3) is the host's resolver. Left out:
 * fragments (dropped), multicast, guests that reach each other through it (a switch does that), protocols but TCP, UDP and ICMP.
 */
import { DEFAULT_MTU, macAt, type Frame } from '../frame.ts';
import { parseIp, parseUdp, PROTOCOL, udpPayload, type IpPacket } from '../packet.ts';
import { GATEWAY, isGuestAddress, isLocal } from './addresses.ts';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, DhcpServer, type DhcpState } from './dhcp.ts';
import { openForward, type OpenForward, type PortForward } from './forwards.ts';
import { GuestLink, type FrameSink } from './guest-link.ts';
import { Icmp } from './icmp.ts';
import { isArp, isForGateway, Neighbours } from './neighbours.ts';
import { TcpFlows } from './tcp-flows.ts';
import { UdpFlows } from './udp-flows.ts';

export interface NatIo {
  /** Towards guests. */
  readonly sink: FrameSink;
  readonly nowNs: () => number;
  readonly hostName?: string | undefined;
  readonly mtu?: number;
}

/** Connections are the host's and end with it; addresses stay. */
export interface NatState { readonly dhcp: DhcpState }

export class Nat {
  private readonly io: NatIo;
  private readonly link: GuestLink;
  private readonly neighbours: Neighbours;
  private readonly dhcp: DhcpServer;
  private readonly icmp: Icmp;
  readonly udp: UdpFlows;
  readonly tcp: TcpFlows;
  private readonly forwards: OpenForward[] = [];

  constructor(io: NatIo) {
    this.io = io;
    const mtu = io.mtu ?? DEFAULT_MTU;
    this.link = new GuestLink(io.sink);
    this.neighbours = new Neighbours(this.link, mtu);
    this.dhcp = new DhcpServer(io.hostName);
    this.icmp = new Icmp(this.link);
    this.udp = new UdpFlows(this.link, this.icmp, io.nowNs);
    this.tcp = new TcpFlows({ link: this.link, icmp: this.icmp, nowNs: io.nowNs, mtu });
  }

  /** A frame from a guest. `flush` follows the last of a batch. */
  receive({ bytes, offload }: Frame): void {
    if (isArp(bytes)) { this.neighbours.arp(bytes); return; }
    const packet = parseIp(bytes);
    if (packet === undefined || packet.isFragment || !isForGateway(bytes)) return;
    const mac = macAt(bytes, 6);
    if (packet.protocol === PROTOCOL.icmpv6 && this.neighbours.icmpv6(packet, mac, this.io.nowNs())) return;
    if (packet.protocol === PROTOCOL.udp && packet.version === 4 && this.isDhcp(packet)) { this.answerDhcp(packet, offload.needsChecksum); return; }
    if (!isGuestAddress(packet.source)) return;
    this.link.learn(packet.source, mac);
    this.forward(packet, offload.needsChecksum);
  }

  flush(): void { this.tcp.flush(); }

  /** There is room towards guests again. */
  sendAgain(): void { this.tcp.sendAgain(); }

  get deadlineNs(): number { return Math.min(this.tcp.deadlineNs, this.udp.deadlineNs, this.neighbours.deadlineNs); }

  runDue(nowNs: number): void {
    this.tcp.runDue(nowNs);
    this.udp.runDue(nowNs);
    this.neighbours.runDue(nowNs);
  }

  /** Opens a port of the host, and gives its number. */
  async addForward(forward: PortForward): Promise<number> {
    const open = await openForward(forward, this);
    this.forwards.push(open);
    return open.hostPort;
  }

  close(): void {
    for (const forward of this.forwards.splice(0)) forward.close();
    this.tcp.closeAll();
    this.udp.closeAll();
  }

  save(): NatState { return { dhcp: this.dhcp.save() }; }
  restore(state: NatState): void { this.dhcp.restore(state.dhcp); }

  private forward(packet: IpPacket, needsChecksum: boolean): void {
    switch (packet.protocol) {
      case PROTOCOL.tcp: this.tcp.segment(packet, needsChecksum); break;
      case PROTOCOL.udp: this.udp.datagram(packet, needsChecksum); break;
      case PROTOCOL.icmp: if (packet.version === 4) this.icmp.message(packet); break;
      case PROTOCOL.icmpv6: if (packet.version === 6) this.icmp.message(packet); break;
      default: break;
    }
  }

  private isDhcp({ payload, destination }: IpPacket): boolean {
    return payload.length >= 8 && (payload[2]! << 8 | payload[3]!) === DHCP_SERVER_PORT && (destination[0] === 255 || isLocal(destination));
  }

  private answerDhcp(packet: IpPacket, needsChecksum: boolean): void {
    const udp = parseUdp(packet, needsChecksum), answer = udp && this.dhcp.answer(udp.payload);
    if (answer === undefined) return;
    const { destination, mac } = answer;
    const payload = udpPayload(GATEWAY, destination, { sourcePort: DHCP_SERVER_PORT, destinationPort: DHCP_CLIENT_PORT, payload: answer.payload });
    this.link.sendPayload({ source: GATEWAY, destination, protocol: PROTOCOL.udp }, payload, mac);
  }
}
