import { describe, expect, test } from 'vitest';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, type Step } from '../device-contract.ts';
import { memoryDisk } from '../memory-disk.ts';
import { VirtioBlock } from './block.ts';
import { VirtioConsole } from './console.ts';
import { VirtioRng } from './rng.ts';
import { DATA, RAM_BYTES, TestDriver } from './test-driver.ts';

const DISK_BYTES = 0x10000;
const HEADER = DATA, STATUS = DATA + 0x20, BUFFER = DATA + 0x1000;

function blockRig(clock = new TestClock(), readOnly = false) {
  const memory = new SharedArrayBuffer(RAM_BYTES + DISK_BYTES);
  const disk = new Uint8Array(memory, RAM_BYTES);
  const medium = memoryDisk(disk, readOnly);
  let block!: VirtioBlock;
  const driver = new TestDriver(memory, (dma) => block = new VirtioBlock({ dma, medium, serial: 'disk-0' }));
  /** Puts a request into the queue: data is what the device reads or, with `write`, writes. */
  const request = (type: number, sector: number, data: { address: number; length: number; write?: boolean }[] = [], head = 0) => {
    const header = HEADER + 0x40 * head;
    driver.ram.store(header, 4, type);
    driver.ram.store(header + 8, 4, sector);
    driver.ram.store(header + 12, 4, 0);
    driver.ram.store(STATUS + head, 1, 0xff);
    driver.offer([{ address: header, length: 16 }, ...data, { address: STATUS + head, length: 1, write: true }], head);
    driver.notify();
  };
  const ask = async (...args: Parameters<typeof request>) => {
    request(...args);
    await block.idle();
    return driver.ram.load(STATUS, 1);
  };
  return {
    driver, disk, medium, request, ask, clock, device: driver.device, memory: new Uint8Array(memory), idle: () => block.idle(),
    outputs: () => ({ used: driver.used(), line: driver.line, status: driver.status, data: [...driver.ram.view(BUFFER, 512)!], disk: [...disk.subarray(0, 2048)] }),
  };
}
type BlockRig = ReturnType<typeof blockRig>;
const inBlock = (act: (rig: BlockRig) => void | Promise<void>): Step => (rig) => act(rig as BlockRig);

describe('block', () => {
  test('what is written can be read', async () => {
    const rig = blockRig();
    rig.driver.start();
    rig.driver.fill(BUFFER, 'hello'.padEnd(1024, '.'));
    expect(await rig.ask(1, 2, [{ address: BUFFER, length: 512 }, { address: BUFFER + 512, length: 512 }])).toBe(0);
    expect(new TextDecoder().decode(rig.disk.slice(1024, 1029))).toBe('hello');
    expect(await rig.ask(0, 2, [{ address: BUFFER + 0x2000, length: 512, write: true }])).toBe(0);
    expect([rig.driver.text(BUFFER + 0x2000, 5), rig.driver.used()]).toEqual(['hello', [{ head: 0, written: 1 }, { head: 0, written: 513 }]]);
  });

  test('flush, identity, write zeroes and discard', async () => {
    const rig = blockRig();
    rig.driver.start();
    rig.disk.fill(1);
    expect([await rig.ask(4, 0), rig.medium.flushes]).toEqual([0, 1]);
    expect([await rig.ask(8, 0, [{ address: BUFFER, length: 20, write: true }]), rig.driver.text(BUFFER, 7)]).toEqual([0, 'disk-0\0']);
    rig.driver.ram.write(BUFFER, new Uint8Array(BigUint64Array.of(1n, 1n, 3n, 1n).buffer));
    expect([await rig.ask(13, 0, [{ address: BUFFER, length: 32 }]), rig.disk[511], rig.disk[512], rig.disk[1024], rig.disk[1536]]).toEqual([0, 1, 0, 1, 0]);
    expect([await rig.ask(11, 0, [{ address: BUFFER, length: 16 }])]).toEqual([0]);
  });

  test('what the disk cannot do is an error to the guest, and no more', async () => {
    const rig = blockRig();
    rig.driver.start();
    const sectors = DISK_BYTES / 512;
    const data = [{ address: BUFFER, length: 512 }], into = [{ address: BUFFER, length: 512, write: true }];
    expect([
      await rig.ask(0, sectors, into), await rig.ask(1, sectors, data), await rig.ask(0, 0, [{ address: BUFFER, length: 100, write: true }]),
      await rig.ask(99, 0), await rig.ask(13, 0, [{ address: BUFFER, length: 15 }]),
    ]).toEqual([1, 1, 1, 2, 1]);
    rig.medium.broken = true;
    expect([await rig.ask(0, 0, into), await rig.ask(4, 0), rig.driver.status & 0x40]).toEqual([1, 1, 0]);
  });

  test('a read-only disk says so and stays as it is', async () => {
    const rig = blockRig(new TestClock(), true);
    rig.driver.start();
    rig.driver.fill(BUFFER, 'x'.repeat(512));
    expect([rig.driver.get(0x10) & 1 << 5, await rig.ask(1, 0, [{ address: BUFFER, length: 512 }]), rig.disk[0]]).toEqual([1 << 5, 1, 0]);
  });

  test('a request that is under way when the driver resets the device leaves its memory alone', async () => {
    const rig = blockRig();
    rig.driver.start();
    rig.disk.fill(9);
    rig.request(0, 0, [{ address: BUFFER, length: 512, write: true }]);
    const before = rig.idle();
    rig.driver.start();
    await before;
    expect([rig.driver.ram.load(BUFFER, 1), rig.driver.ram.load(STATUS, 1), rig.driver.used()]).toEqual([0, 0xff, []]);
  });

  test('its configuration says how large it is', () => {
    const rig = blockRig();
    const at = (offset: number, size: 1 | 2 | 4) => rig.driver.device.regions.registers.read(0x100 + offset, size);
    expect([at(0, 4), at(4, 4), at(20, 4), at(34, 2), at(56, 1), at(0, 1)]).toEqual([128, 0, 512, 1, 1, 128]);
  });

  deviceContract('virtio-blk', blockRig, [
    inBlock(({ driver }) => { driver.start(); driver.fill(BUFFER, 'first'.padEnd(512)); }),
    inBlock(({ request }) => request(1, 1, [{ address: BUFFER, length: 512 }])), inBlock(({ idle }) => idle()),
    inBlock(({ driver }) => { driver.acknowledge(); driver.fill(BUFFER, ''.padEnd(512)); }),
    inBlock(({ request }) => request(0, 1, [{ address: BUFFER, length: 512, write: true }])),
    inBlock(({ request }) => request(4, 0, [], 4)), inBlock(({ idle }) => idle()),
    inBlock(({ driver }) => { driver.makeAvailable(100); driver.notify(); }),
  ]);
});

