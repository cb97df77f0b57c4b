import { describe, expect, test } from 'vitest';
import { deviceContract, type Step } from '../device-contract.ts';
import {
  COMPARE_FAILURE, DATA_TRANSFER_ERROR, INVALID_COMPLETION_QUEUE, INVALID_FIELD, INVALID_NAMESPACE, INVALID_OPCODE, INVALID_PRP, INVALID_QUEUE, INVALID_QUEUE_SIZE, INVALID_VECTOR, LBA_OUT_OF_RANGE,
  NAMESPACE_READ_ONLY, QUEUE_HAS_SUBMISSION_QUEUES, TOO_MANY_EVENT_REQUESTS, UNRECOVERED_READ, WRITE_FAULT,
} from './command.ts';
import { blocks, CC, COMPARE, CSTS, DATA, DISK_BYTES, ENABLED, ENTRIES, FLUSH, MANAGE, NvmeRig, PAGE, RAM, RAM_BYTES, READ, submissions, WRITE, WRITE_ZEROES } from './test-driver.ts';

const IDENTIFY = 6;
const started = async (pairs = 1) => {
  const rig = new NvmeRig();
  await rig.startWithPairs(pairs);
  return rig;
};
const pattern = (length: number, seed = 1) => Uint8Array.from({ length }, (_, n) => n * 7 + (n >> 8) + seed & 0xff);
const text = (rig: NvmeRig, at: number, length: number) => Buffer.from(rig.ram.view(at, length)!).toString().trim();

describe('controller', () => {
  test('says what it can, is ready when enabled, and no longer after', () => {
    const rig = new NvmeRig();
    expect([rig.get(0) & 0xffff, rig.get(2, 2), rig.get(3, 1), rig.get(8), rig.get(CSTS)]).toEqual([1023, 20 << 8 | 1, 20, 0x10400, 0]);
    rig.start();
    expect(rig.get(CSTS)).toBe(1);
    rig.put(CC, 0);
    expect([rig.get(CSTS), rig.get(0x28), rig.errors]).toEqual([0, RAM, []]);
  });

  test('enabled with what it does not support, it fails until it is disabled', () => {
    const rig = new NvmeRig();
    rig.start();
    rig.put(CC, 0);
    rig.put(CC, ENABLED | 1 << 11);
    expect([rig.get(CSTS), rig.errors.length]).toEqual([2, 1]);
    rig.enable();
    expect(rig.get(CSTS)).toBe(1);
  });

  test('shut down, it says so when every medium is flushed', async () => {
    const rig = await started();
    rig.put(CC, ENABLED | 1 << 14);
    expect(rig.get(CSTS)).toBe(1 | 1 << 2);
    await rig.idle();
    expect([rig.get(CSTS), rig.media.map(({ flushes }) => flushes)]).toEqual([1 | 2 << 2, [1, 1]]);
    rig.put(CC, 0);
    expect(rig.get(CSTS)).toBe(0);
  });
});

