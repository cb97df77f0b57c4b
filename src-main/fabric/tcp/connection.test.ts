import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import type { TcpEnd } from './connection-io.ts';
import { TcpConnection } from './connection.ts';
import { ACK, FIN, RST, SYN, type OutgoingSegment, type Segment } from './segment.ts';

const LATENCY_NS = 1e6;
const MSS = 1000;

interface Wire { loss?: number; reorder?: number; duplicate?: number; seed?: number }
interface EndOptions { readonly receiveBytes?: number; readonly initialSeq?: number; /** Takes data only when told. */ readonly lazy?: boolean }

/** One end, and what its owner saw. */
class End {
  readonly seen: string[] = [];
  readonly data: number[] = [];
  readonly sent: OutgoingSegment[] = [];
  unread = 0;
  hasRoom = true;
  readonly connection: TcpConnection;

  constructor(world: World, deliver: (segment: Segment) => void, { receiveBytes, initialSeq = 0xffff_ff00, lazy = false }: EndOptions) {
    this.connection = new TcpConnection({ mss: MSS, initialSeq, ...(receiveBytes !== undefined && { receiveBytes }) }, {
      nowNs: () => world.nowNs,
      send: segment => {
        if (!this.hasRoom) return false;
        this.sent.push(segment);
        for (const piece of cut(segment)) world.send(() => deliver(piece));
        return true;
      },
      established: () => this.seen.push('established'),
      received: bytes => { this.data.push(...bytes); if (lazy) this.unread += bytes.length; else this.connection.consumed(bytes.length); },
      receivedEnd: () => this.seen.push('end'),
      drained: () => {},
      closed: (end: TcpEnd) => this.seen.push(end),
    });
  }
}

/** Cuts as hardware would; the payload is copied when it is sent. */
function cut({ seq, ack, flags, window, payloadBytes, fill, mss, windowScale, segmentBytes }: OutgoingSegment): Segment[] {
  const payload = new Uint8Array(payloadBytes), count = Math.max(1, Math.ceil(payloadBytes / Math.max(1, segmentBytes)));
  fill?.(payload);
  return Array.from({ length: count }, (_, n) => ({
    sourcePort: 1, destinationPort: 2, seq: seq + n * segmentBytes >>> 0, ack, flags: n === count - 1 ? flags : flags & ~FIN, window,
    payload: payload.subarray(n * segmentBytes, (n + 1) * segmentBytes), mss, windowScale,
  }));
}

class World {
  nowNs = 0;
  readonly a: End;
  readonly b: End;
  private readonly wire: Wire;
  private readonly random: Random;
  private readonly travelling: { readonly dueNs: number; readonly arrive: () => void }[] = [];

  constructor({ wire = {}, a = {}, b = {} }: { wire?: Wire; a?: EndOptions; b?: EndOptions } = {}) {
    this.wire = wire;
    this.random = new Random(wire.seed ?? 1);
    this.a = new End(this, segment => this.arriveAtB(segment), a);
    this.b = new End(this, segment => this.a.connection.segment(segment), b);
  }

  private arriveAtB(segment: Segment) {
    if (this.b.connection.state === 'LISTEN') this.b.connection.accept(segment);
    else this.b.connection.segment(segment);
  }

  send(arrive: () => void) {
    const { loss = 0, reorder = 0, duplicate = 0 } = this.wire;
    if (this.random.next() < loss) return;
    const copies = this.random.next() < duplicate ? 2 : 1;
    for (let n = 0; n < copies; n++) this.travelling.push({ dueNs: this.nowNs + LATENCY_NS * (this.random.next() < reorder ? 5 : 1), arrive });
  }

  /** Until nothing happens any more, or for a time. */
  run(ns = Infinity) {
    const endNs = this.nowNs + ns;
    for (;;) {
      this.a.connection.flush();
      this.b.connection.flush();
      const arrivalNs = Math.min(...this.travelling.map(({ dueNs }) => dueNs)), dueNs = Math.min(arrivalNs, this.a.connection.deadlineNs, this.b.connection.deadlineNs);
      if (dueNs > endNs || dueNs === Infinity) { if (endNs !== Infinity) this.nowNs = endNs; return; }
      this.nowNs = Math.max(this.nowNs, dueNs);
      const at = this.travelling.findIndex(one => one.dueNs <= this.nowNs);
      if (at >= 0) this.travelling.splice(at, 1)[0]!.arrive();
      this.a.connection.runDue(this.nowNs);
      this.b.connection.runDue(this.nowNs);
    }
  }

  static connected(options: ConstructorParameters<typeof World>[0] = {}) {
    const world = new World(options);
    world.a.connection.connect();
    world.run(20 * LATENCY_NS);
    return world;
  }
}

const bytes = (length: number, seed = 7) => { const random = new Random(seed); return Uint8Array.from({ length }, () => random.below(256)); };
const raw = (fields: Partial<Segment>): Segment => ({ sourcePort: 1, destinationPort: 2, seq: 0, ack: 0, flags: ACK, window: 1000, payload: new Uint8Array(0), ...fields });

test('two ends connect, pass data both ways across the wrap of sequence numbers, and close in order', () => {
  const world = World.connected(), { a, b } = world;
  const there = bytes(5000), back = bytes(3000, 8);
  a.connection.write(there);
  b.connection.write(back);
  a.connection.end();
  world.run(1e9);
  expect([a.connection.state, b.connection.state]).toEqual(['FIN-WAIT-2', 'CLOSE-WAIT']);
  b.connection.end();
  world.run();
  expect([Uint8Array.from(b.data), Uint8Array.from(a.data)]).toEqual([there, back]);
  expect([a.seen, b.seen]).toEqual([['established', 'end', 'finished'], ['established', 'end', 'finished']]);
});

