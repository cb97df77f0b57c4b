import { expect, test } from 'vitest';
import { whyNot } from './vm-actions.ts';

test('a running VM can be shut down, powered off and reset, not powered on or deleted', () => {
  expect((['powerOn', 'shutDown', 'powerOff', 'reset', 'delete'] as const).map(action => whyNot(action, 'poweredOn') === undefined)).toEqual([false, true, true, true, false]);
});

test('a VM that hangs while it powers on or off can still be powered off', () => {
  expect([whyNot('powerOff', 'poweringOn'), whyNot('powerOff', 'poweringOff')]).toEqual([undefined, undefined]);
});

test('a suspended VM can go on or be given up, and nothing else', () => {
  expect((['powerOn', 'powerOff', 'suspend', 'shutDown', 'reset', 'delete'] as const).map(action => whyNot(action, 'suspended') === undefined)).toEqual([true, true, false, false, false, false]);
});

test('deleting a VM that runs says what to do first', () => {
  expect(whyNot('delete', 'poweredOn')).toBe('Power it off first.');
});
