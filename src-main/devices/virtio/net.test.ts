import { describe, expect, test } from 'vitest';
import { NO_OFFLOAD, plainFrame, putMac, type Frame, type Offload } from '../../fabric/frame.ts';
import { FRAME_RING_BYTES, FrameRing } from '../../fabric/frame-ring.ts';
import { parseIp, putIp, PROTOCOL, pseudoSum, sumOf } from '../../fabric/packet.ts';
import { Random } from '../../fabric/random.ts';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, type Step } from '../device-contract.ts';
import { VirtioNet, type NicFilter } from './net.ts';
import { DATA, RAM_BYTES, TestDriver } from './test-driver.ts';

const MAC = 0x5254_0012_3456;
const RX = 0, TX = 1, CONTROL = 2;
const CSUM = 1, GUEST_CSUM = 2, GUEST_TSO4 = 1 << 7, HOST_TSO4 = 1 << 11, MRG = 1 << 15, CTRL = 1 << 17 | 1 << 18, VLAN = 1 << 19;
const ALL = CSUM | GUEST_CSUM | GUEST_TSO4 | HOST_TSO4 | MRG | CTRL | VLAN;
const BUFFER_BYTES = 1536;
const rxAt = (n: number) => DATA + 0x2000 + 0x800 * n;

function netRig(clock = new TestClock()) {
  const memory = new SharedArrayBuffer(RAM_BYTES + 2 * FRAME_RING_BYTES), filters: NicFilter[] = [];
  const [tx, rx] = [0, 1].map(n => new FrameRing(memory, RAM_BYTES + n * FRAME_RING_BYTES)) as [FrameRing, FrameRing];
  let net!: VirtioNet;
  const driver = new TestDriver(memory, dma => net = new VirtioNet({ dma, mac: MAC, mtu: 1500, tx, rx, filterChanged: filter => filters.push(filter) }));
  const offerRx = (n: number, length = BUFFER_BYTES) => driver.offer([{ address: rxAt(n), length, write: true }], n, RX);
  const send = (frame: Uint8Array, header: number[] = []) => {
    driver.ram.write(DATA, new Uint8Array(12));
    driver.ram.write(DATA, Uint8Array.from(header));
    driver.ram.write(DATA + 0x40, frame);
    driver.offer([{ address: DATA, length: 12 }, { address: DATA + 0x40, length: frame.length }], 0, TX);
    driver.notify(TX);
  };
  const control = (...bytes: number[]) => {
    driver.ram.write(DATA, Uint8Array.from([...bytes, 0xff]));
    driver.offer([{ address: DATA, length: bytes.length }, { address: DATA + bytes.length, length: 1, write: true }], 0, CONTROL);
    driver.notify(CONTROL);
    return driver.ram.load(DATA + bytes.length, 1);
  };
  const receive = (frame: Frame) => { rx.pushFrame(frame); net.poll(); };
  const sent = () => {
    const frames: Frame[] = [];
    for (let frame = tx.peek(); frame !== undefined; frame = tx.peek()) { frames.push({ bytes: frame.bytes.slice(), offload: frame.offload }); tx.shift(); }
    return frames;
  };
  return {
    clock, driver, tx, rx, net, offerRx, send, control, receive, sent, filters, device: driver.device, memory: new Uint8Array(memory),
    outputs: () => ({ used: [RX, TX, CONTROL].map(queue => driver.used(queue)), line: driver.line, sent: sent(), config: [...net.config], received: [...driver.ram.view(DATA, 0x4000)!] }),
  };
}
type NetRig = ReturnType<typeof netRig>;
const inNet = (act: (rig: NetRig) => unknown): Step => rig => { act(rig as NetRig); };

const ethernet = (length: number, to = MAC, fill = 7) => {
  const bytes = new Uint8Array(length).fill(fill);
  putMac(to, bytes, 0);
  bytes.set([8, 0], 12);
  return bytes;
};