test('data flows on the other way after a half-close', () => {
  const world = World.connected(), { a, b } = world;
  a.connection.end();
  world.run(1e9);
  const late = bytes(20_000);
  b.connection.write(late);
  b.connection.end();
  world.run();
  expect(Uint8Array.from(a.data)).toEqual(late);
  expect([a.seen.at(-1), b.seen.at(-1)]).toEqual(['finished', 'finished']);
});

test('both ends may close at once', () => {
  const world = World.connected(), { a, b } = world;
  a.connection.end();
  b.connection.end();
  world.run(0.1e9);
  expect([a.connection.state, b.connection.state]).toEqual(['TIME-WAIT', 'TIME-WAIT']);
  world.run();
  expect([a.seen, b.seen]).toEqual([['established', 'end', 'finished'], ['established', 'end', 'finished']]);
});

test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))('on a wire that loses, duplicates and reorders (seed %i), everything arrives once and in order', seed => {
  const world = World.connected({ wire: { loss: 0.03 + 0.02 * (seed % 4), reorder: 0.1, duplicate: 0.05, seed }, a: { receiveBytes: 20_000 }, b: { receiveBytes: 8000 } }), { a, b } = world;
  world.run(30e9);
  const there = bytes(60_000, seed), back = bytes(40_000, seed + 100);
  a.connection.write(there);
  b.connection.write(back);
  a.connection.end();
  b.connection.end();
  world.run(3000e9);
  expect(Uint8Array.from(b.data)).toEqual(there);
  expect(Uint8Array.from(a.data)).toEqual(back);
});

test('a lost segment is sent again after three duplicate acknowledgements, long before a time-out', () => {
  const wire: Wire = {}, world = World.connected({ wire }), { a, b } = world;
  a.connection.write(bytes(1000));
  world.run(0.1e9);
  wire.loss = 1;
  a.connection.write(bytes(1000));
  wire.loss = 0;
  for (let n = 0; n < 5; n++) a.connection.write(bytes(1000));
  world.run(0.05e9);
  expect(b.data).toHaveLength(7000);
});

test('a sender stops at a closed window, probes it for as long as it takes, and goes on when it opens', () => {
  const world = World.connected({ b: { receiveBytes: 4000, lazy: true } }), { a, b } = world, all = bytes(10_000);
  a.connection.write(all);
  world.run(3600e9);
  expect([b.data.length, a.connection.state]).toEqual([4000, 'ESTABLISHED']);
  for (let n = 0; n < 3; n++) {
    b.connection.consumed(b.unread);
    b.unread = 0;
    world.run(0.1e9);
  }
  expect(Uint8Array.from(b.data)).toEqual(all);
});

test('an opened window is told of at once, not at the next probe', () => {
  const world = World.connected({ b: { receiveBytes: 4000, lazy: true } }), { a, b } = world;
  a.connection.write(bytes(5000));
  world.run(10e9);
  b.connection.consumed(4000);
  world.run(3 * LATENCY_NS);
  expect(b.data).toHaveLength(5000);
});

test('what finds no room is sent when there is some, however late', () => {
  const world = World.connected(), { a, b } = world;
  a.hasRoom = false;
  a.connection.write(bytes(3000));
  a.connection.end();
  world.run(1000e9);
  expect([b.data.length, a.connection.state]).toEqual([0, 'ESTABLISHED']);
  a.hasRoom = true;
  a.connection.sendAgain();
  world.run(1e9);
  expect([b.data.length, b.seen.at(-1)]).toEqual([3000, 'end']);
});

test('a reset ends the other end, and its owner hears so', () => {
  const world = World.connected(), { a, b } = world;
  a.connection.abort();
  world.run(1e9);
  expect([a.seen, b.seen]).toEqual([['established', 'reset'], ['established', 'reset']]);
});

test('a reset that only lies in the window, or a SYN, is challenged and does no harm', () => {
  const world = World.connected(), { b } = world, next = b.sent[0]!.ack, before = b.sent.length;
  b.connection.segment(raw({ seq: next + 10, flags: RST }));
  b.connection.flush();
  b.connection.segment(raw({ seq: next, flags: SYN }));
  b.connection.flush();
  expect([b.connection.state, b.sent.slice(before).map(({ flags }) => flags)]).toEqual(['ESTABLISHED', [ACK, ACK]]);
  b.connection.segment(raw({ seq: next, flags: RST }));
  expect(b.connection.state).toBe('CLOSED');
});

test('a peer that never answers is given up', () => {
  const world = new World({ wire: { loss: 1 } });
  world.a.connection.connect();
  world.run();
  expect([world.a.seen, world.a.sent.filter(({ flags }) => flags === SYN).length]).toEqual([['timed out'], 11]);
});

test('a peer that refuses resets', () => {
  const world = new World(), { a } = world;
  a.connection.connect();
  a.connection.segment(raw({ flags: RST | ACK, ack: 0xffff_ff01 }));
  expect(a.seen).toEqual(['reset']);
});

test('any segments at all neither throw nor make it send without end', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed), world = World.connected({ wire: { seed } }), { a, b } = world;
    a.connection.write(bytes(5000));
    for (let n = 0; n < 200; n++) {
      const near = b.sent[0]!.ack + random.below(9000) - 3000 >>> 0;
      b.connection.segment(raw({
        seq: random.next() < 0.7 ? near : random.below(2 ** 32), ack: random.next() < 0.7 ? 0xffff_ff00 + random.below(6000) >>> 0 : random.below(2 ** 32),
        flags: random.below(64), window: random.below(65536), payload: bytes(random.below(2000), n),
      }));
      b.connection.flush();
    }
    expect(b.sent.length).toBeLessThan(1500);
    a.connection.abort();
    b.connection.abort();
  }
});
