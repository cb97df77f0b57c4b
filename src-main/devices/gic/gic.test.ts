import { describe, expect, test } from 'vitest';
import { GuestRam } from '../../memory/guest-ram.ts';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, read, write, type Step } from '../device-contract.ts';
import { Gic } from './gic.ts';
import type { VirtualCpuInterface } from './list-register.ts';

const RAM = 0x4000_0000;
const CONFIG = RAM + 0x10000, PENDING = RAM + 0x20000, QUEUE = RAM + 0x40000, DEVICES = RAM + 0x50000, COLLECTIONS = RAM + 0x60000;
const CPUS = 2;
const IGROUPR = 0x80, ISENABLER = 0x100, ICENABLER = 0x180, ISPENDR = 0x200, ICPENDR = 0x280, ISACTIVER = 0x300;
const IPRIORITYR = 0x400, ICFGR = 0xc00, IROUTER = 0x6000, SGI_FRAME = 0x10000;

/** The CPU interface that a vCPU is, as small as can be: four list registers, and the most urgent pending one is taken. */
class CpuInterface implements VirtualCpuInterface {
  readonly lrCount = 4;
  readonly lrs = new BigUint64Array(4);
  underflow = false;
  readLr(n: number) { return this.lrs[n]!; }
  writeLr(n: number, value: bigint) { this.lrs[n] = value; }
  setUnderflowInterrupt(on: boolean) { this.underflow = on; }
  acknowledge() {
    const pending = [...this.lrs.keys()].filter((n) => this.lrs[n]! >> 62n === 1n);
    const n = pending.sort((a, b) => Number((this.lrs[a]! >> 48n & 0xffn) - (this.lrs[b]! >> 48n & 0xffn)))[0];
    if (n === undefined) return 1023;
    const intid = Number(this.lrs[n]! & 0xffff_ffffn);
    this.lrs[n] = this.lrs[n]! & ~(3n << 62n) | 2n << 62n;
    return intid;
  }
  end(intid: number) {
    for (const n of this.lrs.keys()) if (Number(this.lrs[n]! & 0xffff_ffffn) === intid) this.lrs[n]! &= ~(1n << 63n);
  }
}

function build(clock = new TestClock()) {
  const buffer = new SharedArrayBuffer(0x80000);
  const ram = new GuestRam({ buffer, byteOffset: 0, sizeBytes: buffer.byteLength, base: RAM });
  const seen = { errors: [] as string[], kicked: new Set<number>() };
  const gic = new Gic({ cpus: CPUS, dma: ram, kick: (cpu) => seen.kicked.add(cpu), guestError: (what) => seen.errors.push(what) });
  const cpus = Array.from({ length: CPUS }, () => new CpuInterface());
  /** Lets each vCPU run for a moment, and says what each took, and does not end. */
  const take = () => cpus.map((cpu, n) => {
    gic.flush(n, cpu);
    const taken = cpu.acknowledge();
    gic.sync(n, cpu);
    return taken;
  });
  const end = (n: number, intid: number) => { gic.flush(n, cpus[n]!); cpus[n]!.end(intid); gic.sync(n, cpus[n]!); };
  const outputs = () => {
    cpus.forEach((cpu, n) => { gic.flush(n, cpu); gic.sync(n, cpu); });
    return { lrs: cpus.map((cpu) => [...cpu.lrs]), pending: cpus.map((_, n) => gic.highestPendingExists(n)) };
  };
  return { gic, cpus, ram, seen, take, end, clock, device: gic, memory: new Uint8Array(buffer), outputs };
}
type GicRig = ReturnType<typeof build>;
const inside = (act: (rig: GicRig) => void): Step => (rig) => act(rig as GicRig);

const dist = (offset: number, value: number) => write('distributor', offset, value);
const redist = (offset: number, value: number, cpu = 0) => write('redistributors', cpu * 0x20000 + offset, value);
const its = (offset: number, value: number) => write('its', offset, value);

