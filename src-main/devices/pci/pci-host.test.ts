import { expect, test } from 'vitest';
import type { Ipa } from '../../../shared/base/ids.ts';
import { Bus } from '../../memory/bus.ts';
import { GuestRam } from '../../memory/guest-ram.ts';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, type Step } from '../device-contract.ts';
import { PciFunction } from './pci-function.ts';
import { PciHost } from './pci-host.ts';

const RAM = 0x4000_0000, RAM_BYTES = 0x1000, WINDOW = { base: 0x1000_0000, size: 0x1000_0000 };
const COMMAND = 4, PORT = 16 << 15, CHILD = 1 << 20;
const SLOT_CONTROL = 0x18, SLOT_STATUS = 0x1a, LINK_STATUS = 0x12;
/** Hot-plug interrupt, link, command completed, presence, button. */
const NOTIFY = 0x1039;

function rig(clock = new TestClock()) {
  const buffer = new SharedArrayBuffer(RAM_BYTES), ram = new GuestRam({ buffer, byteOffset: 0, sizeBytes: RAM_BYTES, base: RAM });
  const errors: string[] = [], ejected: string[] = [], requesters: number[] = [];
  const bus = new Bus<Ipa>((what) => errors.push(what));
  const endpoint = (name: string) => {
    let value = 0;
    return new PciFunction({
      name, vendorId: 0x1234, deviceId: 0x1111, classCode: 0xff_00_00, msixVectors: 1,
      bars: [{ index: 0, sizeBytes: 0x1000, region: { read: () => value, write: (_, __, written) => { value = written; } } }],
      model: { reset: () => { value = 0; }, save: () => value, restore: (state) => { value = state as number; } },
    });
  };
  const host = new PciHost<Ipa>({ bus, window: WINDOW, slots: 2, clock, dmaFor: (id) => { requesters.push(id); return ram; }, ejected: (device) => ejected.push(device.name), guestError: (what) => errors.push(what) });
  const integrated = endpoint('integrated');
  host.add(integrated);
  const get = (at: number, size: 1 | 2 | 4 = 4) => host.regions.ecam.read(at, size);
  const put = (at: number, value: number, size: 1 | 2 | 4 = 4) => host.regions.ecam.write(at, size, value);
  const memory = (at: number) => bus.read((WINDOW.base + at) as Ipa, 4);
  const poke = (at: number, value: number) => bus.write((WINDOW.base + at) as Ipa, 4, BigInt(value));
  const express = () => {
    let at = get(PORT + 0x34, 1);
    while (get(PORT + at, 1) !== 0x10) at = get(PORT + at + 1, 1);
    return PORT + at;
  };
  /** The first port leads to bus 1, has the window's second MiB, and its interrupt is a word of RAM. */
  const setUpPort = () => {
    put(PORT + 0x18, 0x01_01_00);
    put(PORT + 0x20, 0x1010_1010);
    put(PORT + 0x10, WINDOW.base + 0x8000);
    put(PORT + COMMAND, 6, 2);
    for (const [word, value] of [RAM, 0, 0x77, 0].entries()) poke(0x8000 + 4 * word, value);
    for (let at = get(PORT + 0x34, 1); at !== 0; at = get(PORT + at + 1, 1)) if (get(PORT + at, 1) === 0x11) put(PORT + at + 2, 0x8000, 2);
    put(express() + SLOT_CONTROL, NOTIFY | 0x700, 2);
    put(express() + SLOT_STATUS, 0x1f, 2);
    ram.store(RAM, 4, 0);
  };
  const heard = () => { const word = ram.load(RAM, 4); ram.store(RAM, 4, 0); return word === 0x77; };
  const powerOn = () => { put(express() + SLOT_CONTROL, NOTIFY | 0x100, 2); put(express() + SLOT_STATUS, 0x11f, 2); };
  const setUpChild = () => {
    put(CHILD + 0x10, WINDOW.base + 0x10_0000);
    put(CHILD + COMMAND, 6, 2);
  };
  const status = () => get(express() + SLOT_STATUS, 2);
  return { host, bus, clock, ram, errors, ejected, requesters, endpoint, integrated, get, put, memory, poke, express, setUpPort, heard, powerOn, setUpChild, status };
}

