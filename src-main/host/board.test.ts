import { expect, test } from 'vitest';
import type { Ipa } from '../../shared/base/ids.ts';
import { configurationFor, USUAL_DISPLAY, type DisplaySpec } from '../../shared/model/display.ts';
import type { VirtualCpuInterface } from '../devices/gic/list-register.ts';
import { GuestRam } from '../memory/guest-ram.ts';
import { TestClock } from '../time/test-clock.ts';
import { Board } from './board.ts';

const RAM = 0x4000_0000;

function build(clock = new TestClock(), display?: DisplaySpec) {
  const buffer = new SharedArrayBuffer(2 ** 20);
  const ram = new GuestRam({ buffer, byteOffset: 0, sizeBytes: buffer.byteLength, base: RAM });
  const seen = { printed: 0, kicks: [] as number[] };
  const board = new Board({
    ram, clock, cpus: 2, disks: [], ...(display && { display }), wallMs: () => clock.nowNs / 1e6, random: (length) => new Uint8Array(length).fill(1),
    consoleOutput: () => { seen.printed++; }, virtioConsoleOutput: () => {}, kick: (cpu) => seen.kicks.push(cpu),
  });
  const read = (address: number, size: 1 | 2 | 4 | 8 = 4) => board.bus.read(address as Ipa, size);
  const write = (address: number, value: bigint, size: 1 | 2 | 4 | 8 = 4) => board.bus.write(address as Ipa, size, value);
  const lrs = new BigUint64Array(16);
  const cpu: VirtualCpuInterface = { lrCount: 16, readLr: (n) => lrs[n]!, writeLr: (n, value) => { lrs[n] = value; }, setUnderflowInterrupt: () => {} };
  /** INTIDs that are in CPU 0's list registers. */
  const interrupts = () => {
    board.gic.flush(0, cpu);
    const intids = [...lrs].filter((lr) => lr >> 62n !== 0n).map((lr) => Number(lr & 0xffff_ffffn));
    board.gic.sync(0, cpu);
    return intids;
  };
  const startGic = () => {
    write(0x0800_0000, 0x12n);
    for (let word = 1; word < 4; word++) { write(0x0800_0080 + 4 * word, 0xffff_ffffn); write(0x0800_0100 + 4 * word, 0xffff_ffffn); }
    write(0x080b_0080, 0xffff_ffffn);
    write(0x080b_0100, 0xffff_ffffn);
  };
  return { board, seen, read, write, interrupts, startGic, clock };
}

test('every device answers where QEMU\'s board has it', () => {
  const { read, board } = build();
  expect([
    read(0x0800_ffe8), read(0x0808_ffe8), read(0x080a_0008, 8), read(0x080c_0008, 8), read(0x0900_0fe0, 1), read(0x0901_0fe0), read(0x0903_0fe0),
    read(0x0a00_0000), read(0x0a00_0008), read(0x0a00_0208), board.guestErrors.count,
  ]).toEqual([0x3bn, 0x3bn, 1n, 0x1_0000_0111n, 0x11n, 0x31n, 0x61n, 0x74726976n, 4n, 3n, 0]);
});

test('what nothing answers for is counted', () => {
  const { read, board } = build();
  read(0x0902_0000);
  expect(board.guestErrors).toEqual({ count: 1, last: 'nothing answers at 0x9020000' });
});

test('devices and CPUs interrupt with the numbers that the device tree tells', () => {
  const { board, startGic, write, interrupts, seen } = build();
  startGic();
  write(0x0900_0038, 0x40n);
  write(0x0900_0030, 0x301n);
  board.type(Uint8Array.of(0x61));
  write(0x0903_0410, 8n);
  write(0x0903_040c, 8n);
  board.powerButton();
  board.cpuLines[0]!.virtualTimer.set(true);
  expect([interrupts(), seen.kicks.includes(0)]).toEqual([[27, 33, 39], true]);
});

