import { describe, expect, test } from 'vitest';
import { deviceContract, type Step } from '../device-contract.ts';
import { memoryDisk } from '../memory-disk.ts';
import { DISK, ScsiUnit } from '../scsi/scsi-unit.ts';
import { CD_BYTES, CONTROL, DISK_BYTES, EVENT, HOT_PLUG, IN, OUT, QUEUES, REQUESTS, ScsiRig } from './scsi-test-driver.ts';
import { DATA } from './test-driver.ts';

const started = async () => {
  const rig = new ScsiRig();
  await rig.start();
  return rig;
};
const pattern = (length: number, seed = 1) => Uint8Array.from({ length }, (_, n) => n * 7 + (n >> 8) + seed & 0xff);
const text = (bytes: readonly number[]) => String.fromCharCode(...bytes);
const be = (value: number, bytes: number) => Array.from({ length: bytes }, (_, n) => Math.floor(value / 2 ** (8 * (bytes - 1 - n))) & 0xff);
/** READ and WRITE of the long forms, whatever is at their first byte. */
const ten = (op: number, lba: number, count: number, flags = 0) => [op, flags, ...be(lba, 4), 0, ...be(count, 2), 0];
const twelve = (op: number, lba: number, count: number) => [op, 0, ...be(lba, 4), ...be(count, 4), 0, 0];
const sixteen = (op: number, lba: number, count: number, flags = 0) => [op, flags, ...be(lba, 8), ...be(count, 4), 0, 0];
const inquiry = (page?: number, length = 255) => [0x12, page === undefined ? 0 : 1, page ?? 0, ...be(length, 2), 0];
const capacity16 = [0x9e, 0x10, ...be(0, 8), ...be(32, 4), 0, 0];
const TEST_READY = [0], START = [0x1b, 0, 0, 0, 1, 0], STOP = [0x1b, 0, 0, 0, 0, 0], EJECT = [0x1b, 0, 0, 0, 2, 0], LOAD = [0x1b, 0, 0, 0, 3, 0];
const events = [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0];
const CD = { target: 1 } as const, EMPTY = { target: 2 } as const;

