/** The NAT with a guest made of packets, and the host's real sockets on loopback. */
import { createSocket } from 'node:dgram';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ETHERTYPE, macAt, plainFrame, putMac } from '../frame.ts';
import { addressOf, addressText, checksum, parseIp, parseUdp, pseudoSum, PROTOCOL, putIp, sumOf, udpPayload, view, type IpPacket } from '../packet.ts';
import { Random } from '../random.ts';
import { plainFrames } from '../segmentation.ts';
import { TcpConnection } from '../tcp/connection.ts';
import { ACK, parseTcp, putTcp, headerBytesOf, RST } from '../tcp/segment.ts';
import { GATEWAY_MAC } from './addresses.ts';
import { Nat } from './nat.ts';
import { MOST_TCP_FLOWS } from './tcp-flows.ts';
import { MOST_UDP_FLOWS } from './udp-flows.ts';

const MAC = 0x5254_0012_3456, OTHER_MAC = 0x5254_0012_3457;
const GUEST = addressOf('10.0.2.15')!, GATEWAY = addressOf('10.0.2.2')!, GUEST6 = addressOf('fd00::15')!, GATEWAY6 = addressOf('fd00::2')!;
const closing: (() => unknown)[] = [];
afterEach(() => { for (const close of closing.splice(0)) close(); });

class Guest {
  nowNs = 0;
  readonly nat: Nat;
  readonly frames: Uint8Array[] = [];
  heard: () => void = () => {};

  constructor() {
    this.nat = new Nat({
      nowNs: () => this.nowNs, hostName: 'web-01',
      sink: { push: (length, offload, fill) => {
        const bytes = new Uint8Array(length);
        fill(bytes);
        this.frames.push(...plainFrames({ bytes, offload }).map(frame => frame.bytes));
        this.heard();
        return true;
      } },
    });
    closing.push(() => this.nat.close());
  }

  ethernet(type: number, payload: Uint8Array, to = GATEWAY_MAC, from = MAC): void {
    const frame = new Uint8Array(14 + payload.length);
    putMac(to, frame, 0);
    putMac(from, frame, 6);
    view(frame).setUint16(12, type);
    frame.set(payload, 14);
    this.nat.receive(plainFrame(frame));
    this.nat.flush();
  }

  ip(source: Uint8Array, destination: Uint8Array, protocol: number, payload: Uint8Array, hopLimit = 64): void {
    const header = source.length === 4 ? 20 : 40, packet = new Uint8Array(header + payload.length);
    putIp(packet, { source, destination, protocol, hopLimit }, payload.length);
    packet.set(payload, header);
    this.ethernet(source.length === 4 ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6, packet);
  }

  udp(destination: Uint8Array, destinationPort: number, text: string | Uint8Array, sourcePort = 5000, source = GUEST): void {
    const payload = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    this.ip(source, destination, PROTOCOL.udp, udpPayload(source, destination, { sourcePort, destinationPort, payload }));
  }

  /** What arrived since the last call. */
  take(): Uint8Array[] { return this.frames.splice(0); }
  packets(): IpPacket[] { return this.take().map(parseIp).filter(packet => packet !== undefined); }

  /** The next packet, from a socket. */
  async next(): Promise<IpPacket> {
    while (this.frames.length === 0) await new Promise<void>(resolve => { this.heard = resolve; });
    return parseIp(this.frames.shift()!)!;
  }

  /** A guest's end of a connection. */
  tcp(destination: Uint8Array, destinationPort: number, sourcePort = 40_000) {
    const seen: string[] = [], data: number[] = [];
    const connection = new TcpConnection({ mss: 1460, initialSeq: 1 }, {
      nowNs: () => this.nowNs, established: () => seen.push('established'), receivedEnd: () => seen.push('end'), drained: () => {}, closed: end => seen.push(end),
      received: bytes => { data.push(...bytes); connection.consumed(bytes.length); },
      send: segment => {
        const bytes = new Uint8Array(headerBytesOf(segment) + segment.payloadBytes);
        putTcp(bytes, { source: GUEST, destination, sourcePort, destinationPort }, segment, false);
        queueMicrotask(() => this.ip(GUEST, destination, PROTOCOL.tcp, bytes));
        return true;
      },
    });
    const pump = () => {
      for (const packet of this.packets()) {
        const segment = parseTcp(packet, false);
        if (segment === undefined) continue;
        if (connection.state === 'LISTEN') connection.accept(segment);
        else connection.segment(segment);
      }
      connection.flush();
    };
    const until = async (is: () => boolean) => { for (pump(); !is(); pump()) await new Promise(resolve => { setImmediate(resolve); }); };
    return { connection, seen, data, until };
  }
}

