import { expect, test } from 'vitest';
import { GuestRam } from '../../memory/guest-ram.ts';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, type Step } from '../device-contract.ts';
import { VirtioPci, NO_VECTOR } from './pci.ts';
import { VirtioRng } from './rng.ts';
import type { VirtioCore } from './virtio-core.ts';

const RAM = 0x4000_0000, RAM_BYTES = 0x4000, MESSAGES = RAM + 0x3000, DATA = RAM + 0x2000;
const NOTIFY = 0x3000, ISR = 0x1000, DEVICE = 0x2000;
const Q_DESC = RAM, Q_DRIVER = RAM + 0x400, Q_DEVICE = RAM + 0x800;

function rig(clock = new TestClock(), build = (dma: ConstructorParameters<typeof VirtioRng>[0]['dma']): VirtioCore<unknown> => new VirtioRng({ dma, random: (length) => new Uint8Array(length).fill(7) })) {
  const buffer = new SharedArrayBuffer(RAM_BYTES), ram = new GuestRam({ buffer, byteOffset: 0, sizeBytes: RAM_BYTES, base: RAM });
  const errors: string[] = [];
  const virtio = new VirtioPci({ name: 'test', core: build, guestError: (what) => errors.push(what) }), { function: device } = virtio;
  device.connect({ requesterId: 8, integrated: true, dma: ram, changed: () => {} });
  const { config, bar1, bar4 } = device.regions as Record<'config' | 'bar1' | 'bar4', typeof device.regions.config & object>;
  const get = (at: number, size: 1 | 2 | 4) => bar4.read(at, size), put = (at: number, size: 1 | 2 | 4, value: number) => bar4.write(at, size, value);
  const capabilities = () => {
    const found: { at: number; type: number; bar: number; offset: number }[] = [];
    for (let at = config.read(0x34, 1); at !== 0; at = config.read(at + 1, 1)) {
      if (config.read(at, 1) === 9) found.push({ at, type: config.read(at + 3, 1), bar: config.read(at + 4, 1), offset: config.read(at + 8, 4) });
    }
    return found;
  };
  const enableMessages = () => {
    config.write(4, 2, 6);
    for (let at = config.read(0x34, 1); at !== 0; at = config.read(at + 1, 1)) if (config.read(at, 1) === 0x11) config.write(at + 2, 2, 0x8000);
    for (let vector = 0; vector < 2; vector++) [MESSAGES + 4 * vector, 0, vector + 1, 0].forEach((value, word) => bar1.write(16 * vector + 4 * word, 4, value));
  };
  const start = () => {
    put(0x14, 1, 0);
    ram.write(RAM, new Uint8Array(0x1000));
    put(0x14, 1, 3);
    put(0x08, 4, 1);
    put(0x0c, 4, 3);
    put(0x14, 1, 11);
    put(0x10, 2, 0);
    put(0x16, 2, 0);
    put(0x1a, 2, 1);
    put(0x18, 2, 8);
    for (const [at, address] of [[0x20, Q_DESC], [0x28, Q_DRIVER], [0x30, Q_DEVICE]] as const) { put(at, 4, address); put(at + 4, 4, 0); }
    put(0x1c, 2, 1);
    put(0x14, 1, 15);
  };
  const offer = (length: number) => {
    ram.store(Q_DESC, 4, DATA);
    ram.store(Q_DESC + 8, 4, length);
    ram.store(Q_DESC + 12, 2, 2);
    ram.store(Q_DRIVER + 2, 2, ram.load(Q_DRIVER + 2, 2)! + 1);
    put(NOTIFY, 2, 0);
  };
  const messages = () => [0, 1].map((vector) => ram.load(MESSAGES + 4 * vector, 4));
  return { virtio, device, clock, memory: new Uint8Array(buffer), ram, errors, config, get, put, capabilities, enableMessages, start, offer, messages, outputs: () => [messages(), get(0x14, 1), ram.load(Q_DEVICE + 2, 2), ram.load(DATA, 4), get(0x1a, 2)] };
}

test('a driver finds an entropy device and all its parts', () => {
  const { config, capabilities, errors } = rig();
  expect([config.read(0, 4), config.read(8, 4), config.read(0x2c, 4)]).toEqual([0x1044_1af4, 0x00ff_0001, 0x1100_1af4]);
  expect(capabilities().map(({ type, bar, offset }) => [type, bar, offset])).toEqual([[1, 4, 0], [2, 4, NOTIFY], [3, 4, ISR], [5, 0, 0]]);
  expect(errors).toEqual([]);
});

test('a queue that was used sends its own vector, and the configuration another', () => {
  const { enableMessages, start, offer, messages, ram, virtio, get } = rig();
  enableMessages();
  start();
  offer(4);
  expect([messages(), ram.load(DATA, 4), get(ISR, 1), get(ISR, 1)]).toEqual([[0, 2], 0x0707_0707, 1, 0]);
  virtio.virtio.fail('a rule was broken');
  expect([messages(), get(0x14, 1) & 0x40]).toEqual([[1, 2], 0x40]);
});

test('vectors that do not exist read back as none, and a reset forgets them', () => {
  const { start, put, get } = rig();
  start();
  put(0x1a, 2, 2);
  expect(get(0x1a, 2)).toBe(NO_VECTOR);
  put(0x1a, 2, 1);
  put(0x14, 1, 0);
  expect([get(0x1a, 2), get(0x10, 2), get(0x1c, 2), get(0x18, 2)]).toEqual([NO_VECTOR, NO_VECTOR, 0, 64]);
});

test('the device can be reached by way of configuration space alone', () => {
  const { config, capabilities, get } = rig();
  const { at } = capabilities().find(({ type }) => type === 5)!;
  config.write(at + 4, 1, 4);
  config.write(at + 8, 4, 0x14);
  config.write(at + 12, 4, 1);
  config.write(at + 16, 4, 3);
  expect([get(0x14, 1), config.read(at + 16, 4)]).toEqual([3, 3]);
  config.write(at + 8, 4, 0xffff_fffc);
  config.write(at + 16, 4, 3);
  expect(config.read(at + 16, 4)).toBe(0);
});

test('a configuration that changes by itself has another generation, and is told of', () => {
  let changed = () => {};
  const config = Uint8Array.of(5, 0, 0, 0);
  const { enableMessages, start, messages, get } = rig(new TestClock(), () => ({
    name: 'changing', deviceId: 5, features: 0, queueSizes: [8], config, attach: (port) => { changed = () => port.configurationChanged(); },
    notified: () => {}, stop: () => {}, reset: () => {}, save: () => null, restore: () => {},
  }));
  enableMessages();
  start();
  config[0] = 6;
  changed();
  expect([get(0x15, 1), get(DEVICE, 4), messages()]).toEqual([1, 6, [1, 0]]);
});

type PciRig = ReturnType<typeof rig>;
const inRig = (act: (on: PciRig) => unknown): Step => (each) => { act(each as unknown as PciRig); };
deviceContract('virtio-pci', (clock) => rig(clock), [
  inRig(({ enableMessages }) => enableMessages()), inRig(({ start }) => start()), inRig(({ offer }) => offer(3)), inRig(({ config }) => config.write(4, 2, 2)),
  inRig(({ offer }) => offer(5)), inRig(({ put }) => put(0x14, 1, 0)),
]);