describe('every unit', () => {
  test('says what it is, once it has told of its reset', async () => {
    const rig = new ScsiRig();
    rig.driver.start(HOT_PLUG, QUEUES);
    const disk = await rig.data(inquiry(), 36), drive = await rig.data(inquiry(), 36, CD);
    expect([disk[0], disk[1], disk[2], text(disk.slice(8, 36))]).toEqual([0, 0, 6, 'QUARTERDQuarterdeck disk1.0 ']);
    expect([drive[0], drive[1], text(drive.slice(8, 32))]).toEqual([5, 0x80, 'QUARTERDQuarterdeck CD  ']);
    expect([await rig.sense(TEST_READY), await rig.sense(TEST_READY)]).toEqual([[6, 0x29, 0], []]);
  });

  test('has vital product data: supported pages, serial number and designators', async () => {
    const rig = await started();
    expect((await rig.data(inquiry(0), 64)).slice(4)).toEqual([0, 0x80, 0x83, 0xb0, 0xb1, 0xb2]);
    expect((await rig.data(inquiry(0), 64, CD)).slice(4)).toEqual([0, 0x80, 0x83]);
    expect(text((await rig.data(inquiry(0x80), 64)).slice(4))).toBe('disk-0');
    const names = await rig.data(inquiry(0x83), 64);
    expect([text(names.slice(8, 22)), names[22], names[23], names[25], names[26]! >> 4]).toEqual(['QUARTERDdisk-0', 1, 3, 8, 3]);
    expect([await rig.sense(inquiry(0xb5), { in: 64 }), await rig.sense([0x12, 0, 0x80, 0, 64, 0], { in: 64 })]).toEqual([[5, 0x24, 0], [5, 0x24, 0]]);
  });

  test('is number 0 of its target; others, and other targets, are not there', async () => {
    const rig = await started();
    expect(await rig.data([0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0], 64)).toEqual([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect((await rig.data(inquiry(), 36, { unit: 1 }))[0]).toBe(0x7f);
    expect(await rig.sense(TEST_READY, { unit: 1 })).toEqual([5, 0x25, 0]);
    expect((await rig.ask(TEST_READY, { target: 3 })).response).toBe(3);
  });

  test('refuses what it does not know', async () => {
    const rig = await started();
    expect([await rig.sense([0xff]), await rig.sense(ten(0x2a, 0, 1), CD), await rig.sense([0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0])]).toEqual([[5, 0x20, 0], [5, 0x20, 0], [5, 0x20, 0]]);
  });

  test('gives no more than there is room for, and says how much was left', async () => {
    const rig = await started();
    expect((await rig.data(inquiry(undefined, 8), 36)).length).toBe(8);
    expect((await rig.ask(inquiry(), { in: 5 })).residual).toBe(0);
    const { response, residual } = await rig.ask(ten(0x28, 0, 2), { in: 512 });
    expect([response, residual]).toEqual([1, 512]);
    expect((await rig.ask(ten(0x2a, 0, 2), { out: new Uint8Array(512) })).response).toBe(1);
    expect((await rig.ask(ten(0x28, 0, 1), { in: 2048 })).residual).toBe(1536);
  });

  test('puts as much sense data as the driver wants', async () => {
    const rig = await started();
    rig.driver.put(0x100 + 20, 4);
    rig.submit([0xff]);
    expect([rig.ram.load(DATA + 0x80, 4), rig.ram.load(DATA + 0x80 + 14, 1), rig.ram.load(DATA + 0x80 + 16, 1)]).toEqual([4, 5, 0xee]);
  });
});

describe('a disk', () => {
  test('is written and read by commands of every length', async () => {
    const rig = await started(), forms = [[[0x0a, 0, 0, 3, 2, 0], [0x08, 0, 0, 3, 2, 0]], [ten(0x2a, 5, 2), ten(0x28, 5, 2)], [twelve(0xaa, 7, 2), twelve(0xa8, 7, 2)], [sixteen(0x8a, 9, 2), sixteen(0x88, 9, 2)]] as const;
    for (const [n, [write, read]] of forms.entries()) {
      expect((await rig.ask(write, { out: pattern(1024, n) })).status).toBe(0);
      expect(rig.disk.subarray((3 + 2 * n) * 512, (5 + 2 * n) * 512)).toEqual(pattern(1024, n));
      expect(await rig.data(read, 1024)).toEqual([...pattern(1024, n)]);
    }
    expect(rig.medium.flushes).toBe(0);
  });

  test('has a size, limits of what it does at once, a write cache and thin provisioning', async () => {
    const rig = await started();
    expect(await rig.data([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8)).toEqual([...be(DISK_BYTES / 512 - 1, 4), ...be(512, 4)]);
    const wide = await rig.data(capacity16, 32);
    expect([wide.slice(0, 12), wide[14]]).toEqual([[...be(DISK_BYTES / 512 - 1, 8), ...be(512, 4)], 0x80]);
    const limits = await rig.data(inquiry(0xb0), 64), kind = await rig.data(inquiry(0xb1), 64), thin = await rig.data(inquiry(0xb2), 64);
    expect([limits.slice(8, 12), limits.slice(20, 28), kind.slice(4, 6), thin.slice(5, 7)]).toEqual([be(1024, 4), [...be(0x3f_ffff, 4), ...be(32, 4)], [0, 1], [0xe0, 2]]);
    const six = await rig.data([0x1a, 0, 8, 0, 255, 0], 64), ten10 = await rig.data([0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 255, 0], 128);
    expect([six.slice(0, 7), ten10[1]! + 2, ten10[3]]).toEqual([[23, 0, 0x10, 0, 8, 0x12, 4], ten10.length, 0x10]);
    expect((await rig.data([0x1a, 0, 0x48, 0, 255, 0], 64))[6]).toBe(0);
    expect([await rig.sense([0x1a, 0, 0xc8, 0, 255, 0], { in: 64 }), await rig.sense([0x1a, 0, 0x2a, 0, 255, 0], { in: 64 })]).toEqual([[5, 0x39, 0], [5, 0x24, 0]]);
  });

  test('flushes when it is told to, when a write is forced, and when it is stopped; stopped it does nothing until it is started', async () => {
    const rig = await started();
    await rig.ask(ten(0x35, 0, 0));
    await rig.ask(sixteen(0x91, 0, 0));
    await rig.ask(ten(0x2a, 0, 1, 8), { out: pattern(512) });
    await rig.ask(STOP);
    expect([rig.medium.flushes, await rig.sense(ten(0x28, 0, 1), { in: 512 }), await rig.sense(TEST_READY)]).toEqual([4, [2, 4, 2], [2, 4, 2]]);
    expect((await rig.ask(START)).status + (await rig.ask(TEST_READY)).status).toBe(0);
  });

  test('frees blocks and fills them: UNMAP and WRITE SAME', async () => {
    const rig = await started(), same = async (cdb: readonly number[], out?: Uint8Array) => (await rig.ask(cdb, out && { out })).sense;
    const unmap = (...ranges: [number, number][]) => {
      const body = ranges.flatMap(([lba, count]) => [...be(lba, 8), ...be(count, 4), 0, 0, 0, 0]), list = [...be(body.length + 6, 2), ...be(body.length, 2), 0, 0, 0, 0, ...body];
      return rig.sense([0x42, 0, 0, 0, 0, 0, 0, ...be(list.length, 2), 0], { out: Uint8Array.from(list) });
    };
    rig.disk.fill(1);
    expect([await unmap([0, 1], [4, 2]), rig.disk[0], rig.disk[512], rig.disk[2048], rig.disk[3071], rig.disk[3072]]).toEqual([[], 0, 1, 0, 0, 1]);
    expect([await unmap([1, 1], [127, 2]), rig.disk[512]]).toEqual([[5, 0x21, 0], 1]);
    expect([await rig.sense([0x42, 0, 0, 0, 0, 0, 0, 0, 12, 0], { out: Uint8Array.of(0, 10, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0) }), await rig.sense([0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0])]).toEqual([[5, 0x26, 0], []]);
    expect([await same(ten(0x41, 8, 3), pattern(512)), [...rig.disk.subarray(8 * 512, 11 * 512)]]).toEqual([[], [...pattern(512), ...pattern(512), ...pattern(512)]]);
    expect([await same(sixteen(0x93, 8, 1, 8), new Uint8Array(512)), await same(sixteen(0x93, 9, 1, 9)), rig.disk[4096], rig.disk[4608], rig.disk[5121]]).toEqual([[], [], 0, 0, 8]);
    expect([await same(ten(0x41, 8, 1, 8), pattern(512)), await same(ten(0x41, 8, 0), pattern(512)), await same(ten(0x41, 127, 2), pattern(512))]).toEqual([[5, 0x24, 0], [5, 0x24, 0], [5, 0x21, 0]]);
  });

  test('refuses what is beyond its end or too much at once, and tells of a medium that fails', async () => {
    const rig = await started(), beyond = [5, 0x21, 0];
    expect([await rig.sense(ten(0x28, 128, 1), { in: 512 }), await rig.sense(sixteen(0x8a, 2 ** 33, 1), { out: pattern(512) }), await rig.sense(ten(0x2f, 127, 2))]).toEqual([beyond, beyond, beyond]);
    expect([await rig.sense(twelve(0xa8, 0, 128), { in: 512 }), await rig.sense(ten(0x2f, 0, 2)), await rig.sense(ten(0x28, 0, 0))]).toEqual([[], [], []]);
    rig.medium.broken = true;
    expect([await rig.sense(ten(0x28, 0, 1), { in: 512 }), await rig.sense(ten(0x2a, 0, 1), { out: pattern(512) }), await rig.sense(ten(0x35, 0, 0))]).toEqual([[3, 0x11, 0], [3, 0x0c, 0], [3, 0x0c, 0]]);
  });

  test('that is read-only says so, and keeps what it has', async () => {
    const rig = await started(), unit = new ScsiUnit({ type: DISK, medium: memoryDisk(rig.disk, true), serial: 'disk-3' }), asked = { target: 3 } as const;
    rig.scsi.plug(3, unit);
    await rig.ask(TEST_READY, asked);
    expect((await rig.data([0x1a, 0, 8, 0, 255, 0], 64, asked))[2]).toBe(0x90);
    const refused = [7, 0x27, 0];
    expect([await rig.sense(ten(0x2a, 0, 1), { ...asked, out: pattern(512) }), await rig.sense(ten(0x41, 0, 1), { ...asked, out: pattern(512) }), (await rig.data(inquiry(0xb2), 64, asked)).slice(5, 7), rig.disk[0]]).toEqual([refused, refused, [0, 0], 0]);
  });
});

describe('a CD drive', () => {
  test('reads blocks of 2048 bytes and says what is on the disc', async () => {
    const rig = await started(), blocks = CD_BYTES / 2048;
    rig.disc.set(pattern(4096), 2048);
    expect(await rig.data(ten(0x28, 1, 2), 4096, CD)).toEqual([...pattern(4096)]);
    expect(await rig.sense(ten(0x28, blocks, 1), { ...CD, in: 2048 })).toEqual([5, 0x21, 0]);
    expect(await rig.data([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8, CD)).toEqual([...be(blocks - 1, 4), ...be(2048, 4)]);
    expect(await rig.data([0x43, 0, 0, 0, 0, 0, 0, 0, 64, 0], 64, CD)).toEqual([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, ...be(blocks, 4)]);
    expect((await rig.data([0x43, 2, 0, 0, 0, 0, 0xaa, 0, 64, 0], 64, CD)).slice(8)).toEqual([0, 0, 2, blocks]);
    expect((await rig.data([0x43, 0, 1, 0, 0, 0, 0, 0, 12, 0], 64, CD)).slice(0, 4)).toEqual([0, 10, 1, 1]);
    expect([(await rig.data([0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0], 34, CD)).length, await rig.sense([0x43, 0, 4, 0, 0, 0, 0, 0, 64, 0], { ...CD, in: 64 })]).toEqual([34, [5, 0x24, 0]]);
  });

  test('has a profile for its disc, and none without', async () => {
    const rig = await started(), configuration = [0x46, 0, 0, 0, 0, 0, 0, 0, 255, 0], profile = async (asked: { target: number }) => (await rig.data(configuration, 255, asked)).slice(6, 8);
    expect([await profile(CD), await profile(EMPTY)]).toEqual([[0, 8], [0, 0]]);
    rig.units[1].change({ ...memoryDisk(new Uint8Array(0), true), sizeBytes: 2 ** 32 });
    await rig.ask(TEST_READY, CD);
    expect(await profile(CD)).toEqual([0, 0x10]);
    expect(await rig.data([0x46, 2, 0, 0x1e, 0, 0, 0, 0, 255, 0], 255, CD)).toEqual([0, 0, 0, 12, 0, 0, 0, 0x10, 0, 0x1e, 0, 4, 0, 0, 0, 0]);
    expect((await rig.data([0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0], 8, CD))[1]).toBe(0);
  });

  test('that is empty answers what needs no disc', async () => {
    const rig = await started();
    expect([await rig.sense(TEST_READY, EMPTY), await rig.sense(ten(0x28, 0, 1), { ...EMPTY, in: 2048 }), (await rig.data(events, 8, EMPTY)).slice(4)]).toEqual([[2, 0x3a, 1], [2, 0x3a, 1], [0, 0, 0, 0]]);
    expect((await rig.data([0x1a, 0, 0x2a, 0, 255, 0], 64, EMPTY))[4]).toBe(0x2a);
  });

  test('opens and closes its tray, unless it is locked', async () => {
    const rig = await started(), lock = (isLocked: boolean) => [0x1e, 0, 0, 0, isLocked ? 1 : 0, 0];
    await rig.ask(lock(true), CD);
    expect([await rig.sense(EJECT, CD), await rig.sense(TEST_READY, CD)]).toEqual([[5, 0x53, 2], []]);
    await rig.ask(lock(false), CD);
    expect([await rig.sense(EJECT, CD), await rig.sense(TEST_READY, CD), (await rig.data(events, 8, CD)).slice(4, 6), (await rig.data([0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0], 8, CD))[1]]).toEqual([[], [2, 0x3a, 2], [3, 1], 0x10]);
    expect([await rig.sense(LOAD, CD), await rig.sense(TEST_READY, CD), await rig.sense(TEST_READY, CD), (await rig.data(events, 8, CD)).slice(4, 6)]).toEqual([[], [6, 0x28, 0], [], [2, 2]]);
  });

  test('tells once of a medium that was changed from outside, by an attention and by an event', async () => {
    const rig = await started();
    rig.units[1].change(memoryDisk(new Uint8Array(0x1000).fill(9), true));
    expect([(await rig.data(events, 8, CD)).slice(4, 6), (await rig.data(events, 8, CD)).slice(4, 6)]).toEqual([[2, 2], [0, 2]]);
    expect([await rig.sense(ten(0x28, 0, 1), { ...CD, in: 2048 }), (await rig.data(ten(0x28, 0, 1), 2048, CD))[0]]).toEqual([[6, 0x28, 0], 9]);
    rig.units[1].change(undefined);
    expect([(await rig.data(events, 8, CD)).slice(4, 6), await rig.sense(TEST_READY, CD)]).toEqual([[3, 0], [2, 0x3a, 1]]);
    expect(await rig.sense([0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8, 0], { ...CD, in: 8 })).toEqual([5, 0x24, 0]);
  });

  test('restored with another disc than it was saved with, tells of that', async () => {
    const rig = await started(), state = rig.device.save(), next = new ScsiRig();
    next.memory.set(rig.memory);
    next.units[1].medium = memoryDisk(new Uint8Array(0x2000), true);
    next.device.restore(state);
    expect([await next.sense(TEST_READY, CD), await next.sense(TEST_READY, CD), await next.sense(TEST_READY)]).toEqual([[6, 0x28, 0], [], []]);
  });
});

describe('task management', () => {
  test('aborts one command, and answers when that has ended', async () => {
    const rig = await started();
    rig.submit(ten(0x2a, 0, 1), { out: pattern(512), tag: 7 });
    rig.submit(ten(0x28, 1, 1), { in: 512, head: 4, tag: 8 });
    rig.manage(0, { tag: 7 });
    expect([rig.managed(), rig.answer()]).toEqual([0xee, undefined]);
    await rig.idle();
    expect([rig.managed(), rig.answer()?.response, rig.answer(4)?.response]).toEqual([0, 2, 0]);
  });

  test('knows which commands are under way', async () => {
    const rig = await started(), query = (kind: number, tag = 0) => { rig.manage(kind, { tag }); return rig.managed(); };
    expect([query(6, 7), query(7), query(99)]).toEqual([0, 0, 11]);
    rig.submit(ten(0x28, 0, 1), { in: 512, tag: 7 });
    expect([query(6, 7), query(6, 8), query(7)]).toEqual([10, 0, 10]);
    await rig.idle();
    rig.manage(5, { target: 5 });
    expect(rig.managed()).toBe(3);
  });

  test('resets a unit with its commands, which tells of that afterwards, and leaves others alone', async () => {
    const rig = await started();
    await rig.ask(EJECT, CD);
    rig.submit(ten(0x2a, 0, 1), { out: pattern(512) });
    rig.manage(5);
    await rig.idle();
    expect([rig.managed(), rig.answer()?.response, await rig.sense(TEST_READY), await rig.sense(TEST_READY), await rig.sense(TEST_READY, CD)]).toEqual([0, 4, [6, 0x29, 0], [], [2, 0x3a, 2]]);
    rig.manage(4, { target: 1 });
    expect([rig.managed(), await rig.sense(TEST_READY, CD), await rig.sense(TEST_READY, CD)]).toEqual([0, [6, 0x29, 0], []]);
  });

  test('aborts all commands of a unit', async () => {
    const rig = await started();
    rig.submit(ten(0x28, 0, 1), { in: 512, queue: REQUESTS + 1 });
    rig.submit(ten(0x28, 0, 1), { in: 512, head: 4, queue: REQUESTS + 3 });
    rig.manage(1);
    await rig.idle();
    expect([rig.managed(), rig.answer()?.response, rig.answer(4)?.response]).toEqual([0, 2, 2]);
  });
});

describe('events', () => {
  test('tell of units that come and go', async () => {
    const rig = await started(), unit = new ScsiUnit({ type: DISK, medium: rig.medium, serial: 'disk-3' });
    rig.listen();
    rig.scsi.plug(3, unit);
    expect(rig.event).toEqual([1, 3, 1]);
    rig.listen();
    rig.submit(ten(0x28, 0, 1), { target: 0, in: 512 });
    rig.scsi.unplug(0);
    await rig.idle();
    expect([rig.event, rig.answer()?.response, (await rig.ask(TEST_READY)).response]).toEqual([[1, 0, 2], 4, 3]);
  });

  test('for which there is no buffer are told of as missed', async () => {
    const rig = await started();
    rig.scsi.plug(3, new ScsiUnit({ type: DISK, medium: rig.medium, serial: 'disk-3' }));
    rig.listen();
    expect(rig.event[0]).toBe(0x8000_0000);
  });
});

describe('the driver', () => {
  test('learns of queues and limits, and may change two sizes', async () => {
    const rig = await started(), config = (at: number) => rig.driver.get(0x100 + at);
    expect([config(0), config(4), config(8), config(16), config(20), config(24), config(28) >>> 16, config(32)]).toEqual([4, 126, 1024, 16, 96, 32, 7, 0]);
    rig.driver.put(0x100 + 20, 64);
    expect([config(20), rig.driver.status & 0x40]).toEqual([64, 0]);
    rig.driver.put(0x100, 9);
    expect([config(0), rig.driver.status & 0x40]).toEqual([4, 0x40]);
  });

  test.each([['a request', REQUESTS, 20], ['a control request', CONTROL, 8]])('that puts %s of too few bytes into a queue has to reset the device', async (_, queue, length) => {
    const rig = await started();
    rig.ram.write(OUT, new Uint8Array(64));
    rig.driver.offer([{ address: OUT, length }, { address: IN, length: 200, write: true }], 0, queue);
    rig.driver.notify(queue);
    expect([rig.driver.status & 0x40, rig.driver.errors.length]).toEqual([0x40, 1]);
    await rig.start();
    expect((await rig.ask(TEST_READY)).status).toBe(0);
  });

  test('resets the device with commands under way, and their memory is its own again', async () => {
    const rig = await started();
    rig.submit(ten(0x28, 0, 1), { in: 512 });
    rig.driver.put(0x70, 0);
    rig.ram.write(IN, new Uint8Array(512).fill(5));
    await new Promise(resolve => { setImmediate(() => setImmediate(resolve)); });
    expect([rig.answer(), rig.ram.load(IN, 1)]).toEqual([undefined, 5]);
  });

  test('asks which asynchronous notifications there are: none', async () => {
    const rig = await started();
    rig.ram.write(OUT, Uint8Array.of(1, 0, 0, 0, 1, 0, 0x40, 0, 0, 0, 0, 0, 2, 0, 0, 0));
    rig.ram.write(OUT + 0x100, new Uint8Array(5).fill(0xee));
    rig.driver.offer([{ address: OUT, length: 16 }, { address: OUT + 0x100, length: 5, write: true }], 0, CONTROL);
    rig.driver.notify(CONTROL);
    expect([...rig.ram.view(OUT + 0x100, 5)!]).toEqual([0, 0, 0, 0, 0]);
  });
});

const step = (act: (rig: ScsiRig) => unknown): Step => async rig => { await act(rig as unknown as ScsiRig); };
deviceContract('virtio-scsi', clock => new ScsiRig(clock), [
  step(rig => rig.driver.start(HOT_PLUG, QUEUES)), step(rig => rig.ask(TEST_READY)), step(rig => rig.ask(TEST_READY, CD)),
  step(rig => rig.submit(ten(0x2a, 0, 1), { out: pattern(512) })), step(rig => rig.idle()), step(rig => rig.driver.acknowledge()),
  step(rig => { rig.submit(ten(0x28, 0, 1), { in: 512, tag: 3 }); rig.submit(ten(0x35, 0, 0), { head: 4, queue: REQUESTS + 1 }); }), step(rig => rig.idle()),
  step(rig => { rig.submit(ten(0x28, 0, 1), { in: 512, tag: 3 }); rig.manage(5, { head: 2 }); }), step(rig => rig.idle()), step(rig => rig.ask(TEST_READY)),
  step(rig => rig.ask(EJECT, CD)), step(rig => rig.ask(TEST_READY, CD)), step(rig => rig.ask(LOAD, CD)), step(rig => rig.ask(TEST_READY, CD)), step(rig => rig.data(events, 8, CD)),
  step(rig => rig.driver.put(0x100 + 20, 64)), step(rig => rig.ask(STOP)), step(rig => rig.ask(TEST_READY)), step(rig => rig.listen()),
  step(rig => { rig.driver.offer([{ address: OUT, length: 4 }], 0, EVENT + 1); rig.driver.notify(EVENT + 1); }),
]);