async function server(onSocket: (socket: Socket) => void): Promise<number> {
  const listening = createServer({ allowHalfOpen: true }, onSocket);
  await new Promise<void>(resolve => { listening.listen(0, '127.0.0.1', resolve); });
  closing.push(() => listening.close());
  return (listening.address() as AddressInfo).port;
}

function dhcp(type: number, options: number[] = [], mac = MAC): Uint8Array {
  const message = new Uint8Array(300);
  message.set([1, 1, 6, 0, 1, 2, 3, 4]);
  putMac(mac, message, 28);
  message.set([0x63, 0x82, 0x53, 0x63, 53, 1, type, ...options, 255], 236);
  return message;
}
const ANY = addressOf('0.0.0.0')!, ALL = addressOf('255.255.255.255')!;

describe('finding the gateway', () => {
  test('it answers ARP for the gateway and the resolver, and for nobody else', () => {
    const guest = new Guest(), ask = (last: number) => guest.ethernet(ETHERTYPE.arp, Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, ...GUEST, 0, 0, 0, 0, 0, 0, 10, 0, 2, last), 0xffff_ffff_ffff);
    for (const last of [2, 3, 4]) ask(last);
    expect(guest.take().map(frame => [macAt(frame, 0), frame[21], macAt(frame, 22), addressText(frame.subarray(28, 32))])).toEqual([[MAC, 2, GATEWAY_MAC, '10.0.2.2'], [MAC, 2, GATEWAY_MAC, '10.0.2.3']]);
  });

  test('it advertises a router, a prefix and a resolver when asked, and again in time', () => {
    const guest = new Guest(), all = addressOf('ff02::2')!, source = addressOf('fe80::15')!, message = new Uint8Array(8);
    message[0] = 133;
    view(message).setUint16(2, checksum(message, pseudoSum(source, all, PROTOCOL.icmpv6, 8)));
    guest.ip(source, all, PROTOCOL.icmpv6, message, 255);
    const [packet] = guest.packets(), words = view(packet!.payload);
    expect([packet!.payload[0], addressText(packet!.payload.subarray(48, 64)), addressText(packet!.payload.subarray(72, 88)), words.getUint32(28)]).toEqual([134, 'fd00::', 'fd00::3', 1500]);
    expect(sumOf(packet!.payload, pseudoSum(packet!.source, packet!.destination, PROTOCOL.icmpv6, packet!.payload.length))).toBe(0xffff);
    guest.nowNs = guest.nat.deadlineNs;
    guest.nat.runDue(guest.nowNs);
    expect(guest.packets()).toHaveLength(1);
  });

  test('it answers echoes to itself, over both versions, and not for others', () => {
    const guest = new Guest(), echo = (type: number, sum: number) => { const message = Uint8Array.of(type, 0, 0, 0, 0, 9, 0, 1, 65, 66); view(message).setUint16(2, checksum(message, sum)); return message; };
    guest.ip(GUEST, GATEWAY, PROTOCOL.icmp, echo(8, 0));
    guest.ip(GUEST, addressOf('10.0.2.99')!, PROTOCOL.icmp, echo(8, 0));
    expect(guest.packets().map(({ payload }) => [payload[0], payload[9], sumOf(payload)])).toEqual([[0, 66, 0xffff]]);
    const solicitation = new Uint8Array(24);
    solicitation[0] = 135;
    solicitation.set(GATEWAY6, 8);
    guest.ip(GUEST6, GATEWAY6, PROTOCOL.icmpv6, solicitation, 255);
    guest.ip(GUEST6, GATEWAY6, PROTOCOL.icmpv6, echo(128, pseudoSum(GUEST6, GATEWAY6, PROTOCOL.icmpv6, 10)));
    expect(guest.packets().map(({ payload }) => payload[0])).toEqual([136, 129]);
  });
});