test('what is on bus 0 can be found, and all else reads as all ones', () => {
  const { get } = rig();
  expect([get(0), get(1 << 15), get(2 << 15), get(PORT), get(PORT + 8) >>> 16, get(1 << 12, 2), get(CHILD), get(0xff_f000, 1)])
    .toEqual([0x0008_1b36, 0x1111_1234, 0xffff_ffff, 0x000c_1b36, 0x0604, 0xffff, 0xffff_ffff, 0xff]);
});

test('BARs answer where the guest puts them, in the window only, and two do not share an address', () => {
  const { put, memory, poke, errors } = rig();
  const at = 1 << 15;
  put(at + 0x10, WINDOW.base + 0x4000);
  put(at + 0x20, WINDOW.base + 0x4000);
  put(at + COMMAND, 2, 2);
  poke(0x4000, 42);
  expect([memory(0x4000), errors.length > 0]).toEqual([42n, true]);
  put(at + 0x20, 0x9000_0000);
  put(at + 0x10, WINDOW.base + 0x6000);
  expect([memory(0x6000), memory(0x4000)]).toEqual([42n, 0n]);
  put(at + COMMAND, 0, 2);
  expect(memory(0x6000)).toBe(0n);
});

test('a device that is plugged in is told of, and reached once the slot has power', () => {
  const { host, get, setUpPort, heard, powerOn, setUpChild, endpoint, status, memory, poke, express, requesters } = rig();
  setUpPort();
  const device = endpoint('new');
  host.ports[0]!.plug(device);
  expect([heard(), status() & 0x49, get(CHILD)]).toEqual([true, 0x49, 0xffff_ffff]);
  powerOn();
  expect([get(express() + LINK_STATUS, 2) & 0x2000, get(CHILD), get(CHILD + (1 << 15))]).toEqual([0x2000, 0x1111_1234, 0xffff_ffff]);
  setUpChild();
  poke(0x10_0000, 9);
  expect([memory(0x10_0000), device.dma.store(RAM + 8, 4, 1), requesters.at(-1)]).toEqual([9n, true, 0x100]);
});

test('a port forwards what its windows hold, and nothing without its own command bits', () => {
  const { host, put, setUpPort, powerOn, setUpChild, endpoint, memory, poke } = rig();
  setUpPort();
  const device = endpoint('new');
  host.ports[0]!.plug(device);
  powerOn();
  setUpChild();
  poke(0x10_0000, 9);
  put(PORT + 0x20, 0x1020_1020);
  expect(memory(0x10_0000)).toBe(0n);
  put(PORT + 0x20, 0x1010_1010);
  expect(memory(0x10_0000)).toBe(9n);
  put(PORT + COMMAND, 0, 2);
  expect([memory(0x10_0000), device.dma.load(RAM, 4)]).toEqual([0n, undefined]);
});

test('the button asks the guest to let go, and power off lets go', () => {
  const { host, put, express, setUpPort, heard, powerOn, endpoint, status, ejected, get } = rig();
  setUpPort();
  host.ports[0]!.plug(endpoint('new'));
  powerOn();
  heard();
  host.ports[0]!.unplug(30e9);
  expect([heard(), status() & 0x49, ejected]).toEqual([true, 0x41, []]);
  put(express() + SLOT_CONTROL, NOTIFY | 0x700, 2);
  expect([ejected, status() & 0x48, get(CHILD)]).toEqual([['new'], 0x08, 0xffff_ffff]);
});

test('a guest that does not let go in time loses the device', () => {
  const { host, setUpPort, powerOn, endpoint, clock, ejected, status, heard } = rig();
  setUpPort();
  host.ports[0]!.plug(endpoint('new'));
  powerOn();
  host.ports[0]!.unplug(30e9);
  clock.runTo(29e9);
  expect(ejected).toEqual([]);
  heard();
  clock.runTo(31e9);
  expect([ejected, status() & 0x48]).toEqual([['new'], 0x08]);
});

test('what is to be unplugged is gone after a reset', () => {
  const { host, setUpPort, endpoint, powerOn, ejected, status } = rig();
  setUpPort();
  host.ports[0]!.plug(endpoint('new'));
  powerOn();
  host.ports[0]!.unplug(30e9);
  host.ports[0]!.reset();
  expect([ejected, status() & 0x40]).toEqual([['new'], 0]);
});

