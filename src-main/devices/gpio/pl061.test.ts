import { expect, test } from 'vitest';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, later, write, type Step } from '../device-contract.ts';
import { Pl061 } from './pl061.ts';
import { PowerButton } from './power-button.ts';

const DIR = 0x400, IS = 0x404, IBE = 0x408, IEV = 0x40c, IE = 0x410, RIS = 0x414, IC = 0x41c;
const ALL = 0x3fc;
const PIN3 = 1 << 3;

function build(clock = new TestClock()) {
  const seen = { line: false };
  const gpio = new Pl061({ line: { set: (level) => { seen.line = level; } }, guestError: () => {} });
  const get = (at: number) => gpio.regions.registers.read(at, 4);
  const put = (at: number, value: number) => gpio.regions.registers.write(at, 4, value);
  return { gpio, seen, get, put, clock, device: gpio, outputs: () => ({ ...seen, pins: get(ALL), ris: get(RIS) }) };
}
const pin = (level: boolean): Step => (rig) => (rig.device as unknown as Pl061).pin(3).set(level);

deviceContract('pl061', build, [
  write('registers', IEV, PIN3), write('registers', IE, PIN3), pin(true), write('registers', IC, PIN3),
  write('registers', IBE, PIN3), pin(false), write('registers', IS, PIN3), pin(true), write('registers', DIR, 0xf0),
  write('registers', ALL, 0xff), pin(false),
]);

deviceContract('power button', (clock) => {
  const seen = { pin: false };
  const button = new PowerButton({ clock, pin: { set: (level) => { seen.pin = level; } } });
  return { device: button, clock, outputs: () => seen };
}, [(rig) => (rig.device as unknown as PowerButton).press(), later(99e6), later(2e6)]);

test('a press of the power button reaches a driver that waits for both edges', () => {
  const { gpio, put, get, clock, seen } = build();
  const button = new PowerButton({ clock, pin: gpio.pin(3) });
  put(IBE, PIN3);
  put(IE, PIN3);
  button.press();
  expect([seen.line, get(PIN3 << 2)]).toEqual([true, PIN3]);
  put(IC, PIN3);
  expect(seen.line).toBe(false);
  clock.runTo(100e6);
  expect([seen.line, get(PIN3 << 2)]).toEqual([true, 0]);
});

test('a write moves only the pins that its address names and that are outputs', () => {
  const { put, get } = build();
  put(DIR, 0x0f);
  put(0x03 << 2, 0xff);
  expect([get(ALL), get(0x01 << 2)]).toEqual([0x03, 0x01]);
});