describe('DHCP', () => {
  const talk = (guest: Guest, message: Uint8Array) => {
    guest.udp(ALL, 67, message, 68, ANY);
    return guest.packets().map(packet => {
      const { payload } = parseUdp(packet, false)!, options = new Map<number, string>();
      for (let at = 240; payload[at] !== 255; at += 2 + payload[at + 1]!) options.set(payload[at]!, [...payload.subarray(at + 2, at + 2 + payload[at + 1]!)].join('.'));
      return { own: addressText(payload.subarray(16, 20)), options };
    })[0];
  };

  test('it offers and grants an address with all that a guest needs', () => {
    const guest = new Guest(), offer = talk(guest, dhcp(1))!, ack = talk(guest, dhcp(3, [50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 2]))!;
    expect([offer.own, offer.options.get(53), ack.own, ack.options.get(53)]).toEqual(['10.0.2.15', '2', '10.0.2.15', '5']);
    expect([1, 3, 6, 51].map(code => ack.options.get(code))).toEqual(['255.255.255.0', '10.0.2.2', '10.0.2.3', '0.1.81.128']);
    expect(String.fromCharCode(...ack.options.get(12)!.split('.').map(Number))).toBe('web-01');
  });

  test('each guest has its own address, keeps it, and is refused another', () => {
    const guest = new Guest();
    expect([talk(guest, dhcp(1))!.own, talk(guest, dhcp(1, [], OTHER_MAC))!.own, talk(guest, dhcp(1))!.own]).toEqual(['10.0.2.15', '10.0.2.16', '10.0.2.15']);
    expect(talk(guest, dhcp(3, [50, 4, 10, 0, 2, 77]))!.options.get(53)).toBe('6');
    const next = new Guest();
    next.nat.restore(structuredClone(guest.nat.save()));
    expect(talk(next, dhcp(1, [], OTHER_MAC))!.own).toBe('10.0.2.16');
  });

  test('more guests than addresses make it forget the oldest', () => {
    const guest = new Guest();
    for (let n = 0; n < 1000; n++) expect(talk(guest, dhcp(1, [], MAC + n))).toBeDefined();
    expect(guest.nat.save().dhcp.leases).toHaveLength(240);
  });
});

describe('UDP', () => {
  test('a datagram reaches the host as the gateway, and the answer comes back from there', async () => {
    const host = createSocket('udp4'), guest = new Guest();
    closing.push(() => host.close());
    await new Promise<void>(resolve => { host.bind(0, '127.0.0.1', resolve); });
    host.on('message', (bytes, from) => host.send(`heard ${bytes.toString()}`, from.port, from.address));
    guest.udp(GATEWAY, host.address().port, 'hello');
    const packet = await guest.next(), udp = parseUdp(packet, false)!;
    expect([addressText(packet.source), udp.sourcePort, udp.destinationPort, new TextDecoder().decode(udp.payload)]).toEqual(['10.0.2.2', host.address().port, 5000, 'heard hello']);
    expect(guest.nat.udp.size).toBe(1);
    guest.nowNs = guest.nat.deadlineNs;
    guest.nat.runDue(guest.nowNs);
    expect(guest.nat.udp.size).toBe(0);
  });

  test('a forwarded port reaches the guest, and its answer the one who asked', async () => {
    const guest = new Guest(), port = await guest.nat.addForward({ protocol: 'udp', hostPort: 0, guestPort: 53 }), peer = createSocket('udp4');
    closing.push(() => peer.close());
    guest.udp(GATEWAY, 0, 'I am here');
    const answer = new Promise<string>(resolve => { peer.on('message', bytes => resolve(bytes.toString())); });
    peer.send('anybody?', port, '127.0.0.1');
    const packet = await guest.next(), { sourcePort, destinationPort } = parseUdp(packet, false)!;
    expect([addressText(packet.source), destinationPort]).toEqual(['10.0.2.2', 53]);
    guest.udp(packet.source, sourcePort, 'yes', 53);
    expect(await answer).toBe('yes');
  });

  test('there are never more than so many flows', () => {
    const guest = new Guest();
    for (let n = 0; n < MOST_UDP_FLOWS + 50; n++) guest.udp(GATEWAY, 9, 'x', 1024 + n);
    expect(guest.nat.udp.size).toBe(MOST_UDP_FLOWS);
  });
});