/** An IPv4 packet of TCP that is to be checksummed, and cut. */
function longTcp(dataBytes: number): Frame {
  const bytes = new Uint8Array(54 + dataBytes).fill(9), source = Uint8Array.of(10, 0, 0, 1), destination = Uint8Array.of(10, 0, 0, 2);
  putMac(MAC, bytes, 0);
  bytes.set([8, 0], 12);
  putIp(bytes.subarray(14), { source, destination, protocol: PROTOCOL.tcp }, 20 + dataBytes);
  bytes.set([0, 80, 0, 81, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1, 0, 0, 0, 0, 0], 34);
  const sum = pseudoSum(source, destination, PROTOCOL.tcp, 20 + dataBytes);
  bytes.set([sum >> 8, sum & 255], 50);
  const offload: Offload = { needsChecksum: true, checksumStart: 34, checksumOffset: 16, segmentation: 'tcp4', segmentBytes: 1460 };
  return { bytes, offload };
}

describe('net', () => {
  test('frames go out and come in, each behind its header', () => {
    const { driver, send, sent, offerRx, receive } = netRig();
    driver.start(ALL, 3);
    send(ethernet(60));
    expect(sent()).toEqual([plainFrame(ethernet(60))]);
    offerRx(0);
    receive(plainFrame(ethernet(70)));
    expect([driver.used(RX), driver.ram.load(rxAt(0) + 10, 2)]).toEqual([[{ head: 0, written: 82 }], 1]);
    expect(driver.ram.view(rxAt(0) + 12, 70)).toEqual(ethernet(70));
  });

  test('what a guest leaves to hardware goes on undone, if it makes sense', () => {
    const { driver, send, sent } = netRig(), { bytes, offload } = longTcp(4000);
    driver.start(ALL, 3);
    send(bytes, [1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0]);
    expect(sent()).toEqual([{ bytes, offload }]);
    for (const header of [[0, 1], [1, 1, 54, 0, 0, 0, 34, 0, 16, 0], [1, 0, 0, 0, 0, 0, 0xff, 0xff], [1, 3, 0, 0, 1, 0, 34, 0, 6, 0]]) send(bytes, header);
    expect([sent(), driver.used(TX).length]).toEqual([[], 5]);
  });

  test('a long frame fills several buffers at once, and waits until there are enough', () => {
    const { driver, offerRx, receive, net } = netRig(), frame = longTcp(4000);
    driver.start(ALL, 3);
    offerRx(0);
    offerRx(1);
    receive(frame);
    expect(driver.used(RX)).toEqual([]);
    offerRx(2);
    net.poll();
    expect(driver.used(RX)).toEqual([{ head: 0, written: 1536 }, { head: 1, written: 1536 }, { head: 2, written: 4066 - 3072 }]);
    expect([driver.ram.load(rxAt(0), 1), driver.ram.load(rxAt(0) + 1, 1), driver.ram.load(rxAt(0) + 4, 2), driver.ram.load(rxAt(0) + 10, 2)]).toEqual([1, 1, 1460, 3]);
  });

  test('for a guest that can nothing, frames are cut and checksummed', () => {
    const { driver, offerRx, receive } = netRig();
    driver.start(0, 3);
    for (let n = 0; n < 3; n++) offerRx(n);
    receive(longTcp(4000));
    expect(driver.used(RX).map(({ written }) => written)).toEqual([1526, 1526, 12 + 54 + 1080]);
    const packets = [0, 1, 2].map(n => parseIp(driver.ram.view(rxAt(n) + 12, driver.used(RX)[n]!.written - 12)!)!);
    expect(packets.map(({ source, destination, payload }) => sumOf(payload, pseudoSum(source, destination, PROTOCOL.tcp, payload.length)))).toEqual([0xffff, 0xffff, 0xffff]);
    expect(packets.map(({ payload }) => [payload[7], payload[6], payload[13]])).toEqual([[1, 0, 0x10], [0xb5, 5, 0x10], [0x69, 0x0b, 0x18]]);
  });

  test('it passes what the driver asked for', () => {
    const { driver, offerRx, receive, control, filters } = netRig(), other = 0x5254_0000_0001, group = 0x0100_5e00_0001;
    driver.start(ALL, 3);
    for (let n = 0; n < 7; n++) offerRx(n);
    expect(control(0, 0, 0)).toBe(0);
    const count = () => driver.used(RX).length;
    for (const to of [MAC, other, group, 0xffff_ffff_ffff]) receive(plainFrame(ethernet(60, to)));
    expect(count()).toBe(2);
    expect(control(1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1)).toBe(0);
    receive(plainFrame(ethernet(60, group)));
    expect(count()).toBe(3);
    expect([control(1, 1, 0x52, 0x54, 0, 0, 0, 1), filters.at(-1)]).toEqual([0, { mac: other, promiscuous: false }]);
    receive(plainFrame(ethernet(60, other)));
    const inVlan = ethernet(64, other);
    inVlan.set([0x81, 0, 0, 7], 12);
    receive(plainFrame(inVlan));
    expect(count()).toBe(4);
    expect(control(2, 0, 7, 0)).toBe(0);
    receive(plainFrame(inVlan));
    expect(count()).toBe(5);
    expect([control(9, 9), control(0, 99, 1), control(1, 0, 255, 255, 255, 255)]).toEqual([1, 1, 1]);
  });

  test('while the ring is full the guest waits, and nothing is lost', () => {
    const { driver, send, tx, net, sent } = netRig();
    driver.start(ALL, 3);
    let filled = 0;
    while (tx.hasRoom()) { tx.pushFrame(plainFrame(new Uint8Array(60_000))); filled++; }
    send(ethernet(60));
    expect(driver.used(TX)).toEqual([]);
    expect(sent()).toHaveLength(filled);
    net.poll();
    expect([driver.used(TX).length, sent()]).toEqual([1, [plainFrame(ethernet(60))]]);
  });

  test('a cable that is pulled out is told of, and carries nothing', () => {
    const { driver, net, send, sent, receive, offerRx, rx } = netRig();
    driver.start(ALL, 3);
    offerRx(0);
    net.setLink(false);
    expect([driver.interrupts & 2, driver.get(0x104) >>> 16 & 1]).toEqual([2, 0]);
    send(ethernet(60));
    receive(plainFrame(ethernet(60)));
    expect([sent(), driver.used(RX), rx.isEmpty]).toEqual([[], [], true]);
  });

  test('a NIC whose driver does not run lets frames go by', () => {
    const { rx, receive } = netRig();
    receive(plainFrame(ethernet(60)));
    expect(rx.isEmpty).toBe(true);
  });

  test('any bytes in its queues and its ring neither throw nor hang it', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { driver, net, rx, sent } = netRig(), random = new Random(seed);
      driver.start(ALL, 3);
      for (let n = 0; n < 60; n++) {
        const queue = random.below(3), size = random.below(2000);
        driver.ram.write(DATA, Uint8Array.from({ length: 64 }, () => random.below(random.next() < 0.5 ? 4 : 256)));
        driver.offer([{ address: DATA, length: random.below(80) }, { address: DATA + 0x100, length: size, write: random.next() < 0.6 }], 2 * random.below(3), queue);
        driver.notify(queue);
        rx.push(random.below(3000), random.next() < 0.5 ? NO_OFFLOAD : longTcp(1).offload, into => into.fill(random.below(256)));
        net.poll();
        sent();
      }
    }
  });

  deviceContract('virtio-net', netRig, [
    inNet(({ driver }) => driver.start(ALL, 3)), inNet(({ offerRx }) => offerRx(0)), inNet(({ send }) => send(ethernet(60))), inNet(({ receive }) => receive(plainFrame(ethernet(80)))),
    inNet(({ driver }) => driver.acknowledge()), inNet(({ offerRx }) => { offerRx(1); offerRx(2); }), inNet(({ receive }) => receive(longTcp(4000))), inNet(({ net, offerRx }) => { offerRx(3); net.poll(); }),
    inNet(({ control }) => control(0, 0, 0)), inNet(({ control }) => control(2, 0, 7, 0)), inNet(({ receive }) => receive(plainFrame(ethernet(60, 5)))),
    inNet(({ net }) => net.setLink(false)), inNet(({ net }) => net.setLink(true)), inNet(({ send }) => send(longTcp(2000).bytes, [1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0])),
    // A driver that can less.
    inNet(({ driver }) => driver.start(0, 3)), inNet(({ receive }) => receive(longTcp(4000))), inNet(({ net, offerRx }) => { offerRx(0); net.poll(); }), inNet(({ net, offerRx }) => { offerRx(1); offerRx(2); net.poll(); }),
  ]);
});