function consoleRig(clock = new TestClock()) {
  const memory = new SharedArrayBuffer(RAM_BYTES);
  const seen = { sent: '' };
  let terminal!: VirtioConsole;
  const driver = new TestDriver(memory, (dma) => terminal = new VirtioConsole({ dma, transmit: (bytes) => { seen.sent += new TextDecoder().decode(bytes); } }));
  const type = (text: string) => terminal.type(new TextEncoder().encode(text));
  const outputs = () => {
    const now = { ...seen, received: driver.used(0), transmitted: driver.used(1), line: driver.line, data: driver.text(BUFFER, 16) };
    seen.sent = '';
    return now;
  };
  return { driver, seen, type, clock, ready: (on: boolean) => terminal.setTransmitReady(on), device: driver.device, memory: new Uint8Array(memory), outputs };
}
type ConsoleRig = ReturnType<typeof consoleRig>;
const inConsole = (act: (rig: ConsoleRig) => void): Step => (rig) => act(rig as ConsoleRig);
const print = (text: string): Step => inConsole(({ driver }) => {
  driver.fill(DATA, text);
  driver.offer([{ address: DATA, length: text.length }], 0, 1);
  driver.notify(1);
});
const listen = (length: number): Step => inConsole(({ driver }) => {
  driver.offer([{ address: BUFFER, length, write: true }], 0, 0);
  driver.notify(0);
});

describe('console', () => {
  test('what is typed waits for the guest\'s buffers, in order', () => {
    const rig = consoleRig();
    rig.type('ear');
    rig.driver.start(0, 2);
    rig.type('ly');
    void listen(3)(rig);
    expect(rig.driver.text(BUFFER, 3)).toBe('ear');
    void listen(8)(rig);
    expect([rig.driver.text(BUFFER, 2), rig.driver.used(0)]).toEqual(['ly', [{ head: 0, written: 3 }, { head: 0, written: 2 }]]);
  });

  test('a slow reader makes the guest wait, and loses nothing', () => {
    const rig = consoleRig();
    rig.driver.start(0, 2);
    rig.ready(false);
    void print('held back')(rig);
    expect([rig.seen.sent, rig.driver.used(1)]).toEqual(['', []]);
    rig.ready(true);
    expect([rig.seen.sent, rig.driver.used(1).length]).toEqual(['held back', 1]);
  });

  deviceContract('virtio-console', consoleRig, [
    inConsole(({ driver }) => driver.start(0, 2)), print('hello'), inConsole(({ type }) => type('typed ahead')), listen(4),
    inConsole(({ driver }) => driver.acknowledge()), listen(100), inConsole(({ ready }) => ready(false)), print('later'),
    inConsole(({ ready }) => ready(true)),
  ]);
});

describe('entropy', () => {
  deviceContract('virtio-rng', (clock) => {
    const memory = new SharedArrayBuffer(RAM_BYTES);
    const driver = new TestDriver(memory, (dma) => new VirtioRng({ dma, random: (length) => new Uint8Array(length).fill(length) }));
    return { driver, clock, device: driver.device, memory: new Uint8Array(memory), outputs: () => ({ used: driver.used(), line: driver.line, data: [...driver.ram.view(BUFFER, 16)!] }) };
  }, [
    (rig) => (rig as unknown as { driver: TestDriver }).driver.start(),
    (rig) => { const { driver } = rig as unknown as { driver: TestDriver }; driver.offer([{ address: BUFFER, length: 9, write: true }]); },
    (rig) => (rig as unknown as { driver: TestDriver }).driver.notify(),
    (rig) => (rig as unknown as { driver: TestDriver }).driver.acknowledge(),
  ]);
});