describe('TCP', () => {
  test('data and ends pass both ways', async () => {
    const heard: Buffer[] = [], port = await server(socket => { socket.on('data', bytes => heard.push(bytes)).on('end', () => socket.end(Buffer.alloc(300_000, 'x'))); });
    const guest = new Guest(), { connection, seen, data, until } = guest.tcp(GATEWAY, port);
    connection.connect();
    connection.write(new Uint8Array(200_000).fill(7));
    connection.end();
    await until(() => seen.includes('end'));
    expect([Buffer.concat(heard).equals(Buffer.alloc(200_000, 7)), data.length]).toEqual([true, 300_000]);
  });

  test('a port where nobody listens refuses, and a segment of no connection is reset', async () => {
    const guest = new Guest(), { connection, seen, until } = guest.tcp(GATEWAY, 1);
    connection.connect();
    await until(() => seen.length > 0);
    expect(seen).toEqual(['reset']);
    const stray = new Uint8Array(20);
    putTcp(stray, { source: GUEST, destination: GATEWAY, sourcePort: 9, destinationPort: 9 }, { seq: 5, ack: 77, flags: ACK, window: 0, payloadBytes: 0, segmentBytes: 0 }, false);
    guest.ip(GUEST, GATEWAY, PROTOCOL.tcp, stray);
    expect(parseTcp(guest.packets()[0]!, false)).toMatchObject({ flags: RST, seq: 77 });
  });

  test('a reset of either side is one of the other', async () => {
    const sockets: Socket[] = [], closed: unknown[] = [], port = await server(socket => { sockets.push(socket); socket.on('error', error => closed.push((error as NodeJS.ErrnoException).code)); });
    const guest = new Guest(), first = guest.tcp(GATEWAY, port), second = guest.tcp(GATEWAY, port, 40_001);
    first.connection.connect();
    await first.until(() => sockets.length === 1 && first.seen.length > 0);
    sockets[0]!.resetAndDestroy();
    await first.until(() => first.seen.includes('reset'));
    second.connection.connect();
    await second.until(() => sockets.length === 2 && second.seen.length > 0);
    second.connection.abort();
    await second.until(() => closed.length > 0);
    expect([closed, guest.nat.tcp.size]).toEqual([['ECONNRESET'], 0]);
  });

  test('a host that does not read stops the guest, and little is kept for it meanwhile', async () => {
    let socket: Socket | undefined;
    const port = await server(accepted => { socket = accepted; accepted.pause(); });
    const guest = new Guest(), { connection, until } = guest.tcp(GATEWAY, port), total = 16 * 2 ** 20;
    connection.connect();
    connection.write(new Uint8Array(total));
    let before = -1, rounds = 0;
    await until(() => { rounds = connection.pendingBytes === before ? rounds + 1 : 0; before = connection.pendingBytes; return rounds > 200; });
    expect(connection.pendingBytes).toBeGreaterThan(0);
    socket!.resume();
    await until(() => connection.pendingBytes === 0);
    expect(connection.state).toBe('ESTABLISHED');
  });

  test('a forwarded port opens a connection to the guest', async () => {
    const guest = new Guest(), port = await guest.nat.addForward({ protocol: 'tcp', hostPort: 0, guestPort: 80 });
    guest.udp(GATEWAY, 0, 'I am here');
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }), heard: Buffer[] = [];
    client.on('data', bytes => heard.push(bytes));
    closing.push(() => client.destroy());
    const packet = await guest.next(), syn = parseTcp(packet, false)!, { connection, data, until } = guest.tcp(GATEWAY, syn.sourcePort, 80);
    connection.accept(syn);
    client.end('question');
    await until(() => data.length === 8);
    connection.write(new TextEncoder().encode('answer'));
    connection.end();
    await until(() => client.readableEnded);
    expect([String.fromCharCode(...data), Buffer.concat(heard).toString(), addressText(packet.source)]).toEqual(['question', 'answer', '10.0.2.2']);
  });

  test('half-open connections are bounded', () => {
    const guest = new Guest(), syn = new Uint8Array(20);
    for (let n = 0; n < 2 * MOST_TCP_FLOWS; n++) {
      putTcp(syn, { source: GUEST, destination: GATEWAY, sourcePort: 1024 + n, destinationPort: 9 }, { seq: 5, ack: 0, flags: 2, window: 0, payloadBytes: 0, segmentBytes: 0 }, false);
      guest.ip(GUEST, GATEWAY, PROTOCOL.tcp, syn);
    }
    expect(guest.nat.tcp.size).toBe(256);
  });
});

test('any packets at all neither throw nor open anything without end', () => {
  const guest = new Guest(), random = new Random(21), protocols = [1, 6, 17, 58, 44, 0, 99];
  for (let n = 0; n < 20_000; n++) {
    const payload = Uint8Array.from({ length: random.below(120) }, () => random.below(256)), isIpv4 = random.next() < 0.6;
    if (random.next() < 0.1) guest.ethernet(random.below(65536), payload);
    else if (random.next() < 0.2) guest.ethernet(isIpv4 ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6, payload);
    else guest.ip(isIpv4 ? GUEST : GUEST6, isIpv4 ? GATEWAY : GATEWAY6, protocols[random.below(protocols.length)]!, payload, 255);
    guest.take();
  }
  expect(guest.nat.tcp.size + guest.nat.udp.size).toBeLessThanOrEqual(MOST_TCP_FLOWS + MOST_UDP_FLOWS);
});