/** As Linux does it: everything is group 1, priority 0xa0. */
const startGic: readonly Step[] = [
  dist(0, 0x12), dist(IGROUPR + 4, -1 >>> 0), dist(IPRIORITYR + 32, 0xa0a0a0a0), dist(IPRIORITYR + 36, 0xa0a0a0a0),
  ...[0, 1].flatMap((cpu) => [redist(SGI_FRAME + IGROUPR, -1 >>> 0, cpu), redist(SGI_FRAME + ISENABLER, 0xffff, cpu)]),
];
const started = () => {
  const rig = build();
  for (const step of startGic) void step(rig);
  return rig;
};
const act = (rig: GicRig, ...steps: readonly Step[]) => { for (const step of steps) void step(rig); };
const get = (rig: GicRig, region: 'distributor' | 'redistributors' | 'its', offset: number) => rig.gic.regions[region].read(offset, 4);

describe('wires', () => {
  test('a level-sensitive interrupt comes again as long as its wire is high when it ends, and not while it is active', () => {
    const rig = started();
    const wire = rig.gic.spi(1);
    act(rig, dist(ISENABLER + 4, 2));
    wire.set(true);
    expect([rig.take(), rig.take()]).toEqual([[33, 1023], [1023, 1023]]);
    rig.end(0, 33);
    expect(rig.take()).toEqual([33, 1023]);
    wire.set(false);
    rig.end(0, 33);
    expect([rig.take(), get(rig, 'distributor', ISPENDR + 4)]).toEqual([[1023, 1023], 0]);
  });

  test('an edge that comes while the interrupt is active is not lost', () => {
    const rig = started();
    const wire = rig.gic.spi(16);
    act(rig, dist(ICFGR + 12, 2), dist(ISENABLER + 4, 1 << 16));
    wire.set(true);
    wire.set(false);
    expect(rig.take()).toEqual([48, 1023]);
    wire.set(true);
    expect(rig.take()).toEqual([1023, 1023]);
    rig.end(0, 48);
    expect([rig.take(), rig.take()]).toEqual([[48, 1023], [1023, 1023]]);
  });

  test('an interrupt that is disabled, of a disabled group or routed to no CPU waits', () => {
    const rig = started();
    rig.gic.spi(1).set(true);
    expect(rig.gic.highestPendingExists(0)).toBe(false);
    act(rig, dist(ISENABLER + 4, 2), dist(0, 0));
    expect(rig.gic.highestPendingExists(0)).toBe(false);
    act(rig, dist(0, 2), dist(IROUTER + 8 * 33, 7));
    expect(rig.gic.highestPendingExists(0)).toBe(false);
    act(rig, dist(IROUTER + 8 * 33, 1));
    expect(rig.take()).toEqual([1023, 33]);
  });

  test('a CPU is kicked for what is meant for it, and its priority mask decides whether it wakes', () => {
    const rig = started();
    act(rig, dist(ISENABLER + 4, 2), dist(IROUTER + 8 * 33, 1));
    rig.seen.kicked.clear();
    rig.gic.spi(1).set(true);
    expect([[...rig.seen.kicked], rig.gic.highestPendingExists(1), rig.gic.highestPendingExists(1, 0xa0)]).toEqual([[1], true, false]);
  });

  test('private interrupts are each CPU\'s own', () => {
    const rig = started();
    act(rig, redist(SGI_FRAME + ISENABLER, 1 << 27, 1));
    rig.gic.ppi(0, 27).set(true);
    rig.gic.ppi(1, 27).set(true);
    expect(rig.take()).toEqual([1023, 27]);
    expect([get(rig, 'redistributors', SGI_FRAME + ISPENDR), get(rig, 'redistributors', 0x20000 + SGI_FRAME + ISACTIVER)])
      .toEqual([1 << 27, 1 << 27]);
  });
});

describe('list registers', () => {
  test('the most urgent interrupts get them, and the vCPU leaves the guest in time for the others', () => {
    const rig = started();
    act(rig, dist(ISENABLER + 4, 0x3f), write('distributor', IPRIORITYR + 32 + 5, 0x20, 1));
    for (let n = 0; n < 6; n++) rig.gic.spi(n).set(true);
    expect([rig.take()[0], rig.cpus[0]!.underflow]).toEqual([37, true]);
    const order = [];
    for (let last = 37, n = 0; n < 5; n++) {
      rig.gic.spi(last - 32).set(false);
      rig.end(0, last);
      order.push(last = rig.take()[0]!);
    }
    expect([order, rig.cpus[0]!.underflow]).toEqual([[32, 33, 34, 35, 36], false]);
  });

  test('hold state, group, priority, and end-of-interrupt notice for levels only', () => {
    const rig = started();
    act(rig, dist(ISENABLER + 4, 1));
    rig.gic.spi(0).set(true);
    rig.gic.sgi(1, 0x0300_0001n);
    rig.gic.flush(0, rig.cpus[0]!);
    expect([...rig.cpus[0]!.lrs].map((lr) => lr.toString(16)))
      .toEqual(['5000000000000003', '50a0020000000020', '0', '0']);
  });
});