describe('admin', () => {
  test('identifies itself and its namespaces', async () => {
    const rig = await started(0), identify = (cns: number, nsid = 0) => rig.status(0, { op: IDENTIFY, nsid, prp: [DATA, 0], dwords: { 10: cns } });
    expect([await identify(1), text(rig, DATA + 4, 20), text(rig, DATA + 24, 40), rig.ram.load(DATA + 516, 4)]).toEqual([0, 'S1', 'Quarterdeck NVMe', 8]);
    expect([await identify(2), rig.ram.load(DATA, 4), rig.ram.load(DATA + 4, 4), rig.ram.load(DATA + 8, 4)]).toEqual([0, 1, 2, 0]);
    expect([await identify(2, 1), rig.ram.load(DATA, 4)]).toEqual([0, 2]);
    expect([await identify(0, 2), rig.ram.load(DATA, 4)]).toEqual([0, DISK_BYTES / 512]);
    const id = rig.ram.view(DATA + 104, 16)!.join();
    expect([await identify(3, 2), rig.ram.load(DATA, 2), rig.ram.view(DATA + 4, 16)!.join()]).toEqual([0, 0x1002, id]);
    expect([await identify(0, 5), rig.ram.load(DATA, 4)]).toEqual([0, 0]);
    expect([await identify(0, 9), await identify(0), await identify(3, 3), await identify(0x77)]).toEqual([INVALID_NAMESPACE, INVALID_NAMESPACE, INVALID_NAMESPACE, INVALID_FIELD]);
  });

  test('features are kept until a reset, and have defaults', async () => {
    const rig = await started(0), feature = (op: number, number: number, value = 0) => rig.run(0, { op, dwords: { 10: number, 11: value } });
    expect(await feature(10, 7)).toEqual([0, 7 << 16 | 7]);
    expect(await feature(9, 7, 1 << 16 | 1)).toEqual([0, 7 << 16 | 7]);
    await feature(9, 6, 0);
    expect([await feature(10, 6), await feature(10, 1 << 8 | 6), await feature(9, 6 | 1 << 31), await feature(10, 0x55)]).toEqual([[0, 0], [0, 1], [0x10d | 1 << 14, 0], [INVALID_FIELD, 0]]);
    rig.enable();
    expect(await feature(10, 6)).toEqual([0, 1]);
  });

  test('gives its logs', async () => {
    const rig = await started(0), log = (page: number, dwords: number, offset = 0) => rig.status(0, { op: 2, prp: [DATA, 0], dwords: { 10: page | dwords - 1 << 16, 12: offset } });
    expect([await log(2, 128), rig.ram.load(DATA + 1, 2)]).toEqual([0, 300]);
    expect([await log(3, 128), text(rig, DATA + 8, 8), await log(3, 2, 8), text(rig, DATA, 8)]).toEqual([0, '1.0', 0, '1.0']);
    expect([await log(1, 16), await log(0x99, 1), await log(1, 1, 100)]).toEqual([0, 0x109 | 1 << 14, INVALID_FIELD]);
  });

  test('does not know some opcodes, and takes no SGLs', async () => {
    const rig = await started(1);
    expect([await rig.status(0, { op: 0x99 }), await rig.status(0, { op: IDENTIFY, flags: 0x40 }), await rig.status(1, { op: 0x99, nsid: 1 }), await rig.status(1, { ...blocks(READ, 0, 1, [DATA, 0]), flags: 1 })])
      .toEqual([INVALID_OPCODE, INVALID_FIELD, INVALID_OPCODE, INVALID_FIELD]);
  });

  test('a command that is to be aborted goes on', async () => {
    expect(await (await started(0)).run(0, { op: 8, dwords: { 10: 1 | 5 << 16 } })).toEqual([0, 1]);
  });
});

