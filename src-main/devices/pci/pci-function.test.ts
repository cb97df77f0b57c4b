import { describe, expect, test } from 'vitest';
import { GuestRam } from '../../memory/guest-ram.ts';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, read, write, type Step } from '../device-contract.ts';
import { vendorSpecific } from './capability.ts';
import { PciFunction } from './pci-function.ts';

const RAM = 0x4000_0000, RAM_BYTES = 0x1000;
const COMMAND = 0x04, STATUS = 0x06, MASTER = 4, MEMORY = 2;

function rig(clock = new TestClock()) {
  const buffer = new SharedArrayBuffer(RAM_BYTES), ram = new GuestRam({ buffer, byteOffset: 0, sizeBytes: RAM_BYTES, base: RAM });
  let register = 0;
  const changes: unknown[] = [];
  const device: PciFunction = new PciFunction({
    name: 'test', vendorId: 0x1234, deviceId: 0x5678, classCode: 0x01_08_02, msixVectors: 3,
    bars: [
      { index: 0, sizeBytes: 0x4000, wide: true, region: { read: () => register, write: (_, __, value) => { register = value; } } },
      { index: 2, sizeBytes: 0x80, region: { read: () => 7, write: () => {} } },
    ],
    capabilities: [vendorSpecific(Uint8Array.of(0xaa, 0xbb)), vendorSpecific(Uint8Array.of(0xcc))],
    model: { reset: () => { register = 0; }, save: () => register, restore: (state) => { register = state as number; } },
  });
  device.connect({ requesterId: 0x100, integrated: false, dma: ram, changed: () => changes.push(device.decoded().map(({ base }) => base)) });
  const get = (at: number, size: 1 | 2 | 4 = 4) => device.regions.config!.read(at, size);
  const put = (at: number, value: number, size: 1 | 2 | 4 = 4) => device.regions.config!.write(at, size, value);
  const find = (id: number, nth = 0) => {
    let skip = nth;
    for (let at = get(0x34, 1); at !== 0; at = get(at + 1, 1)) if (get(at, 1) === id && skip-- === 0) return at;
    throw new Error(`no capability ${id}`);
  };
  /** Vector n stores 100 + n at word n of RAM. */
  const programVectors = () => {
    for (let vector = 0; vector < 3; vector++) {
      [RAM + 4 * vector, 0, 100 + vector, 0].forEach((value, word) => device.regions.bar4!.write(16 * vector + 4 * word, 4, value));
    }
  };
  const messages = () => [0, 1, 2].map((vector) => ram.load(RAM + 4 * vector, 4));
  return { device, clock, ram, memory: new Uint8Array(buffer), changes, get, put, find, programVectors, messages, outputs: () => [messages(), device.decoded().map(({ base }) => base), register] };
}

test('identity, class and status are where every operating system looks', () => {
  const { get } = rig();
  expect([get(0), get(8), get(STATUS, 2), get(0x0e, 1), get(0x3d, 1)]).toEqual([0x5678_1234, 0x01_08_02_00, 0x10, 0, 0]);
});

test('capabilities are a chain, each with what it is', () => {
  const { get, find } = rig();
  expect([get(find(9) + 2) & 0xff_ffff, get(find(9, 1) + 2, 2), get(find(0x11) + 2, 2), get(find(0x10) + 2, 2), get(find(1) + 2, 2)])
    .toEqual([0xbb_aa_05, 0xcc04, 2, 2, 3]);
});

describe('BARs', () => {
  test('say their size when all ones are written', () => {
    const { get, put } = rig();
    for (let at = 0x10; at < 0x28; at += 4) put(at, 0xffff_ffff);
    expect([0x10, 0x14, 0x18, 0x1c, 0x20, 0x24].map((at) => get(at))).toEqual([0xffff_c004, 0xffff_ffff, 0xffff_ff80, 0, 0xffff_f000, 0]);
  });

  test('answer when Memory Space Enable is set, and not in D3hot', () => {
    const { device, put, find } = rig();
    put(0x10, 0x1000_4000);
    put(0x14, 0x80);
    put(0x18, 0x2000_0080);
    expect(device.decoded()).toEqual([]);
    put(COMMAND, MEMORY, 2);
    expect(device.decoded().map(({ base }) => base)).toEqual([0x80_1000_4000, 0x2000_0080, 0]);
    put(find(1) + 4, 3, 2);
    expect(device.decoded()).toEqual([]);
    put(find(1) + 4, 0, 2);
    expect(device.decoded()).toHaveLength(3);
  });
});

describe('MSI-X', () => {
  test('a vector is a store, when bus mastering and MSI-X are on', () => {
    const { device, put, find, programVectors, messages } = rig();
    programVectors();
    device.msix.signal(1);
    put(find(0x11) + 2, 0x8000, 2);
    device.msix.signal(1);
    expect(messages()).toEqual([0, 0, 0]);
    put(COMMAND, MASTER, 2);
    device.msix.signal(1);
    device.msix.signal(3);
    expect(messages()).toEqual([0, 101, 0]);
  });

  test('what is masked waits, whether its vector is masked or the function', () => {
    const { device, put, find, programVectors, messages } = rig();
    programVectors();
    put(COMMAND, MASTER, 2);
    put(find(0x11) + 2, 0xc000, 2);
    device.regions.bar4!.write(12, 4, 1);
    for (const vector of [0, 2]) device.msix.signal(vector);
    expect([messages(), device.regions.bar4!.read(0x800, 4)]).toEqual([[0, 0, 0], 5]);
    put(find(0x11) + 2, 0x8000, 2);
    expect([messages(), device.regions.bar4!.read(0x800, 4)]).toEqual([[0, 0, 102], 1]);
    device.regions.bar4!.write(12, 4, 0);
    expect([messages(), device.regions.bar4!.read(0x800, 4)]).toEqual([[100, 0, 102], 0]);
  });
});

test('function-level reset forgets all that was set up, and nothing else', () => {
  const { device, put, get, find } = rig();
  put(0x10, 0x1000_0000);
  put(COMMAND, MASTER | MEMORY, 2);
  device.regions.bar0!.write(0, 4, 99);
  put(find(0x10) + 8, 0x8000, 2);
  expect([get(COMMAND, 2), get(0x10), device.regions.bar0!.read(0, 4), get(0), get(find(0x10) + 8, 2)]).toEqual([0, 4, 0, 0x5678_1234, 0]);
});

test('memory is out of reach without Bus Master Enable, and when unplugged', () => {
  const { device, put } = rig();
  expect(device.dma.store(RAM, 4, 1)).toBe(false);
  put(COMMAND, MASTER, 2);
  expect(device.dma.store(RAM, 4, 1)).toBe(true);
  device.connect(undefined);
  expect([device.dma.load(RAM, 4), device.dma.reaches(RAM, 4, 'read')]).toEqual([undefined, false]);
});

type PciRig = ReturnType<typeof rig>;
const inRig = (act: (on: PciRig) => void): Step => (each) => act(each as PciRig);
deviceContract('PCI function', rig, [
  write('config', COMMAND, MASTER | MEMORY, 2), write('config', 0x10, 0x1000_0000), read('config', 0), inRig(({ programVectors }) => programVectors()),
  inRig(({ put, find }) => put(find(0x11) + 2, 0xc000, 2)), inRig(({ device }) => device.msix.signal(2)), write('bar0', 0, 5),
  inRig(({ put, find }) => put(find(0x11) + 2, 0x8000, 2)), inRig(({ put, find }) => put(find(1) + 4, 3, 2)),
]);
