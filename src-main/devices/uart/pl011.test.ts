import { expect, test } from 'vitest';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, read, write, type Step } from '../device-contract.ts';
import { Pl011 } from './pl011.ts';

const DR = 0x00, FR = 0x18, LCR_H = 0x2c, CR = 0x30, IFLS = 0x34, IMSC = 0x38, RIS = 0x3c, ICR = 0x44;
const RXFE = 0x10, TXFF = 0x20, RX = 0x10, TX = 0x20, RT = 0x40;

function build(clock = new TestClock()) {
  const seen = { line: false, sent: '', errors: 0 };
  const uart = new Pl011({
    line: { set: (level) => { seen.line = level; } },
    transmit: (byte) => { seen.sent += String.fromCharCode(byte); },
    guestError: () => { seen.errors++; },
  });
  const get = (at: number) => uart.regions.registers.read(at, 4);
  const put = (at: number, value: number) => uart.regions.registers.write(at, 4, value);
  const type = (text: string) => uart.type(new TextEncoder().encode(text));
  const start = () => { put(LCR_H, 0x70); put(CR, 0x301); };
  /** Empties `sent`, so that a trace holds what each step sent. */
  const outputs = () => { const now = { ...seen, flags: get(FR), ris: get(RIS) }; seen.sent = ''; seen.errors = 0; return now; };
  return { uart, seen, get, put, type, start, clock, device: uart, outputs };
}

const typed = (text: string): Step => (rig) => (rig.device as unknown as Pl011).type(new TextEncoder().encode(text));
const ready = (on: boolean): Step => (rig) => (rig.device as unknown as Pl011).setTransmitReady(on);

deviceContract('pl011', build, [
  write('registers', LCR_H, 0x70), write('registers', CR, 0x301), write('registers', IMSC, RX | RT),
  typed('a longer text than the FIFO holds'), read('registers', DR), read('registers', DR),
  ready(false), write('registers', DR, 0x41), write('registers', IMSC, TX), ready(true),
  write('registers', ICR, TX), write('registers', LCR_H, 0x60), read('registers', DR), typed('x'), read('registers', DR),
]);

test('a paste of any length arrives complete and in order', () => {
  const { get, type, start, uart } = build();
  start();
  const text = 'lorem ipsum '.repeat(500);
  type(text.slice(0, 7));
  uart.type(new TextEncoder().encode(text.slice(7)));
  let got = '';
  while ((get(FR) & RXFE) === 0) got += String.fromCharCode(get(DR));
  expect(got).toBe(text);
});

test('what is typed before the guest enables its UART waits for it', () => {
  const { get, type, start } = build();
  type('early');
  expect(get(FR) & RXFE).toBe(RXFE);
  start();
  expect(String.fromCharCode(get(DR))).toBe('e');
});

test('one typed byte interrupts by its timeout, sixteen by the FIFO level, and reading them ends both', () => {
  const { get, put, type, start, seen } = build();
  start();
  put(IMSC, RX | RT);
  type('a');
  expect([seen.line, get(RIS) & (RX | RT)]).toEqual([true, RT]);
  type('b'.repeat(15));
  expect(get(RIS) & (RX | RT)).toBe(RX | RT);
  for (let count = 0; count < 16; count++) get(DR);
  expect([seen.line, get(RIS) & (RX | RT)]).toEqual([false, 0]);
});

test('every byte sent raises the transmit interrupt, until it is cleared', () => {
  const { put, get, start, seen } = build();
  start();
  put(IMSC, TX);
  expect(seen.line).toBe(false);
  put(DR, 0x68);
  expect([seen.sent, seen.line]).toEqual(['h', true]);
  put(ICR, TX);
  expect([seen.line, get(RIS)]).toEqual([false, 0]);
});

test('a slow reader fills the FIFO, and nothing is lost or reordered when it reads on', () => {
  const { put, get, start, uart, seen } = build();
  start();
  put(IFLS, 0x12);
  uart.setTransmitReady(false);
  for (let index = 0; index < 16; index++) put(DR, 0x41 + index);
  expect([get(FR) & TXFF, seen.sent, get(RIS) & TX]).toEqual([TXFF, '', 0]);
  put(DR, 0x7a);
  expect(seen.errors).toBe(1);
  uart.setTransmitReady(true);
  expect([get(FR) & TXFF, seen.sent, get(RIS) & TX]).toEqual([0, 'ABCDEFGHIJKLMNOP', TX]);
});

test('drivers find a PL011, and reach its registers with 16-bit accesses', () => {
  const { uart, get } = build();
  expect([0xfe0, 0xfe4, 0xfe8, 0xfec, 0xff0, 0xff4, 0xff8, 0xffc].map(get)).toEqual([0x11, 0x10, 0x14, 0, 0x0d, 0xf0, 0x05, 0xb1]);
  uart.regions.registers.write(CR, 2, 0x301);
  expect(uart.regions.registers.read(CR, 2)).toBe(0x301);
});