describe('queues', () => {
  test('are refused when they cannot be', async () => {
    const rig = await started(1), queue = (op: number, word10: number, word11: number, base = DATA) => rig.status(0, { op, prp: [base, 0], dwords: { 10: word10, 11: word11 } });
    const size = 3 << 16;
    expect([await queue(5, 1 | size, 1), await queue(5, size, 1), await queue(5, 9 | size, 1), await queue(5, 2, 1), await queue(5, 2 | 0xffff << 16, 1), await queue(5, 2 | size, 0), await queue(5, 2 | size, 1, DATA + 8), await queue(5, 2 | size, 1 | 9 << 16)])
      .toEqual([INVALID_QUEUE, INVALID_QUEUE, INVALID_QUEUE, INVALID_QUEUE_SIZE, INVALID_QUEUE_SIZE, INVALID_FIELD, INVALID_PRP, INVALID_VECTOR]);
    expect([await queue(1, 2 | size, 1 | 2 << 16), await queue(1, 2 | size, 1), await queue(1, 1 | size, 1 | 1 << 16)]).toEqual([INVALID_COMPLETION_QUEUE, INVALID_COMPLETION_QUEUE, INVALID_QUEUE]);
  });

  test('are deleted, submissions first, and can be made again', async () => {
    const rig = await started(1), remove = (op: number, queue: number) => rig.status(0, { op, dwords: { 10: queue } });
    expect([await remove(4, 1), await remove(0, 1), await remove(0, 1), await remove(4, 1), await remove(4, 0), await remove(0, 0)])
      .toEqual([QUEUE_HAS_SUBMISSION_QUEUES, 0, INVALID_QUEUE, 0, INVALID_QUEUE, INVALID_QUEUE]);
    expect([await rig.createPair(1), await rig.status(1, { op: FLUSH, nsid: 1 })]).toEqual([[0, 0], 0]);
  });

  test('what is under way when its queue is deleted leaves memory alone', async () => {
    const rig = await started(1);
    rig.disks[0]!.fill(9);
    rig.submit(1, blocks(READ, 0, 1, [DATA, 0]));
    const before = rig.idle();
    rig.submit(0, { op: 0, dwords: { 10: 1 } });
    await before;
    expect([rig.ram.load(DATA, 1), rig.reap(1)]).toEqual([0, []]);
  });

  test('wrap, and the phase tells old from new', async () => {
    const rig = await started(1);
    for (let n = 0; n < 3 * ENTRIES; n++) {
      rig.submit(1, { op: FLUSH, nsid: 1, id: 1000 + n });
      await rig.idle();
      expect(rig.reap(1)).toEqual([{ id: 1000 + n, status: 0, result: 0, head: (n + 1) % ENTRIES, queue: 1 }]);
    }
  });

  test('a full completion queue holds up the rest, in order, until there is room', async () => {
    const rig = await started(1);
    for (let id = 1; id <= 2; id++) {
      for (let n = 0; n < ENTRIES - 1; n++) rig.queue(1, { op: 0x99, nsid: 1, id: 10 * id + n });
      rig.tell(1);
      await rig.idle();
    }
    expect(rig.reap(1, false).map(({ id }) => id)).toEqual([10, 11, 12]);
    rig.ring(1, 'completion', 3);
    await rig.idle();
    expect(rig.reap(1).map(({ id }) => id)).toEqual([20, 21, 22]);
  });

  test('each has its interrupt', async () => {
    const rig = await started(3);
    rig.interrupts();
    await rig.status(2, { op: FLUSH, nsid: 1 });
    expect(rig.interrupts()).toEqual([2]);
    rig.submit(1, { op: FLUSH, nsid: 1 });
    rig.submit(3, { op: FLUSH, nsid: 2 });
    await rig.idle();
    expect([rig.interrupts(), rig.media.map(({ flushes }) => flushes)]).toEqual([[1, 3], [2, 1]]);
    await rig.status(0, { op: IDENTIFY, prp: [DATA, 0], dwords: { 10: 1 } });
    expect(rig.interrupts()).toEqual([0]);
  });

  test('doorbells for what is not there are events, each told once somebody asks', async () => {
    const rig = await started(1);
    rig.ring(5, 'submission', 1);
    rig.ring(1, 'completion', 99);
    expect([rig.errors.length, rig.reap(0)]).toEqual([2, []]);
    rig.submit(0, { op: 12, id: 70 });
    rig.submit(0, { op: 12, id: 71 });
    expect(rig.reap(0).map(({ id, status, result }) => [id, status, result])).toEqual([[70, 0, 1 << 16], [71, 0, 1 << 16 | 1 << 8]]);
    for (let n = 0; n < 4; n++) rig.submit(0, { op: 12, id: 80 + n });
    expect(await rig.status(0, { op: 12 })).toBe(TOO_MANY_EVENT_REQUESTS);
    rig.ring(0, 'submission', ENTRIES);
    expect(rig.reap(0).map(({ id, result }) => [id, result])).toEqual([[80, 1 << 16 | 1 << 8]]);
  });

  test('a queue that is not in memory is fatal', async () => {
    const rig = await started(1);
    await rig.status(0, { op: 5, prp: [RAM + RAM_BYTES, 0], dwords: { 10: 2 | 3 << 16, 11: 1 } });
    await rig.status(0, { op: 1, prp: [submissions(2), 0], dwords: { 10: 2 | 3 << 16, 11: 1 | 2 << 16 } });
    rig.submit(2, { op: FLUSH, nsid: 1 });
    await rig.idle();
    expect([rig.get(CSTS) & 2, rig.errors]).toEqual([2, ['nvme: has a completion queue that is not in memory']]);
  });
});

