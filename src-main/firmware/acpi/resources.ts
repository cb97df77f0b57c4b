/** Resource descriptors (ACPI 6.5, 6.4) for `_CRS` and its like. Addresses and lengths are in bytes; `source` is the path of the controller. */
import { concat, LittleEndian } from '../little-endian.ts';
import { buffer, type Aml } from './aml.ts';

export type Descriptor = Uint8Array;

const END = Uint8Array.of(0x79, 0);
export const resources = (descriptors: readonly Descriptor[]): Aml => buffer(concat([...descriptors, END]));

const large = (type: number, body: LittleEndian): Descriptor => {
  const bytes = body.done();
  return new LittleEndian().u8(0x80 | type).u16(bytes.length).append(bytes).done();
};

const READ_WRITE = 1, CONSUMER = 1, MIN_FIXED = 4, MAX_FIXED = 8, PREFETCHABLE = 6, TRANSLATES = 0x10, ENTIRE_RANGE = 3;
const LIMIT_32 = 2n ** 32n;
const MEMORY = 0, IO = 1, BUS_NUMBERS = 2;

/** What a device answers at. */
export function memory(base: bigint, size: bigint): Descriptor {
  if (size < LIMIT_32 && base + size <= LIMIT_32) return large(0x06, new LittleEndian().u8(READ_WRITE).u32(Number(base), Number(size)));
  return space(MEMORY, CONSUMER, READ_WRITE, { base, size, translation: 0n });
}

/** Addresses on the bus's own side, and what has to be added to them for the CPU's. */
export interface Window { readonly base: bigint; readonly size: bigint; readonly translation: bigint }

function space(type: number, direction: number, specific: number, { base, size, translation }: Window): Descriptor {
  return large(0x0a, new LittleEndian().u8(type, direction | MIN_FIXED | MAX_FIXED, specific).u64(0, base, base + size - 1n, translation, size));
}
export const memoryWindow = (window: Window, isPrefetchable: boolean): Descriptor => {
  const specific = READ_WRITE | (isPrefetchable ? PREFETCHABLE : 0);
  if (window.size === LIMIT_32 || window.base + window.size > LIMIT_32 || window.translation !== 0n) return space(MEMORY, 0, specific, window);
  return large(0x07, new LittleEndian().u8(MEMORY, MIN_FIXED | MAX_FIXED, specific).u32(0, Number(window.base), Number(window.base + window.size - 1n), 0, Number(window.size)));
};
export const ioWindow = (window: Window): Descriptor => space(IO, 0, ENTIRE_RANGE | TRANSLATES, window);
export const busNumbers = (first: number, last: number): Descriptor =>
  large(0x08, new LittleEndian().u8(BUS_NUMBERS, MIN_FIXED | MAX_FIXED, 0).u16(0, first, last, 0, last - first + 1));

export interface InterruptFlags { readonly isEdge: boolean; readonly isLow: boolean }
const trigger = ({ isEdge, isLow }: InterruptFlags): number => (isEdge ? 2 : 0) | (isLow ? 4 : 0);
export const interrupt = (gsi: number, flags: InterruptFlags): Descriptor => large(0x09, new LittleEndian().u8(CONSUMER | trigger(flags), 1).u32(gsi));

const pathBytes = (path: string): Uint8Array => new TextEncoder().encode(`${path}\0`);
const GPIO_HEADER = 23, PULL_DEFAULT = 0, PULL_NONE = 3;

function gpio(type: number, flags: number, pull: number, { source, pin }: { readonly source: string; readonly pin: number }): Descriptor {
  const name = pathBytes(source), nameAt = GPIO_HEADER + 2;
  return large(0x0c, new LittleEndian().u8(1, type).u16(CONSUMER, flags).u8(pull).u16(0, 0, GPIO_HEADER).u8(0).u16(nameAt, nameAt + name.length, 0).u16(pin).append(name));
}
export interface GpioPin { readonly source: string; readonly pin: number }
export const gpioInterrupt = (pin: GpioPin, { isEdge, isLow, isBoth = false }: InterruptFlags & { readonly isBoth?: boolean }): Descriptor =>
  gpio(0, (isEdge ? 1 : 0) | (isBoth ? 4 : isLow ? 2 : 0), PULL_DEFAULT, pin);
export const gpioLine = (pin: GpioPin): Descriptor => gpio(1, 0, PULL_NONE, pin);

function serialBus(type: number, specific: LittleEndian, flags: number, source: string): Descriptor {
  const data = specific.done();
  return large(0x0e, new LittleEndian().u8(2, 0, type, CONSUMER << 1).u16(flags).u8(1).u16(data.length).append(data).append(pathBytes(source)));
}
const I2C = 1, SPI = 2;
export const i2cBus = (address: number, hertz: number, source: string): Descriptor => serialBus(I2C, new LittleEndian().u32(hertz).u16(address), address > 0x7f ? 1 : 0, source);
export interface SpiMode { readonly hertz: number; readonly phase: boolean; readonly polarity: boolean; readonly select: number; readonly highSelect: boolean; readonly threeWire: boolean }
export const spiBus = ({ hertz, phase, polarity, select, highSelect, threeWire }: SpiMode, source: string): Descriptor =>
  serialBus(SPI, new LittleEndian().u32(hertz).u8(8, Number(phase), Number(polarity)).u16(select), (threeWire ? 1 : 0) | (highSelect ? 2 : 0), source);
