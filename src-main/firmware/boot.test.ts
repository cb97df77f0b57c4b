import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { GuestRam } from '../memory/guest-ram.ts';
import { loadBinary, loadLinux, type BootRange } from './boot.ts';

const RAM = 0x4000_0000;
const MIB = 2 ** 20;
const machine = (mib: number) => new GuestRam({ buffer: new SharedArrayBuffer(mib * MIB), byteOffset: 0, sizeBytes: mib * MIB, base: RAM });
const tree = () => Uint8Array.of(0xd0, 0x0d, 0xfe, 0xed);

/** An `Image` that is all header, but for its length. */
function kernel({ textOffset = 0n, imageSize = 3n * BigInt(MIB), flags = 0xan, fileBytes = MIB } = {}) {
  const bytes = new Uint8Array(fileBytes);
  const header = new DataView(bytes.buffer);
  header.setBigUint64(8, textOffset, true);
  header.setBigUint64(16, imageSize, true);
  header.setBigUint64(24, flags, true);
  header.setUint32(56, 0x644d_5241, true);
  return bytes;
}

test('kernel, initrd and device tree are where QEMU puts them', () => {
  const ram = machine(64);
  let told: BootRange | undefined;
  const entry = loadLinux(ram, { kernel: kernel(), initrd: new Uint8Array(5000).fill(3), deviceTree: (initrd) => { told = initrd; return tree(); } });
  expect([entry, told]).toEqual([{ pc: RAM + 2 * MIB, x0: RAM + 34 * MIB }, { start: RAM + 32 * MIB, end: RAM + 32 * MIB + 5000 }]);
  expect([ram.load(RAM + 2 * MIB + 56, 4), ram.load(told!.end - 1, 1), ram.load(told!.end, 1), ram.load(entry.x0, 1)]).toEqual([0x644d_5241, 3, 0, 0xd0]);
});

test('a large kernel pushes the rest up, and without an initrd the device tree takes its place', () => {
  expect(loadLinux(machine(64), { kernel: kernel({ imageSize: 40n * BigInt(MIB), textOffset: 0x80000n }), deviceTree: tree }))
    .toEqual({ pc: RAM + 0x80000, x0: RAM + 42 * MIB });
});

test('a gzip-compressed kernel is the same kernel', () => {
  const ram = machine(16);
  expect([loadLinux(ram, { kernel: gzipSync(kernel()), deviceTree: tree }).pc, ram.load(RAM + 2 * MIB + 56, 4)]).toEqual([RAM + 2 * MIB, 0x644d_5241]);
});

test('a headerless binary starts at RAM + 0x80000 with the device tree in X0', () => {
  const ram = machine(16);
  expect([loadBinary(ram, { image: Uint8Array.of(1, 2), deviceTree: tree }), ram.load(RAM + 0x80000, 2)])
    .toEqual([{ pc: RAM + 0x80000, x0: RAM + 8 * MIB }, 0x0201]);
});

describe('what cannot boot is refused in one sentence:', () => {
  const refusal = (bytes: Uint8Array, mib = 16, initrd?: Uint8Array) => {
    try {
      loadLinux(machine(mib), { kernel: bytes, deviceTree: tree, ...(initrd === undefined ? {} : { initrd }) });
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };
  const truncated = () => {
    const image = kernel();
    const header = new DataView(image.buffer);
    header.setUint32(60, 0x80, true);
    header.setUint32(0x80, 0x4550, true);
    header.setUint16(0x86, 1, true);
    header.setUint32(0x80 + 24 + 16, image.length, true);
    header.setUint32(0x80 + 24 + 20, 0x1000, true);
    return image;
  };
  const cases: readonly [string, string, RegExp][] = [
    ['not a kernel', refusal(new Uint8Array(4096)), /^The kernel is not a Linux arm64 Image: .*\.$/],
    ['shorter than a header', refusal(kernel().subarray(0, 60)), /not a Linux arm64 Image/],
    ['big-endian', refusal(kernel({ flags: 1n })), /^The kernel is big-endian, which the machine does not run\.$/],
    ['truncated', refusal(truncated()), /^The kernel is truncated: .*\.$/],
    ['damaged gzip', refusal(gzipSync(kernel()).subarray(0, 500)), /^The kernel cannot be decompressed: .*\.$/],
    ['gzip that grows without bound', refusal(gzipSync(new Uint8Array(20 * MIB))), /^The kernel does not fit: unpacked it has more than 16 MiB\.$/],
    ['kernel too large', refusal(kernel({ imageSize: 20n * BigInt(MIB) })), /^The kernel does not fit: it needs at least 22 MiB of memory, and the machine has 16 MiB\.$/],
    ['initrd too large', refusal(kernel(), 16, new Uint8Array(9 * MIB)), /^The initrd does not fit: it needs at least 17 MiB/],
    ['no room for the device tree', refusal(kernel({ imageSize: 14n * BigInt(MIB) }), 16), /^The device tree does not fit/],
  ];
  for (const [what, message, sentence] of cases) test(what, () => expect(message).toMatch(sentence));
});