describe('input and output', () => {
  test('what is written can be read, on each namespace by itself', async () => {
    const rig = await started(2), first = pattern(512), second = pattern(512, 9);
    rig.ram.write(DATA, first);
    rig.ram.write(DATA + PAGE, second);
    expect([await rig.status(1, blocks(WRITE, 3, 1, [DATA, 0])), await rig.status(2, blocks(WRITE, 3, 1, [DATA + PAGE, 0], 2))]).toEqual([0, 0]);
    expect(rig.disks.map(disk => disk.slice(3 * 512, 4 * 512))).toEqual([first, second]);
    expect([await rig.status(2, blocks(READ, 3, 1, [DATA + 0x2100, 0])), rig.ram.view(DATA + 0x2100, 512)]).toEqual([0, first]);
  });

  test('data crosses pages, by a second pointer or a list, and a list goes on in another page', async () => {
    const rig = await started(1), content = pattern(DISK_BYTES), list = DATA + 0x10000, more = DATA + 0x12000;
    rig.disks[0]!.set(content);
    expect([await rig.status(1, blocks(READ, 0, 12, [DATA + 0x400, DATA + 0x3000])), Buffer.concat([rig.ram.view(DATA + 0x400, 0xc00)!, rig.ram.view(DATA + 0x3000, 0xc00)!]).equals(content.subarray(0, 0x1800))]).toEqual([0, true]);
    const pages = [2, 5, 3, 9, 4, 7, 6].map(page => DATA + page * PAGE), pointers = (at: number, all: readonly number[]) => all.forEach((address, n) => { rig.ram.store(at + 8 * n, 4, address); rig.ram.store(at + 8 * n + 4, 4, 0); });
    const gathered = () => Buffer.concat([DATA, ...pages].map(page => rig.ram.view(page, PAGE)!));
    pointers(list, pages);
    expect([await rig.status(1, blocks(READ, 0, 64, [DATA, list])), gathered().equals(content)]).toEqual([0, true]);
    for (const page of pages) rig.ram.write(page, new Uint8Array(PAGE));
    pointers(list + PAGE - 24, [...pages.slice(0, 2), more]);
    pointers(more, pages.slice(2));
    expect([await rig.status(1, blocks(READ, 0, 64, [DATA, list + PAGE - 24])), gathered().equals(content)]).toEqual([0, true]);
  });

  test('pointers that lead nowhere, or in circles, end the command', async () => {
    const rig = await started(1), loop = DATA + PAGE - 8;
    rig.ram.store(loop, 4, loop & ~0xfff);
    for (let n = 0; n < 512; n++) rig.ram.store(DATA + 8 * n, 4, DATA);
    expect([await rig.status(1, blocks(READ, 0, 1, [DATA + 2, 0])), await rig.status(1, blocks(READ, 0, 16, [DATA, DATA + 8])), await rig.status(1, blocks(READ, 0, 32, [DATA + PAGE, DATA + 4])), await rig.status(1, blocks(READ, 0, 32, [DATA + PAGE, 0x1000]))])
      .toEqual([INVALID_PRP, INVALID_PRP, INVALID_PRP, INVALID_PRP]);
    expect([await rig.status(1, blocks(READ, 0, 1, [0x1000, 0])), await rig.status(1, blocks(WRITE, 0, 1, [RAM + RAM_BYTES, 0])), await rig.status(1, { op: MANAGE, nsid: 1, prp: [0x1000, 0], dwords: { 11: 4 } })])
      .toEqual([DATA_TRANSFER_ERROR, DATA_TRANSFER_ERROR, DATA_TRANSFER_ERROR]);
    rig.ram.store(loop, 4, loop & ~0xfff);
    rig.ram.store(DATA, 4, DATA);
    expect(await rig.status(1, blocks(READ, 0, 64, [DATA + PAGE, loop]))).toBe(0);
  });

  test('compare, write zeroes, deallocate and flush', async () => {
    const rig = await started(1), [disk] = rig.disks as [Uint8Array];
    disk.fill(5);
    rig.ram.write(DATA, new Uint8Array(1024).fill(5));
    const compare = () => rig.status(1, blocks(COMPARE, 2, 2, [DATA, 0]));
    expect([await compare(), await rig.status(1, blocks(WRITE_ZEROES, 3, 1, [0, 0])), await compare(), disk[3 * 512], disk[3 * 512 - 1], disk[4 * 512]]).toEqual([0, 0, COMPARE_FAILURE, 0, 5, 5]);
    [0, 1, 8, 0, 0, 2, 20, 0].forEach((value, n) => rig.ram.store(DATA + 4 * n, 4, value));
    expect([await rig.status(1, { op: MANAGE, nsid: 1, prp: [DATA, 0], dwords: { 10: 1, 11: 4 } }), disk[8 * 512], disk[9 * 512], disk[20 * 512], disk[22 * 512]]).toEqual([0, 0, 5, 0, 5]);
    rig.ram.store(DATA + 24, 4, 63);
    expect([await rig.status(1, { op: MANAGE, nsid: 1, prp: [DATA, 0], dwords: { 10: 1, 11: 4 } }), await rig.status(1, { op: MANAGE, nsid: 1, prp: [DATA, 0], dwords: { 10: 1 } })]).toEqual([LBA_OUT_OF_RANGE, 0]);
    expect([await rig.status(1, { op: FLUSH, nsid: 0xffff_ffff }), rig.media.map(({ flushes }) => flushes)]).toEqual([0, [1, 1]]);
  });

  test('a write is durable when it says so, or the cache is off', async () => {
    const rig = await started(1), write = (word12 = 0) => rig.status(1, { op: WRITE, nsid: 1, prp: [DATA, 0], dwords: { 12: word12 } }), flushes = () => rig.media[0]!.flushes;
    expect([await write(), flushes(), await write(1 << 30), flushes()]).toEqual([0, 0, 0, 1]);
    await rig.status(0, { op: 9, dwords: { 10: 6 } });
    expect([await write(), flushes()]).toEqual([0, 2]);
  });

  test('what cannot be is an error to the guest, and no more', async () => {
    const rig = await started(1);
    expect([await rig.status(1, blocks(READ, 63, 2, [DATA, 0])), await rig.status(1, blocks(READ, 0, 1, [DATA, 0], 3)), await rig.status(1, { op: FLUSH })]).toEqual([LBA_OUT_OF_RANGE, INVALID_NAMESPACE, INVALID_NAMESPACE]);
    rig.media[0]!.broken = true;
    expect([await rig.status(1, blocks(READ, 0, 1, [DATA, 0])), await rig.status(1, blocks(WRITE, 0, 1, [DATA, 0])), await rig.status(1, { op: FLUSH, nsid: 1 })]).toEqual([UNRECOVERED_READ, WRITE_FAULT, WRITE_FAULT]);
    Object.assign(rig.media[1]!, { readOnly: true });
    expect([await rig.status(1, blocks(WRITE, 0, 1, [DATA, 0], 2)), await rig.status(1, blocks(READ, 0, 1, [DATA, 0], 2))]).toEqual([NAMESPACE_READ_ONLY, 0]);
  });

  test('a command under way when the controller is reset leaves the guest\'s memory alone', async () => {
    const rig = await started(1);
    rig.disks[0]!.fill(9);
    rig.submit(1, blocks(READ, 0, 1, [DATA, 0]));
    const before = rig.idle();
    rig.enable();
    await before;
    expect([rig.ram.load(DATA, 1), rig.get(CSTS), await rig.createPair(1), rig.reap(1)]).toEqual([0, 1, [0, 0], []]);
  });
});

