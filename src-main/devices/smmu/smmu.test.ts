import { describe, expect, test } from 'vitest';
import { GuestRam } from '../../memory/guest-ram.ts';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, read, write, type Step } from '../device-contract.ts';
import { EVENT } from './events.ts';
import { Smmu } from './smmu.ts';

const RAM = 0x4000_0000, RAM_BYTES = 0x40000;
const STREAMS = RAM, COMMANDS = RAM + 0x4000, EVENTS = RAM + 0x5000, CONTEXT = RAM + 0x6000, TABLES = RAM + 0x8000, STAGE_2 = RAM + 0xc000, DATA = RAM + 0x10000, SYNC = RAM + 0x7000;
const CR0 = 0x20, IRQ_CTRL = 0x50, GERROR = 0x60, GERRORN = 0x64, STRTAB = 0x80, STRTAB_CFG = 0x88, CMDQ = 0x90, PROD = 0x98, CONS = 0x9c, EVENTQ = 0xa0, EVENTQ_PROD = 0x1_00a8, EVENTQ_CONS = 0x1_00ac;
const ON = 0xd;
/** Attributes of a page: accessed, for anybody, valid. */
const PAGE = 0x443, READ_ONLY = 0x80, PAGE_2 = 0x4c3;
const STREAM = 8;

function rig(clock = new TestClock()) {
  const buffer = new SharedArrayBuffer(RAM_BYTES), ram = new GuestRam({ buffer, byteOffset: 0, sizeBytes: RAM_BYTES, base: RAM });
  const pulses = { events: 0, sync: 0, errors: 0 };
  const line = (of: keyof typeof pulses) => ({ set: (level: boolean) => { if (level) pulses[of]++; } });
  const device = new Smmu({ tables: ram, memoryFor: () => ram, lines: { events: line('events'), sync: line('sync'), errors: line('errors') }, guestError: () => {} });
  const put = (at: number, value: number) => device.regions.registers.write(at, 4, value);
  const get = (at: number) => device.regions.registers.read(at, 4);
  const wide = (at: number, low: number, high = 0) => { ram.store(at, 4, low >>> 0); ram.store(at + 4, 4, high >>> 0); };
  const dma = device.dmaFor(STREAM);
  /** Stage 1 with 39-bit addresses, in which page n of the first 2 MiB is as `entry` says. */
  const mapPage = (n: number, output: number, attributes = PAGE) => wide(TABLES + 0x2000 + 8 * n, output | attributes);
  const streamEntry = (low: number, stream = STREAM) => wide(STREAMS + 64 * stream, low);
  const describeContext = () => {
    streamEntry(CONTEXT | 0x5 << 1 | 1);
    wide(CONTEXT, (25 | 1 << 31) >>> 0, 7 << 16 | 1 << 13 | 1 << 9 | 5);
    wide(CONTEXT + 8, TABLES);
    wide(TABLES, TABLES + 0x1000 | 3);
    wide(TABLES + 0x1000, TABLES + 0x2000 | 3);
  };
  const start = () => {
    put(STRTAB, STREAMS);
    put(STRTAB_CFG, 4);
    put(CMDQ, COMMANDS | 4);
    put(EVENTQ, EVENTS | 2);
    put(IRQ_CTRL, 5);
    put(CR0, ON);
  };
  const command = (...words: number[]) => {
    const at = COMMANDS + 16 * (get(PROD) % 16);
    for (let n = 0; n < 4; n++) ram.store(at + 4 * n, 4, words[n] ?? 0);
    put(PROD, get(PROD) + 1 & 31);
  };
  const events = () => Array.from({ length: get(EVENTQ_PROD) & 7 }, (_, n) => EVENTS + 32 * (n % 4)).map((at) => ram.load(at, 1));
  const outputs = () => {
    const now = { read: dma.load(0x1000, 4), events: events(), pulses: { ...pulses } };
    Object.assign(pulses, { events: 0, sync: 0, errors: 0 });
    return now;
  };
  return { device, ram, memory: new Uint8Array(buffer), clock, pulses, put, get, wide, dma, mapPage, streamEntry, describeContext, start, command, events, outputs };
}