test('what takes the place of something in one moment is seen as a link that went down and up, as after reset', () => {
  const { host, setUpPort, powerOn, setUpChild, endpoint, get, express, poke, memory, status, heard, ejected } = rig(), changes: boolean[] = [];
  setUpPort();
  host.ports[0]!.plug(endpoint('new'));
  powerOn();
  setUpChild();
  poke(0x10_0000, 5);
  heard();
  host.ports[0]!.replug(() => changes.push(get(CHILD) === 0xffff_ffff));
  expect([changes, heard(), status() & 0x149, get(express() + LINK_STATUS, 2) & 0x2000]).toEqual([[true], true, 0x148, 0x2000]);
  expect([get(CHILD), get(CHILD + COMMAND, 2), get(CHILD + 0x10), ejected]).toEqual([0x1111_1234, 0, 0, []]);
  setUpChild();
  expect(memory(0x10_0000)).toBe(0n);
});

test('what takes the place of something that was to go stays', () => {
  const { host, setUpPort, powerOn, endpoint, clock, ejected, get } = rig();
  setUpPort();
  host.ports[0]!.plug(endpoint('new'));
  powerOn();
  host.ports[0]!.unplug(5e9);
  host.ports[0]!.replug(() => { /* nothing else than it is */ });
  clock.runTo(10e9);
  expect([ejected, get(CHILD)]).toEqual([[], 0x1111_1234]);
});

test('endpoints for which there is no room before the ports come after them, and are saved', () => {
  const { host, endpoint, get } = rig();
  for (let n = 2; n < 20; n++) host.add(endpoint(`more ${n}`));
  expect([get(15 << 15), get(17 << 15, 2), get(18 << 15), get(21 << 15), get(22 << 15)]).toEqual([0x1111_1234, 0x1b36, 0x1111_1234, 0x1111_1234, 0xffff_ffff]);
  expect(new Set(host.devices.map(({ name }) => name)).size).toBe(1 + 1 + 19 + 2);
});

test('a device without power is as after reset, and is there again with power', () => {
  const { host, put, express, setUpPort, powerOn, setUpChild, endpoint, get, ejected } = rig();
  setUpPort();
  host.ports[0]!.plug(endpoint('new'));
  powerOn();
  setUpChild();
  put(express() + SLOT_CONTROL, NOTIFY | 0x700, 2);
  expect([get(CHILD), ejected]).toEqual([0xffff_ffff, []]);
  powerOn();
  expect([get(CHILD), get(CHILD + COMMAND, 2), get(CHILD + 0x10)]).toEqual([0x1111_1234, 0, 0]);
});

/** The port and what is in it, as one device. */
function portRig(clock: TestClock) {
  const all = rig(clock), port = all.host.ports[0]!, device = all.endpoint('new');
  port.insert(device);
  const devices = [port, device, all.host];
  /** As a reset takes what was to be unplugged. */
  const plugAgain = () => {
    if (all.ejected.splice(0).length > 0) port.insert(device);
  };
  return {
    ...all, port, memory: all.ram.view(RAM, RAM_BYTES)!,
    device: {
      name: 'port', regions: { ecam: all.host.regions.ecam }, reset: () => { for (const each of devices) each.reset(); plugAgain(); }, save: () => devices.map((each) => each.save()),
      restore: (state: unknown) => devices.forEach((each, n) => { (each.restore as (saved: unknown) => void)((state as unknown[])[n]); }),
    },
    outputs: () => [all.status(), all.get(CHILD), all.get(CHILD + 0x10), all.memory(0x10_0000), all.heard(), all.ejected.splice(0)],
  };
}
type PortRig = ReturnType<typeof portRig>;
const inRig = (act: (on: PortRig) => unknown): Step => (each) => { act(each as unknown as PortRig); };
deviceContract('root port', portRig, [
  inRig(({ setUpPort }) => setUpPort()), inRig(({ powerOn }) => powerOn()), inRig(({ setUpChild }) => setUpChild()), inRig(({ poke }) => poke(0x10_0000, 3)),
  inRig(({ port }) => port.unplug(5e9)), inRig(({ clock }) => clock.runTo(clock.nowNs + 1e9)),
]);
