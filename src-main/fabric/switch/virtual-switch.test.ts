import { expect, test } from 'vitest';
import { BROADCAST, ETHERTYPE, plainFrame, putMac, type Frame, type Mac } from '../frame.ts';
import { view } from '../packet.ts';
import { Random } from '../random.ts';
import { SwitchLink } from './switch-link.ts';
import { tagged } from './vlan-tag.ts';
import { TRUNK, VirtualSwitch, type PortOptions, type SwitchOptions } from './virtual-switch.ts';

const A = 0x5254_0000_000a, B = 0x5254_0000_000b, C = 0x5254_0000_000c;

function frame(from: Mac, to: Mac, length = 60): Frame {
  const bytes = new Uint8Array(length);
  putMac(to, bytes, 0);
  putMac(from, bytes, 6);
  view(bytes).setUint16(12, ETHERTYPE.ipv4);
  return plainFrame(bytes);
}

/** A switch whose ports note what they get. */
function rig(options: Partial<SwitchOptions> = {}) {
  const time = { nowNs: 0 }, on = new VirtualSwitch({ name: 's', portGroups: [{ name: 'g', vlan: 0 }, { name: 'v7', vlan: 7 }, { name: 'trunk', vlan: TRUNK }], ...options }, () => time.nowNs);
  const got: string[] = [], frames: Frame[] = [];
  const plug = (name: string, port: Partial<PortOptions> = {}) => on.connect({ portGroup: 'g', deliver: one => { got.push(name); frames.push(one); return true; }, ...port });
  return { time, on, plug, frames, take: () => got.splice(0).join(' ') };
}

test('it floods what it does not know, then sends it where the address was heard, until that is long ago', () => {
  const { time, on, plug, take } = rig({ ageingNs: 1000 }), a = plug('a'), b = plug('b');
  plug('c');
  on.receive(a, frame(A, B));
  expect(take()).toBe('b c');
  on.receive(b, frame(B, A));
  expect(take()).toBe('a');
  on.receive(a, frame(A, BROADCAST));
  expect(take()).toBe('b c');
  time.nowNs = 2000;
  on.receive(b, frame(B, A));
  expect(take()).toBe('a c');
});

test('VLANs are apart; a trunk has all of them, with tags', () => {
  const { on, plug, take, frames } = rig(), inner = plug('inner', { portGroup: 'v7' }), trunk = plug('trunk', { portGroup: 'trunk' });
  plug('other');
  on.receive(inner, frame(A, B));
  expect([take(), view(frames[0]!.bytes).getUint32(12), frames[0]!.bytes.length]).toEqual(['trunk', 0x8100_0007, 64]);
  on.receive(trunk, tagged(frame(B, BROADCAST), 7));
  expect([take(), frames[1]!.bytes.length]).toEqual(['inner', 60]);
  on.receive(trunk, frame(B, BROADCAST));
  expect(take()).toBe('other');
  on.receive(inner, tagged(frame(A, B), 7));
  expect([take(), on.counters(inner).in.drops]).toEqual(['', { vlan: 1 }]);
});

test('by default a guest sends from its own address only, loses its port with another, and sees nothing that is not for it', () => {
  const { on, plug, take } = rig(), a = plug('a', { mac: A }), b = plug('b', { mac: B }), c = plug('c', { mac: C });
  on.setFilter(c, { mac: C, promiscuous: true });
  on.receive(b, frame(B, A));
  take();
  on.receive(a, frame(C, B));
  on.receive(a, frame(A, B));
  expect([take(), on.counters(a).in.drops]).toEqual(['b', { forged: 1 }]);
  on.setFilter(a, { mac: C, promiscuous: false });
  on.receive(a, frame(C, B));
  expect([take(), on.counters(a).in.drops]).toEqual(['', { forged: 1, 'mac change': 1 }]);
});

test('a policy may allow all of that', () => {
  const { on, plug, take } = rig({ portGroups: [{ name: 'g', vlan: 0, security: { promiscuous: true, forgedTransmits: true, macChanges: true } }] });
  const a = plug('a', { mac: A }), b = plug('b', { mac: B }), c = plug('c', { mac: C });
  on.setFilter(c, { mac: C, promiscuous: true });
  on.receive(b, frame(B, A));
  take();
  on.receive(a, frame(A, B));
  expect(take()).toBe('b c');
  on.setFilter(a, { mac: 0x5254_0000_00ff, promiscuous: false });
  on.receive(a, frame(0x5254_0000_00ff, B));
  on.receive(a, frame(A, B));
  expect(take()).toBe('b c b c');
});

test('frames that are too long, too short or from a group are dropped and counted', () => {
  const { on, plug, take } = rig(), a = plug('a');
  plug('b');
  on.receive(a, frame(A, B, 1514));
  expect(take()).toBe('b');
  on.receive(a, frame(A, B, 1515));
  on.receive(a, plainFrame(new Uint8Array(13)));
  on.receive(a, frame(BROADCAST, B));
  expect([take(), on.counters(a).in]).toEqual(['', { frames: 1, bytes: 1514, drops: { oversize: 1, malformed: 2 } }]);
});

test('a limit lets a burst through, then its rate', () => {
  const { time, on, plug, take } = rig(), a = plug('a', { limit: { bitsPerSecond: 8000, burstBytes: 200 } });
  plug('b');
  for (let n = 0; n < 5; n++) on.receive(a, frame(A, B, 100));
  expect([take(), on.counters(a).in.drops]).toEqual(['b b', { limit: 3 }]);
  time.nowNs = 0.1e9;
  on.receive(a, frame(A, B, 100));
  on.receive(a, frame(A, B, 100));
  expect(take()).toBe('b');
});