test('off, it lets everything through, unless it is told to abort', () => {
  const { dma, put } = rig();
  expect(dma.store(DATA, 4, 5)).toBe(true);
  put(0x44, 0x8010_0000);
  expect([dma.load(DATA, 4), dma.reaches(DATA, 1, 'read')]).toEqual([undefined, false]);
});

describe('a stream table entry', () => {
  test('bypasses, aborts in silence, or is bad', () => {
    const { streamEntry, dma, start, events, command } = rig();
    start();
    streamEntry(4 << 1 | 1);
    expect(dma.load(DATA, 4)).toBe(0);
    streamEntry(1);
    command(3, STREAM);
    expect([dma.load(DATA, 4), events()]).toEqual([undefined, []]);
    streamEntry(0);
    command(3, STREAM);
    expect([dma.load(DATA, 4), events()]).toEqual([undefined, [EVENT.C_BAD_STE]]);
  });

  test('of a stream beyond the table is an event', () => {
    const { device, start, events, pulses, ram } = rig();
    start();
    expect(device.dmaFor(16).load(DATA, 4)).toBeUndefined();
    expect([events(), pulses.events, ram.load(EVENTS + 4, 4)]).toEqual([[EVENT.C_BAD_STREAMID], 1, 16]);
  });

  test('is found through two levels', () => {
    const { start, put, wide, dma, ram, device, events } = rig();
    put(CR0, 0);
    start();
    put(STRTAB_CFG, 10 | 6 << 6 | 1 << 16);
    wide(STREAMS, RAM + 0x2000 | 5);
    ram.store(RAM + 0x2000 + 64 * STREAM, 4, 4 << 1 | 1);
    expect(dma.load(DATA, 4)).toBe(0);
    expect([device.dmaFor(16).load(DATA, 4), device.dmaFor(64).load(DATA, 4), events()]).toEqual([undefined, undefined, [2, 2]]);
  });
});

describe('stage 1', () => {
  const mapped = () => {
    const all = rig();
    all.describeContext();
    all.start();
    return all;
  };

  test('puts pages where the table says, across their borders', () => {
    const { mapPage, dma, ram } = mapped();
    mapPage(1, DATA);
    mapPage(2, DATA + 0x3000);
    expect(dma.write(0x1ffc, Uint8Array.of(1, 2, 3, 4, 5, 6))).toBe(true);
    expect([ram.load(DATA + 0xffc, 4), ram.load(DATA + 0x3000, 2), dma.load(0x1ffe, 4)]).toEqual([0x0403_0201, 0x0605, 0x0605_0403]);
  });

  test('takes blocks', () => {
    const { wide, dma, ram } = mapped();
    wide(TABLES + 0x1000 + 8, RAM | 0x441);
    ram.store(DATA, 4, 77);
    expect(dma.load(0x20_0000 + DATA - RAM, 4)).toBe(77);
  });

  test('faults are events that say what was tried, and nothing moves', () => {
    const { mapPage, dma, ram, events, pulses, wide } = mapped();
    mapPage(1, DATA, PAGE | READ_ONLY);
    mapPage(2, DATA, PAGE & ~0x400);
    expect([dma.write(0x1000, Uint8Array.of(1)), dma.load(0x2000, 4), dma.load(0x3004, 4)]).toEqual([false, undefined, undefined]);
    expect([events(), pulses.events]).toEqual([[EVENT.F_PERMISSION, EVENT.F_ACCESS, EVENT.F_TRANSLATION], 1]);
    expect([ram.load(EVENTS + 64 + 4, 4), ram.load(EVENTS + 64 + 12, 4), ram.load(EVENTS + 64 + 16, 4)]).toEqual([STREAM, 0x208, 0x3004]);
    wide(TABLES, 0x1000 | 3);
    expect([dma.load(0x4000, 4), events()[3]]).toEqual([undefined, EVENT.F_WALK_EABT]);
  });

  test('a full event queue overflows, once, until that is acknowledged', () => {
    const { dma, get, put } = mapped();
    for (let n = 0; n < 6; n++) dma.load(0x3000, 4);
    expect(get(EVENTQ_PROD)).toBe(0x8000_0004);
    put(EVENTQ_CONS, 0x8000_0004);
    dma.load(0x3000, 4);
    expect(get(EVENTQ_PROD)).toBe(0x8000_0005);
  });

  test('translations stay until they are invalidated, and no others go', () => {
    const { mapPage, dma, ram, command } = mapped();
    ram.store(DATA, 4, 1);
    ram.store(DATA + 0x1000, 4, 2);
    for (const page of [1, 2]) mapPage(page, DATA);
    const both = () => [dma.load(0x1000, 4), dma.load(0x2000, 4)];
    expect(both()).toEqual([1, 1]);
    for (const page of [1, 2]) mapPage(page, DATA + 0x1000);
    command(0x12, 8 << 16, 0x1001);
    expect(both()).toEqual([1, 1]);
    command(0x12, 7 << 16, 0x1001);
    expect(both()).toEqual([2, 1]);
    for (const page of [1, 2]) mapPage(page, DATA);
    command(0x12, 7 << 16, 0x1401 | 1 << 10);
    expect(both()).toEqual([1, 1]);
  });

  test('a descriptor with a big-endian table, or none valid, is bad', () => {
    const { wide, dma, events } = mapped();
    wide(CONTEXT, 25, 5);
    expect([dma.load(0x1000, 4), events()]).toEqual([undefined, [EVENT.C_BAD_CD]]);
  });
});

