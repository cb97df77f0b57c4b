/**
 * Puts what a machine boots into its RAM, where QEMU's loader for `virt` puts it: the kernel low, the initrd half of the
 * way up and at most 128 MiB from the bottom, the device tree after it.
 */
import { EngineError } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import type { GuestRam } from '../memory/guest-ram.ts';
import { readLinuxImage, unpack } from './linux-image.ts';

const MIB = 2 ** 20;
const PAGE = 0x1000;
const DEVICE_TREE_ALIGN = 2 * MIB;
const HIGHEST_INITRD = 128 * MIB;
const BINARY_OFFSET = 0x80000;

/** Where the first CPU starts, and what it finds in X0. */
export interface BootEntry { readonly pc: number; readonly x0: number }

/** Guest addresses of the first byte and of the one after the last. */
export interface BootRange { readonly start: number; readonly end: number }

export interface LinuxBoot {
  /** A Linux arm64 `Image`, plain or compressed with gzip. */
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly deviceTree: (initrd?: BootRange) => Uint8Array;
}

export function loadLinux(ram: GuestRam, { kernel, initrd, deviceTree }: LinuxBoot): BootEntry {
  const image = readLinuxImage(unpack(kernel, ram.sizeBytes));
  const start = ram.base + image.offset;
  const end = start + Math.max(image.memoryBytes, image.bytes.length);
  put(ram, DOES_NOT_FIT.kernel, { start, end }, image.bytes);
  const initrdRange = initrd === undefined ? undefined : rangeAt(initrdStart(ram, end), initrd.length);
  if (initrd !== undefined) put(ram, DOES_NOT_FIT.initrd, initrdRange!, initrd);
  return { pc: start, x0: putDeviceTree(ram, initrdRange?.end ?? initrdStart(ram, end), deviceTree(initrdRange)) };
}

export interface BinaryBoot {
  /** Runs where it is put, without a header. */
  readonly image: Uint8Array;
  readonly deviceTree: () => Uint8Array;
}

export function loadBinary(ram: GuestRam, { image, deviceTree }: BinaryBoot): BootEntry {
  if (image.length === 0) throw new EngineError('boot.empty', 'The image is empty.');
  const range = rangeAt(ram.base + BINARY_OFFSET, image.length);
  put(ram, DOES_NOT_FIT.image, range, image);
  return { pc: range.start, x0: putDeviceTree(ram, initrdStart(ram, range.end), deviceTree()) };
}

/** For firmware, which starts in flash and looks for the device tree where RAM begins. */
export function loadDeviceTree(ram: GuestRam, { entry, deviceTree }: { readonly entry: number; readonly deviceTree: () => Uint8Array }): BootEntry {
  const blob = deviceTree();
  put(ram, DOES_NOT_FIT.deviceTree, rangeAt(ram.base, blob.length), blob);
  return { pc: entry, x0: ram.base };
}

const alignUp = (value: number, to: number) => Math.ceil(value / to) * to;
const rangeAt = (start: number, length: number): BootRange => ({ start, end: start + length });

const initrdStart = (ram: GuestRam, kernelEnd: number) =>
  alignUp(Math.max(ram.base + Math.min(ram.sizeBytes / 2, HIGHEST_INITRD), kernelEnd), PAGE);

function putDeviceTree(ram: GuestRam, above: number, blob: Uint8Array): number {
  const range = rangeAt(alignUp(above, DEVICE_TREE_ALIGN), blob.length);
  put(ram, DOES_NOT_FIT.deviceTree, range, blob);
  return range.start;
}

const DOES_NOT_FIT = {
  kernel: (needed: number, there: number) => say`The kernel does not fit: it needs at least ${needed} MiB of memory, and the machine has ${there} MiB.`,
  initrd: (needed: number, there: number) => say`The initrd does not fit: it needs at least ${needed} MiB of memory, and the machine has ${there} MiB.`,
  image: (needed: number, there: number) => say`The image does not fit: it needs at least ${needed} MiB of memory, and the machine has ${there} MiB.`,
  deviceTree: (needed: number, there: number) => say`The device tree does not fit: it needs at least ${needed} MiB of memory, and the machine has ${there} MiB.`,
} as const;

function put(ram: GuestRam, sentence: (typeof DOES_NOT_FIT)[keyof typeof DOES_NOT_FIT], range: BootRange, bytes: Uint8Array) {
  if (range.end <= ram.end && ram.write(range.start, bytes)) return;
  const needed = Math.ceil((range.end - ram.base) / MIB);
  throw new EngineError('boot.doesNotFit', sentence(needed, Math.floor(ram.sizeBytes / MIB)));
}
