/** The parts of the built-in UEFI by themselves: what guests that do everything wrong cannot break. */
import { describe, expect, test } from 'vitest';
import { MEMORY, MemoryMap, PAGE_BYTES } from './memory-map.ts';
import { Variables, ATTRIBUTE, STORE_BYTES } from './variables.ts';
import { Events, TPL } from './events.ts';
import { Handles, OPEN } from './handles.ts';
import { GUID, guidBytes, guidText } from './guid.ts';
import { fileOf, filePath, hardDrive, pathBytes, pathText, pci, pciRoot, readPath } from './device-path.ts';
import { loadOptionBytes, optionName, optionNumber, readLoadOption } from './load-option.ts';
import { loadedPeImage, readPeImage } from './pe-image.ts';
import { Keyboard, keysOf, SCAN } from './keys.ts';
import { matches } from './protocols/collation.ts';
import { resolvePath } from './protocols/files.ts';
import { ACCESS_DENIED, INVALID_PARAMETER, LOAD_ERROR, NOT_FOUND, OUT_OF_RESOURCES, SUCCESS, UNSUPPORTED } from './status.ts';
import { TerminalView, TextScreen } from './text-screen.ts';

const MIB = 2 ** 20, START = 0x4000_0000, END = START + 64 * MIB;

/** A seeded generator (mulberry32). */
function randomOf(seed: number) {
  let state = seed;
  return (below: number) => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) % below;
  };
}