describe('software-generated interrupts', () => {
  test('go to the listed CPUs, or to all but the sender, and only in their own group', () => {
    const rig = started();
    rig.gic.sgi(0, 1n << 24n | 0b10n);
    expect(rig.take()).toEqual([1023, 1]);
    rig.gic.sgi(1, 2n << 24n | 1n << 40n);
    expect(rig.take()).toEqual([2, 1023]);
    rig.gic.sgi(0, 3n << 24n | 0b11n, 0);
    rig.gic.sgi(0, 3n << 24n | 1n << 16n | 0b11n);
    expect(rig.take()).toEqual([1023, 1023]);
  });
});

/** One ITS command as its four double words. */
const command = (rig: GicRig, ...dwords: readonly bigint[]) => {
  const offset = get(rig, 'its', 0x88);
  rig.ram.write(QUEUE + offset, new Uint8Array(BigUint64Array.from([...dwords, 0n, 0n, 0n, 0n].slice(0, 4)).buffer));
  act(rig, its(0x88, (offset + 32) % 0x1000));
};
const mapd = (device: bigint, bits: bigint) => [0x8n | device << 32n, bits - 1n, 1n << 63n];
const mapc = (collection: bigint, cpu: bigint) => [0x9n, 0n, 1n << 63n | cpu << 16n | collection];
const mapti = (device: bigint, event: bigint, lpi: bigint, collection: bigint) => [0xan | device << 32n, event | lpi << 32n, collection];
const LPI = 8195;

const startIts: readonly Step[] = [
  ...startGic,
  inside(({ ram }) => { ram.store(CONFIG + LPI - 8192, 1, 0xa1); }),
  ...[0, 1].flatMap((cpu) => [redist(0x70, CONFIG + 0xf, cpu), redist(0x78, PENDING + cpu * 0x10000, cpu), redist(0, 1, cpu)]),
  its(0x80, QUEUE), its(0x84, 1 << 31 >>> 0),
  its(0x100, DEVICES), its(0x104, 1 << 31 >>> 0), its(0x108, COLLECTIONS), its(0x10c, 1 << 31 >>> 0), its(0, 1),
  inside((rig) => { command(rig, ...mapd(5n, 4n)); command(rig, ...mapc(0n, 0n)); command(rig, ...mapc(1n, 1n)); }),
  inside((rig) => command(rig, ...mapti(5n, 2n, BigInt(LPI), 0n))),
];
const withIts = () => {
  const rig = build();
  act(rig, ...startIts);
  return rig;
};