const step = (act: (rig: NvmeRig) => unknown): Step => async rig => { await act(rig as unknown as NvmeRig); };
deviceContract('NVMe', clock => new NvmeRig(clock), [
  step(rig => rig.start()), step(rig => rig.createPair(1)), step(rig => rig.createPair(2)),
  step(rig => { rig.ram.write(DATA, pattern(PAGE)); rig.submit(1, blocks(WRITE, 0, 8, [DATA, 0])); rig.submit(2, blocks(WRITE, 1, 1, [DATA, 0], 2)); }),
  step(rig => rig.idle()), step(rig => { rig.ram.write(DATA, new Uint8Array(PAGE)); rig.submit(1, blocks(READ, 0, 8, [DATA, 0])); }), step(rig => rig.submit(2, { op: FLUSH, nsid: 1 })),
  step(rig => rig.idle()), step(rig => rig.reap(1)), step(rig => { rig.submit(0, { op: 12, id: 5 }); }), step(rig => rig.ring(7, 'completion', 0)), step(rig => rig.reap(0)),
  step(rig => rig.run(0, { op: 9, dwords: { 10: 6 } })), step(rig => rig.submit(1, blocks(WRITE, 4, 1, [DATA, 0]))), step(rig => rig.idle()),
  step(rig => rig.put(CC, ENABLED | 1 << 14)), step(rig => rig.idle()), step(rig => rig.put(CC, 0)),
]);
