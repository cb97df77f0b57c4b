import { expect, test } from 'vitest';
import { GuestRam } from '../../memory/guest-ram.ts';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, read, write } from '../device-contract.ts';
import { FwCfg } from './fw-cfg.ts';

const RAM = 0x4000_0000, RAM_BYTES = 0x1000;
const FILES = [{ name: 'etc/second', bytes: Uint8Array.of(9, 8, 7) }, { name: 'etc/first', bytes: new TextEncoder().encode('hello, firmware') }];
const READ = 2, SKIP = 4, SELECT = 8, WRITE = 16;

function build(clock = new TestClock()) {
  const memory = new SharedArrayBuffer(RAM_BYTES), ram = new GuestRam({ buffer: memory, byteOffset: 0, sizeBytes: RAM_BYTES, base: RAM }), errors: string[] = [];
  const device = new FwCfg({ dma: ram, cpus: 3, files: () => FILES, guestError: what => errors.push(what) }), { registers } = device.regions;
  const bytes = (count: number) => Array.from({ length: count }, () => registers.read(0, 1));
  const select = (key: number) => registers.write(8, 2, (key & 0xff) << 8 | key >>> 8);
  const swapped = (value: number) => new DataView(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value).buffer).getUint32(0, true);
  /** Puts a control structure at the start of RAM and starts it; what it says then. */
  const dma = (control: number, length: number, target: number) => {
    const view = new DataView(new ArrayBuffer(16));
    [control, length, 0, target].forEach((word, at) => view.setUint32(4 * at, word));
    ram.write(RAM, new Uint8Array(view.buffer));
    registers.write(16, 4, 0);
    registers.write(20, 4, swapped(RAM));
    return ram.load(RAM, 4)! >>> 24;
  };
  return { device, clock, ram, registers, errors, bytes, select, dma, memory: new Uint8Array(memory), outputs: () => ({ data: registers.read(0, 4), errors: errors.splice(0), memory: [...new Uint8Array(memory, 0, 64)] }) };
}

const text = (bytes: readonly number[]) => String.fromCharCode(...bytes);

deviceContract('fw-cfg', build, [
  write('registers', 8, 0x2000, 2), read('registers', 0, 4), read('registers', 0, 1), write('registers', 16, 0), write('registers', 20, 0x0000_0040), write('registers', 8, 0x1900, 2), read('registers', 0, 4), write('registers', 0, 1, 1), read('registers', 9, 1),
  write('registers', 16, 0x0100_0000), write('registers', 20, 0xffff_ffff),
]);

test('the signature, what it can do, and how many CPUs there are have keys of their own', () => {
  const { select, bytes, registers } = build();
  expect(text(bytes(6))).toBe('QEMU\0\0');
  select(1);
  expect(registers.read(0, 4)).toBe(3);
  select(0x0f);
  expect(bytes(3)).toEqual([3, 0, 0]);
  expect(text([0, 1, 2, 3, 4, 5, 6, 7].map(at => registers.read(16 + at, 1)))).toBe('QEMU CFG');
});

test('files are in the directory by name, and read on from where the last read ended', () => {
  const { select, bytes, registers } = build();
  select(0x19);
  const directory = bytes(4 + 2 * 64 + 1), name = (n: number) => text(directory.slice(4 + 64 * n + 8, 4 + 64 * n + 20)).replaceAll('\0', '');
  expect([directory.slice(0, 4), name(0), name(1), directory.slice(4, 10), directory.at(-1)]).toEqual([[0, 0, 0, 2], 'etc/first', 'etc/second', [0, 0, 0, 15, 0, 0x20], 0]);
  select(0x20);
  expect([registers.read(0, 2), registers.read(0, 4), text(bytes(9)), bytes(2)]).toEqual([0x6568, 0x2c_6f_6c_6c, ' firmware', [0, 0]]);
  select(0x1234);
  expect(bytes(2)).toEqual([0, 0]);
});

test('DMA selects, skips and reads; zeros follow the end', () => {
  const { dma, ram, bytes } = build();
  expect(dma(0x20 << 16 | SELECT | SKIP, 7, 0)).toBe(0);
  expect(dma(READ, 12, RAM + 0x100)).toBe(0);
  expect(text([...ram.view(RAM + 0x100, 12)!])).toBe('firmware\0\0\0\0');
  expect(dma(0x21 << 16 | SELECT, 0, 0)).toBe(0);
  expect(bytes(4)).toEqual([9, 8, 7, 0]);
});

test('DMA that writes, or leaves memory, says so and does nothing', () => {
  const { dma, errors, registers } = build();
  expect([dma(0x20 << 16 | SELECT | WRITE, 4, RAM + 0x100), dma(READ, 0xffff_ffff, RAM), dma(READ, 4, 0x1000)]).toEqual([1, 1, 1]);
  registers.write(16, 4, 0xffff_ffff);
  registers.write(20, 4, 0xffff_ffff);
  expect(errors).toHaveLength(4);
});