test('stage 2 translates what stage 1 gives, its tables and its descriptor', () => {
  const { describeContext, start, mapPage, wide, ram, dma, events, streamEntry } = rig();
  describeContext();
  streamEntry(CONTEXT | 0x7 << 1 | 1);
  // 31-bit addresses from level 1, 4 KiB granules; the second GiB is there page for page.
  wide(STREAMS + 64 * STREAM + 16, 1, 33 | 1 << 6 | 5 << 16 | 1 << 19 | 1 << 26);
  wide(STREAMS + 64 * STREAM + 24, STAGE_2);
  wide(STAGE_2 + 8, STAGE_2 + 0x1000 | 3);
  wide(STAGE_2 + 0x1000, STAGE_2 + 0x2000 | 3);
  for (let page = 0; page < RAM_BYTES / 0x1000; page++) wide(STAGE_2 + 0x2000 + 8 * page, RAM + 0x1000 * page | PAGE_2);
  wide(STAGE_2 + 0x2000 + 8 * 0x20, DATA | PAGE_2);
  start();
  mapPage(1, RAM + 0x20000);
  ram.store(DATA, 4, 99);
  expect([dma.load(0x1000, 4), events()]).toEqual([99, []]);
  mapPage(2, 0x1000);
  expect([dma.load(0x2000, 4), events(), ram.load(EVENTS + 12, 4)! >>> 7 & 1]).toEqual([undefined, [EVENT.F_TRANSLATION], 1]);
});

describe('commands', () => {
  test('CMD_SYNC sends its message, or pulses its wire, or does neither', () => {
    const { start, command, ram, pulses, get } = rig();
    start();
    command(0x46 | 1 << 12, 0x1234, SYNC);
    command(0x46 | 1 << 12);
    command(0x46 | 2 << 12);
    command(0x46);
    expect([ram.load(SYNC, 4), pulses.sync, get(CONS)]).toEqual([0x1234, 1, 4]);
  });

  test('stop at one that does not exist, until the error is acknowledged', () => {
    const { start, command, get, put, pulses } = rig();
    start();
    command(0x46);
    command(0xff);
    command(0x46);
    expect([get(CONS), get(GERROR), pulses.errors]).toEqual([0x0100_0001, 1, 1]);
    put(CONS, 2);
    put(GERRORN, 1);
    expect(get(CONS)).toBe(3);
  });
});

type SmmuRig = ReturnType<typeof rig>;
const inRig = (act: (on: SmmuRig) => unknown): Step => (each) => { act(each as SmmuRig); };
deviceContract('SMMU', rig, [
  inRig(({ describeContext }) => describeContext()), inRig(({ mapPage }) => mapPage(1, DATA)), inRig(({ start }) => start()), read('registers', CR0),
  inRig(({ dma }) => dma.store(0x1000, 4, 6)), inRig(({ dma }) => dma.load(0x5000, 4)), inRig(({ command }) => command(0x46 | 1 << 12, 3, SYNC)),
  inRig(({ command }) => command(0xff)), write('registers', GERRORN, 1), write('registers', EVENTQ_CONS, 1),
]);
