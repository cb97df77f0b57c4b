import { afterEach, expect, test, vi } from 'vitest';
import { Console } from './console.ts';

const KIB = 1024;
afterEach(() => { vi.useRealTimers(); });

/** A VM that counts what it was told is taken. */
function vm() {
  return { taken: 0, typed: '', acknowledgeConsole(bytes: number) { this.taken += bytes; }, consoleInput(bytes: Uint8Array) { this.typed += new TextDecoder().decode(bytes); } };
}

function screen(serial: Console) {
  const seen: Uint8Array[] = [];
  return { ...serial.attach(bytes => seen.push(bytes)), text: () => Buffer.concat(seen).toString(), bytes: () => Buffer.concat(seen).length };
}

test('everyone attached sees the output, and what is typed reaches the VM', () => {
  const serial = new Console(), machine = vm();
  serial.poweredOn(machine);
  const one = screen(serial), two = screen(serial);
  serial.output(Buffer.from('login: '));
  two.write(Buffer.from('root\r'));
  expect([one.text(), two.text(), machine.typed]).toEqual(['login: ', 'login: ', 'root\r']);
});

test('a late client gets the last 256 KiB, also of a VM that is off', () => {
  const serial = new Console();
  serial.poweredOn(vm());
  for (let i = 0; i < 1000; i++) serial.output(Buffer.alloc(KIB, i % 2 ? 'b' : 'a'));
  serial.output(Buffer.from('end'));
  serial.poweredOff();
  const late = screen(serial);
  expect(late.bytes()).toBe(256 * KIB);
  expect(late.text().endsWith('bend')).toBe(true);
});

test('without clients the VM never waits', () => {
  const serial = new Console(), machine = vm();
  serial.poweredOn(machine);
  for (let i = 0; i < 2000; i++) serial.output(Buffer.alloc(KIB));
  expect(machine.taken).toBe(2000 * KIB);
});

test('a client that shows nothing gets 256 KiB, and the VM is told that no more is taken', () => {
  const serial = new Console(), machine = vm();
  serial.poweredOn(machine);
  const slow = screen(serial), fast = screen(serial);
  serial.output(Buffer.alloc(300 * KIB));
  fast.acknowledge(256 * KIB);
  expect([slow.bytes(), fast.bytes(), machine.taken]).toEqual([256 * KIB, 300 * KIB, 0]);
  slow.acknowledge(100 * KIB);
  expect([slow.bytes(), machine.taken]).toEqual([300 * KIB, 100 * KIB]);
});

test('a client that goes away holds nobody back', () => {
  const serial = new Console(), machine = vm();
  serial.poweredOn(machine);
  const slow = screen(serial);
  serial.output(Buffer.alloc(200 * KIB));
  slow.detach();
  expect(machine.taken).toBe(200 * KIB);
});

test('a client that is stuck loses output instead of stopping the VM, and is told', () => {
  vi.useFakeTimers();
  const serial = new Console(), machine = vm();
  serial.poweredOn(machine);
  const stuck = screen(serial);
  serial.output(Buffer.alloc(256 * KIB, '.'));
  vi.advanceTimersByTime(10_000);
  expect(machine.taken).toBe(256 * KIB);
  for (let i = 0; i < 1024; i++) serial.output(Buffer.alloc(KIB, '-'));
  stuck.acknowledge(256 * KIB);
  expect(stuck.text()).toContain(`[${512 * KIB} bytes of output were skipped]`);
  expect(machine.taken).toBe(1280 * KIB);
});

test('a client cannot acknowledge more than it was sent', () => {
  const serial = new Console(), machine = vm();
  serial.poweredOn(machine);
  const client = screen(serial);
  client.acknowledge(1e9);
  serial.output(Buffer.alloc(100));
  expect(machine.taken).toBe(0);
});