describe('memory', () => {
  test.each([1, 2, 3])('whatever is asked for, ranges lie side by side and nobody has a page twice (seed %i)', seed => {
    const random = randomOf(seed), map = new MemoryMap(START, END), taken = new Map<number, number>(), pools: number[] = [];
    const types = [MEMORY.loaderData, MEMORY.bootServicesData, MEMORY.runtimeServicesData];
    for (let step = 0; step < 2000; step++) {
      const pages = 1 + random(40), type = types[random(3)]!, at = START + random(64 * MIB / PAGE_BYTES) * PAGE_BYTES;
      switch (random(6)) {
        case 0: { const start = map.allocate(type, pages); if (start !== undefined) taken.set(start, pages); break; }
        case 1: { const start = map.allocate(type, pages, { below: at, alignment: PAGE_BYTES << random(6) }); if (start !== undefined) { expect(start + pages * PAGE_BYTES).toBeLessThanOrEqual(at); taken.set(start, pages); } break; }
        case 2: if (map.allocateAt(type, at, pages)) taken.set(at, pages); break;
        case 3: { const start = map.allocatePool(type, random(5000)); if (start !== undefined) { expect(pools).not.toContain(start); pools.push(start); } break; }
        case 4: { const start = pools.splice(random(pools.length + 1), 1)[0]; if (start !== undefined) { expect(map.releasePool(start)).toBe(true); expect(map.releasePool(start)).toBe(false); } break; }
        default: { const start = [...taken.keys()][random(taken.size + 1)]; if (start !== undefined) { expect(map.release(start, taken.get(start)!)).toBe(true); taken.delete(start); } }
      }
      const { descriptors } = map;
      const isWhole = descriptors.every(({ start, pages: length, type: its }, n) => length > 0 && start === (n === 0 ? START : descriptors[n - 1]!.start + descriptors[n - 1]!.pages * PAGE_BYTES) && its !== descriptors[n - 1]?.type);
      if (!isWhole || descriptors.at(-1)!.start + descriptors.at(-1)!.pages * PAGE_BYTES !== END) expect.fail(JSON.stringify(descriptors, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
    }
    const copy = new MemoryMap(START, END);
    copy.restore(structuredClone(map.save()));
    expect(copy.descriptors).toEqual(map.descriptors);
  });

  test('what is not given out is not taken back, and what does not fit is not given', () => {
    const map = new MemoryMap(START, END);
    expect([map.release(START, 1), map.release(START + 1, 1), map.release(0, 1), map.allocate(MEMORY.loaderData, 64 * MIB), map.allocateAt(MEMORY.loaderData, END - PAGE_BYTES, 2), map.allocateAt(MEMORY.loaderData, START + 5, 1), map.releasePool(START)])
      .toEqual([false, false, false, undefined, false, false, false]);
    expect(map.allocate(MEMORY.runtimeServicesData, 1)! % 0x1_0000).toBe(0);
  });
});

describe('variables', () => {
  const BOTH = ATTRIBUTE.bootService | ATTRIBUTE.runtime, KEPT = BOTH | ATTRIBUTE.nonVolatile, guid = GUID.globalVariable, data = (...bytes: number[]) => Uint8Array.from(bytes);
  test('are written, appended to, and go when they are empty', () => {
    const variables = new Variables();
    expect(variables.set({ name: 'A', guid, attributes: KEPT, data: data(1) }, 'boot')).toEqual({ status: SUCCESS, isKept: true });
    expect(variables.set({ name: 'A', guid, attributes: KEPT | ATTRIBUTE.append, data: data(2, 3) }, 'boot').status).toBe(SUCCESS);
    expect(variables.get('A', guid, true)?.data).toEqual(data(1, 2, 3));
    expect(variables.get('A', GUID.blockIo, false)).toBeUndefined();
    expect(variables.set({ name: 'A', guid, attributes: BOTH, data: data(1) }, 'boot').status).toBe(INVALID_PARAMETER);
    const copy = new Variables();
    copy.load(variables.kept);
    expect(copy.get('A', guid, false)?.data).toEqual(data(1, 2, 3));
    expect(variables.set({ name: 'A', guid, attributes: KEPT, data: data() }, 'boot')).toEqual({ status: SUCCESS, isKept: true });
    expect(variables.set({ name: 'A', guid, attributes: KEPT, data: data() }, 'boot').status).toBe(NOT_FOUND);
  });

  test('of the boot are not there for an OS, which makes none that is not kept', () => {
    const variables = new Variables([`${guid}/Mine`]);
    variables.set({ name: 'Boot', guid, attributes: ATTRIBUTE.bootService, data: data(1) }, 'firmware');
    variables.set({ name: 'Mine', guid, attributes: BOTH, data: data(1) }, 'firmware');
    expect([variables.get('Boot', guid, true), variables.next('', guid, true).variable?.name]).toEqual([undefined, 'Mine']);
    expect(variables.set({ name: 'New', guid, attributes: BOTH, data: data(1) }, 'runtime').status).toBe(INVALID_PARAMETER);
    expect(variables.set({ name: 'New', guid, attributes: KEPT, data: data(1) }, 'runtime').status).toBe(SUCCESS);
    expect(variables.set({ name: 'Mine', guid, attributes: BOTH, data: data(2) }, 'boot').status).not.toBe(SUCCESS);
    expect(variables.set({ name: 'Signed', guid, attributes: KEPT | ATTRIBUTE.timeAuthenticated, data: data(2) }, 'boot').status).toBe(UNSUPPORTED);
  });

  test('have room for so much and no more', () => {
    const variables = new Variables(), large = new Uint8Array(0x7000);
    let count = 0;
    while (variables.set({ name: `V${count}`, guid, attributes: KEPT, data: large }, 'boot').status === SUCCESS) count++;
    expect(count).toBe(Math.floor(STORE_BYTES / (0x7000 + 66)));
    expect(variables.set({ name: 'Huge', guid, attributes: KEPT, data: new Uint8Array(STORE_BYTES) }, 'boot').status).toBe(OUT_OF_RESOURCES);
  });
});

test('an event calls once until it was called for, by urgency, and a timer when its time has come', () => {
  const events = new Events(), made = (tpl: number, type = 0x8000_0200) => events.create({ type, tpl, notify: 0x1000n, context: BigInt(tpl) })!;
  const low = made(TPL.callback), high = made(TPL.notify);
  expect(events.create({ type: 0x200, tpl: TPL.application, notify: 0x1000n, context: 0n })).toBeUndefined();
  expect(events.create({ type: 0x200, tpl: TPL.notify, notify: 0n, context: 0n })).toBeUndefined();
  events.signal(low);
  events.signal(low);
  events.setTimer(high, 2, 10_000, 0);
  events.runTimers(999_999);
  expect(events.nextDueNs).toBe(1_000_000);
  events.runTimers(1_000_000);
  expect([events.takeNotification()?.event, events.takeNotification()?.event, events.takeNotification()]).toEqual([high, low, undefined]);
  events.tpl = TPL.notify;
  events.signal(low);
  expect([events.takeNotification(), events.hasNotification]).toEqual([undefined, false]);
  expect([events.close(low), events.close(low)]).toEqual([SUCCESS, INVALID_PARAMETER]);
});

test('one who has a protocol for himself keeps others out, until he closes it', () => {
  const heard: bigint[] = [], handles = new Handles(event => heard.push(event)), { id } = handles.install(0n, GUID.blockIo, 0x100n), agent = 1n, controller = 0n;
  const key = handles.register(GUID.diskIo, 7n);
  expect([handles.install(id, GUID.blockIo, 0x200n).status, handles.install(99n, GUID.diskIo, 0x200n).status, handles.install(id, GUID.diskIo, 0x200n).status]).toEqual([INVALID_PARAMETER, INVALID_PARAMETER, SUCCESS]);
  expect([heard, handles.takeNew(key), handles.takeNew(key)]).toEqual([[7n], id, undefined]);
  expect(handles.open(id, GUID.blockIo, { agent, controller, attributes: OPEN.exclusive })).toEqual({ status: SUCCESS, interface: 0x100n });
  expect(handles.open(id, GUID.blockIo, { agent: 2n, controller, attributes: OPEN.byDriver }).status).toBe(ACCESS_DENIED);
  expect(handles.uninstall(id, GUID.blockIo, 0x100n)).toBe(ACCESS_DENIED);
  expect([handles.close(id, GUID.blockIo, agent, controller), handles.uninstall(id, GUID.blockIo, 0x100n), handles.uninstall(id, GUID.diskIo, 0x200n), handles.find(id)]).toEqual([SUCCESS, SUCCESS, SUCCESS, undefined]);
});

test('paths, GUIDs and options are the same again, and bytes that are none are refused', () => {
  const path = [pciRoot(), pci(3, 1), hardDrive({ number: 1, startSector: 2048, sectorCount: 4096, signature: '5e07a9c2-6f0f-4b35-9c63-1d8f5f0e2b11' }), filePath('\\EFI\\x.efi')];
  expect(pathText(path)).toBe('PciRoot(0x0)/Pci(0x3,0x1)/HD(1,GPT,5E07A9C2-6F0F-4B35-9C63-1D8F5F0E2B11,0x800,0x1000)/\\EFI\\x.efi');
  expect(readPath(pathBytes(path))).toEqual(path);
  expect([fileOf(path), fileOf(path.slice(3))]).toEqual([undefined, '\\EFI\\x.efi']);
  expect(guidText(guidBytes(GUID.acpi20Table))).toBe(GUID.acpi20Table);
  const option = { attributes: 1, description: 'Debian', path, data: Uint8Array.of(1, 2, 3) }, bytes = loadOptionBytes(option);
  expect(readLoadOption(bytes)).toEqual(option);
  for (let length = 0; length < bytes.length - 3; length++) expect(readLoadOption(bytes.subarray(0, length))).toBeUndefined();
  expect([optionName(0xab), optionNumber('Boot00AB'), optionNumber('BootOrder')]).toEqual(['Boot00AB', 0xab, undefined]);
});

/** A program of a header, a section of code and one relocation, at 0x2000. */
function program(): Uint8Array {
  const bytes = new Uint8Array(0x400), view = new DataView(bytes.buffer);
  view.setUint16(0, 0x5a4d, true);
  view.setUint32(60, 0x40, true);
  view.setUint32(0x40, 0x4550, true);
  view.setUint16(0x44, 0xaa64, true);
  view.setUint16(0x46, 1, true);
  view.setUint16(0x54, 160, true);
  const optional = 0x58;
  view.setUint16(optional, 0x20b, true);
  for (const [at, value] of [[16, 0x1000], [32, 0x1000], [56, 0x3000], [60, 0x200], [108, 6], [152, 0x2000], [156, 12]] as const) view.setUint32(optional + at, value, true);
  view.setUint16(optional + 68, 10, true);
  const section = optional + 160;
  for (const [at, value] of [[8, 0x2000], [12, 0x1000], [16, 0x200], [20, 0x200]] as const) view.setUint32(section + at, value, true);
  view.setBigUint64(0x200, 0x1234n, true);
  return bytes;
}

test('an image is put where it is to be, and damaged ones are refused, however they are damaged', () => {
  const file = program(), image = readPeImage(file);
  if (typeof image === 'bigint') throw new Error('it is an image');
  expect([image.imageBytes, image.entry, image.alignment]).toEqual([0x3000, 0x1000, 0x1000]);
  expect(loadedPeImage(file, { ...image, relocations: { address: 0, bytes: 0 } }, 0x5000)!.subarray(0x1000, 0x1002)).toEqual(Uint8Array.of(0x34, 0x12));
  const other = program();
  new DataView(other.buffer).setUint16(0x44, 0x8664, true);
  expect([readPeImage(other), readPeImage(new Uint8Array(10)), readPeImage(file.subarray(0, 0x100))]).toEqual([UNSUPPORTED, LOAD_ERROR, LOAD_ERROR]);
  const random = randomOf(7);
  for (let n = 0; n < 20_000; n++) {
    const broken = program();
    for (let flips = 1 + random(4); flips > 0; flips--) broken[random(0x120)] = random(256);
    const read = readPeImage(broken.subarray(0, random(10) === 0 ? random(broken.length) : broken.length));
    if (typeof read !== 'bigint' && read.imageBytes < 2 ** 24) loadedPeImage(broken, read, 0x4000_0000);
  }
});

test('keys of a terminal and of the keyboard', () => {
  const typed = (text: string) => keysOf(new TextEncoder().encode(text)).map(({ scan, char }) => (scan !== 0 ? `scan ${scan}` : String.fromCharCode(char)));
  expect(typed('a\r\u001b[A\u001b[5~\u001b\u007f')).toEqual(['a', '\r', `scan ${SCAN.up}`, `scan ${SCAN.pageUp}`, `scan ${SCAN.escape}`, '\b']);
  const keyboard = new Keyboard(), pressed = (code: number) => { const key = keyboard.key(code, true); keyboard.key(code, false); return key && String.fromCharCode(key.char); };
  expect(pressed(30)).toBe('a');
  keyboard.key(42, true);
  expect([pressed(30), pressed(3)]).toEqual(['A', '@']);
  keyboard.key(42, false);
  pressed(58);
  expect([pressed(30), pressed(3)]).toEqual(['A', '2']);
  keyboard.key(29, true);
  expect(pressed(46)).toBe('\x03');
});

test('patterns match as UEFI says, also those that are made to take long', () => {
  expect([matches('grub.cfg', '*.CFG'), matches('a', '?'), matches('', '?'), matches('file7', 'file[0-9]'), matches('filex', 'file[0-9]'), matches('abc', 'a*c*'), matches('abd', 'a*c')]).toEqual([true, true, false, true, false, true, false]);
  expect(matches('a'.repeat(30_000), `${'a*'.repeat(2000)}b`)).toBe(false);
});

test('paths of files never leave the volume', () => {
  expect([resolvePath(['EFI'], 'debian\\grub.cfg'), resolvePath(['EFI'], '\\boot/x'), resolvePath(['EFI'], '..\\.\\x'), resolvePath([], '..')]).toEqual([['EFI', 'debian', 'grub.cfg'], ['boot', 'x'], ['x'], undefined]);
});

test('a terminal is told of places only where it is not there by itself', () => {
  let out = '';
  const decoder = new TextDecoder(), view: TerminalView = new TerminalView(bytes => { out += decoder.decode(bytes); }, () => text.size), text: TextScreen = new TextScreen([{ columns: 80, rows: 25 }], [view]);
  text.clear();
  out = '';
  text.print('one\r\ntwo\r\n');
  expect(out).toBe('one\r\ntwo\r\n');
  out = '';
  text.print(`${'x'.repeat(80)}y`);
  expect(out).toBe(`${'x'.repeat(80)}\r\ny`.replace('\r\ny', '\r\r\ny'));
  out = '';
  for (let row = 0; row < 30; row++) text.print('z\r\n');
  expect(out).toBe('z\r\n'.repeat(30));
  expect(text.now).toMatchObject({ row: 24, column: 0 });
  expect([text.moveTo(80, 0), text.moveTo(0, 25), text.setMode(1)]).toEqual([false, false, false]);
});