test('a mirror has what its source gets and sends, and nothing else', () => {
  const { on, plug, take } = rig(), a = plug('a'), b = plug('b'), m = plug('m');
  on.mirror([{ sources: [{ port: a, direction: 'in' }], destination: m }]);
  on.receive(a, frame(A, B));
  on.receive(b, frame(B, BROADCAST));
  expect(take()).toBe('m b a');
  on.mirror([{ sources: [{ port: a, direction: 'both' }], destination: m }]);
  on.receive(b, frame(B, A));
  expect(take()).toBe('a m');
});

test('a port whose cable is out, or which has no room, gets nothing, and that is counted', () => {
  const { on, plug, take } = rig(), a = plug('a'), b = plug('b'), full = plug('full', { deliver: () => false });
  on.setConnected(b, false);
  on.receive(a, frame(A, BROADCAST));
  on.receive(b, frame(B, BROADCAST));
  expect([take(), on.counters(b).out.drops, on.counters(b).in.drops, on.counters(full).out.drops]).toEqual(['', { disconnected: 1 }, { disconnected: 1 }, { 'no room': 1 }]);
});

function linked(loss: number, latencyNs: number) {
  const left = rig(), right = rig(), link = new SwitchLink(left.on, right.on, () => left.time.nowNs, { loss, latencyNs, seed: 5 });
  return { left, right, link, a: left.plug('a', { portGroup: 'v7' }), b: right.plug('b', { portGroup: 'v7' }), c: right.plug('c') };
}

test('a link carries VLANs between switches, late by its latency, and loses what its seed says', () => {
  const { left, right, link, a } = linked(0, 500);
  left.on.receive(a, frame(A, BROADCAST));
  expect([right.take(), link.deadlineNs]).toEqual(['', 500]);
  link.runDue(500);
  expect(right.take()).toBe('b');
  const runs = [1, 2].map(() => {
    const lossy = linked(0.3, 0);
    for (let n = 0; n < 100; n++) lossy.left.on.receive(lossy.a, frame(A, BROADCAST));
    return [lossy.right.take().length, lossy.link.lost];
  });
  expect(runs[0]).toEqual(runs[1]);
  expect(runs[0]![1]).toBeGreaterThan(15);
});

test('a link with a bandwidth has its frames one after the other, each way apart; when it is cut they are lost, and none follows', () => {
  const { left, right, link, a, b } = linked(0, 1000);
  // 60 bytes and a tag: 512 bits, 512 ns at 1 Gb/s.
  link.set({ bitsPerSecond: 1e9, latencyNs: 1000 });
  for (let n = 0; n < 3; n++) left.on.receive(a, frame(A, BROADCAST));
  right.on.receive(b, frame(B, BROADCAST));
  const arrived: [number, number, number][] = [];
  for (const nowNs of [1511, 1512, 2024, 2536]) {
    link.runDue(nowNs);
    arrived.push([nowNs, right.take().length, left.take().length]);
  }
  expect(arrived).toEqual([[1511, 0, 0], [1512, 1, 1], [2024, 1, 0], [2536, 1, 0]]);
  left.time.nowNs = 3000;
  left.on.receive(a, frame(A, BROADCAST));
  link.set({ isCut: true });
  left.on.receive(a, frame(A, BROADCAST));
  link.runDue(1e9);
  expect([right.take(), link.dropped, link.deadlineNs]).toEqual(['', 2, Infinity]);
  link.set({});
  left.on.receive(a, frame(A, BROADCAST));
  link.runDue(2e9);
  expect(right.take()).toBe('b');
});

test('moved to a fresh machine with frames under way, it behaves as if it had not moved', () => {
  const play = (moved: boolean) => {
    let net = linked(0.2, 100);
    const out: string[] = [], random = new Random(9);
    for (let n = 0; n < 60; n++) {
      if (moved && n === 30) {
        const state = structuredClone({ left: net.left.on.save(), right: net.right.on.save(), link: net.link.save(), nowNs: net.left.time.nowNs });
        net = linked(0.2, 100);
        net.left.time.nowNs = net.right.time.nowNs = state.nowNs;
        net.left.on.restore(state.left);
        net.right.on.restore(state.right);
        net.link.restore(state.link);
      }
      if (random.next() < 0.5) net.left.on.receive(net.a, frame(A, random.next() < 0.5 ? B : BROADCAST));
      else net.right.on.receive(net.b, frame(B, A));
      net.left.time.nowNs = net.right.time.nowNs = 40 * n;
      net.link.runDue(40 * n);
      out.push(net.left.take(), net.right.take());
    }
    return [out, net.left.on.counters(net.a), net.right.on.counters(net.b), net.link.lost];
  };
  expect(play(true)).toEqual(play(false));
});

test('any frames at all neither throw nor grow its table without end', () => {
  const { on, plug } = rig(), random = new Random(11), ports = [plug('a'), plug('b', { mac: B }), plug('t', { portGroup: 'trunk' })];
  for (let n = 0; n < 20_000; n++) {
    const bytes = Uint8Array.from({ length: random.below(80) }, () => random.below(256));
    if (random.next() < 0.5 && bytes.length > 20) bytes.set([0x81, 0], 12);
    on.receive(ports[random.below(3)]!, {
      bytes, offload: { needsChecksum: random.next() < 0.5, checksumStart: random.below(100), checksumOffset: random.below(100), segmentation: random.next() < 0.5 ? 'tcp4' : 'none', segmentBytes: random.below(2000) },
    });
  }
  expect(on.save().table.length).toBeLessThanOrEqual(4096);
});