describe('ITS', () => {
  test('a message becomes its LPI on its CPU, once', () => {
    const rig = withIts();
    rig.gic.its.signal(5, 2);
    expect([rig.take(), rig.take(), rig.seen.errors]).toEqual([[LPI, 1023], [1023, 1023], []]);
  });

  test('MOVI, MOVALL and MAPC move it with what is pending', () => {
    const rig = withIts();
    rig.gic.its.signal(5, 2);
    command(rig, 0x1n | 5n << 32n, 2n, 1n);
    expect(rig.take()).toEqual([1023, LPI]);
    rig.gic.its.signal(5, 2);
    command(rig, 0xen, 0n, 1n << 16n, 0n);
    expect(rig.take()).toEqual([LPI, 1023]);
    command(rig, ...mapc(1n, 0n));
    rig.gic.its.signal(5, 2);
    expect(rig.take()).toEqual([LPI, 1023]);
  });

  test('a change of the configuration counts from INV or INVALL on', () => {
    const rig = withIts();
    rig.ram.store(CONFIG + LPI - 8192, 1, 0xa0);
    command(rig, 0xcn | 5n << 32n, 2n);
    rig.gic.its.signal(5, 2);
    expect(rig.take()).toEqual([1023, 1023]);
    rig.ram.store(CONFIG + LPI - 8192, 1, 0xa1);
    expect(rig.take()).toEqual([1023, 1023]);
    command(rig, 0xdn, 0n, 0n);
    expect(rig.take()).toEqual([LPI, 1023]);
  });

  test('INT raises, CLEAR and DISCARD take back', () => {
    const rig = withIts();
    const event = (number: bigint) => [number | 5n << 32n, 2n];
    command(rig, ...event(3n));
    expect(rig.gic.highestPendingExists(0)).toBe(true);
    command(rig, ...event(4n));
    expect(rig.gic.highestPendingExists(0)).toBe(false);
    command(rig, ...event(3n));
    command(rig, ...event(0xfn));
    expect(rig.gic.highestPendingExists(0)).toBe(false);
    rig.gic.its.signal(5, 2);
    expect(rig.seen.errors).toHaveLength(1);
  });

  test('pending LPIs go to the table when the CPU disables them, and come back from it', () => {
    const rig = withIts();
    rig.gic.its.signal(5, 2);
    act(rig, redist(0, 0));
    expect([rig.ram.load(PENDING + LPI / 8, 1), rig.gic.highestPendingExists(0)]).toEqual([1 << LPI % 8, false]);
    act(rig, redist(0, 1));
    expect(rig.take()).toEqual([LPI, 1023]);
  });

  test('every bad command is skipped and counted', () => {
    const rig = withIts();
    const bad = [
      [0x77n], mapd(0x2000n, 4n), mapd(5n, 17n), mapc(0x2000n, 0n), mapc(0n, 9n), mapti(6n, 0n, 8192n, 0n), mapti(5n, 16n, 8192n, 0n),
      mapti(5n, 0n, 100n, 0n), mapti(5n, 0n, 0x10000n, 0n), [0x3n | 9n << 32n, 0n], [0x1n | 5n << 32n, 2n, 7n], [0xen, 0n, 9n << 16n, 0n],
    ];
    for (const words of bad) command(rig, ...words);
    expect(rig.seen.errors).toHaveLength(bad.length);
    rig.gic.its.signal(5, 2);
    expect(rig.take()).toEqual([LPI, 1023]);
  });

  test('a queue outside memory runs to its end and does nothing', () => {
    const rig = withIts();
    act(rig, its(0, 0), its(0x80, 0x1000), its(0x84, 1 << 31 >>> 0), its(0, 1), its(0x88, 0x40));
    expect([get(rig, 'its', 0x90), rig.seen.errors.length > 0]).toEqual([0x40, true]);
  });
});

test('drivers find a GICv3 with LPIs, 256 SPIs and one security state', () => {
  const rig = build();
  expect({
    ctlr: get(rig, 'distributor', 0), lines: get(rig, 'distributor', 4) & 0x1f, idBits: get(rig, 'distributor', 4) >> 19 & 0x1f,
    lpis: get(rig, 'distributor', 4) >> 17 & 1, revisions: (['distributor', 'redistributors', 'its'] as const).map((name) => get(rig, name, 0xffe8)),
    typers: [0, 1].map((cpu) => [get(rig, 'redistributors', cpu * 0x20000 + 8), get(rig, 'redistributors', cpu * 0x20000 + 12)]),
    devices: get(rig, 'its', 0x104) >> 24 & 7, collections: get(rig, 'its', 0x10c) >> 24 & 7,
  }).toEqual({ ctlr: 0x50, lines: 8, idBits: 15, lpis: 1, revisions: [0x3b, 0x3b, 0x3b], typers: [[1, 0], [0x111, 1]], devices: 1, collections: 4 });
});

deviceContract('gic', build, [
  ...startIts,
  dist(ISENABLER + 4, 0xff), inside(({ gic }) => gic.spi(3).set(true)), inside(({ take }) => { take(); }), inside(({ gic }) => gic.spi(3).set(false)),
  dist(IROUTER + 8 * 34, 1), inside(({ gic }) => { gic.spi(2).set(true); gic.sgi(1, 1n << 40n); }), inside(({ end }) => end(0, 35)),
  inside(({ gic }) => gic.its.signal(5, 2)), read('distributor', ISPENDR + 4), redist(0, 0), redist(0, 1), inside(({ take }) => { take(); }),
  dist(ICENABLER + 4, 4), dist(ICPENDR + 4, 4), inside(({ take }) => { take(); }),
]);