test('a reader that falls behind stops the serial port, also over a reset, until it has caught up', () => {
  const { board, seen, write, read } = build();
  const limit = 256 * 1024;
  for (let n = 0; n < limit + 5; n++) write(0x0900_0000, 0x2en);
  expect(seen.printed).toBe(limit);
  board.reset();
  write(0x0900_0000, 0x2en);
  expect([seen.printed, read(0x0900_0018) & 0x20n]).toEqual([limit, 0x20n]);
  board.acknowledgeConsole(1);
  expect([seen.printed, read(0x0900_0018) & 0x20n]).toEqual([limit + 1, 0n]);
});

test('a board that was saved goes on elsewhere', () => {
  const one = build();
  one.startGic();
  one.write(0x0900_0038, 0x40n);
  one.write(0x0900_0030, 0x301n);
  one.board.type(Uint8Array.of(0x61));
  one.board.powerButton();
  const other = build(new TestClock(one.clock.nowNs));
  other.board.restore(structuredClone(one.board.save()));
  expect([other.interrupts(), other.read(0x0900_0000)]).toEqual([[33], 0x61n]);
  expect(other.board.save()).toEqual((one.interrupts(), one.read(0x0900_0000), one.board.save()));
});

/** Vendor and device of what is on bus 0. */
const onBus = ({ read }: ReturnType<typeof build>) => Array.from({ length: 32 }, (_, device) => read(0x3f00_0000 + (device << 15))).map((id) => (id === 0xffff_ffffn ? '' : (id >> 16n).toString(16)));

test('a display adds an adapter, a keyboard, and a port for the pointer; without one nothing is there that was not', () => {
  const ports = Array<string>(8).fill('c');
  expect(onBus(build())).toEqual(['8', ...Array<string>(15).fill(''), ...ports, ...Array<string>(8).fill('')]);
  expect(onBus(build(undefined, USUAL_DISPLAY))).toEqual(['8', '1050', '1052', ...Array<string>(13).fill(''), ...ports, 'c', ...Array<string>(7).fill('')]);
});

test('the pointer\'s slot is nobody else\'s', async () => {
  const { board } = build(undefined, USUAL_DISPLAY);
  expect(() => board.plug(8, () => { throw new Error('not reached'); })).toThrow('There is no PCI slot 8; they are 0 to 7.');
  await expect(board.unplug(8)).rejects.toThrow('There is no PCI slot 8');
});

test('a display of a fixed size has all its heads at first, others one; a framebuffer has one', () => {
  const sizes = (spec: Partial<DisplaySpec>) => configurationFor({ ...USUAL_DISPLAY, heads: 3, ...spec }).heads.map(({ width, height }) => [width, height]);
  expect([sizes({}), sizes({ fixedSize: { width: 800, height: 600 } }), sizes({ adapter: 'framebuffer', fixedSize: { width: 800, height: 600 } })]).toEqual([[[1280, 800]], Array(3).fill([800, 600]), [[800, 600]]]);
});

test('a framebuffer is the end of RAM, of which the guest is not told, and has to leave some', () => {
  const { board } = build(undefined, { ...USUAL_DISPLAY, adapter: 'framebuffer', fixedSize: { width: 320, height: 200 } }), surface = board.display!.surface(0)!;
  expect([board.toldRam.end, surface.offset, surface.width, surface.strideBytes]).toEqual([RAM + 2 ** 20 - 0x4_0000, 2 ** 20 - 0x4_0000, 320, 1280]);
  expect(board.toldRam.store(RAM + surface.offset, 4, 1)).toBe(false);
  expect(() => build(undefined, { ...USUAL_DISPLAY, adapter: 'framebuffer' })).toThrow('The VM\'s memory is too small for a framebuffer of 1280 × 800 pixels.');
});

test('a machine whose pointer was changed goes on with that one', () => {
  const one = build(undefined, USUAL_DISPLAY), other = build(undefined, USUAL_DISPLAY), mode = { width: 640, height: 480, widthMm: 170, heightMm: 127 };
  one.board.display!.configure({ heads: [mode], pointer: 'touch' });
  other.board.restore(structuredClone(one.board.save()));
  expect(other.board.display!.configuration).toEqual({ heads: [mode], pointer: 'touch' });
  expect(other.board.display!.configure({ heads: [mode], pointer: 'touch' })).toBe(false);
});
