import { expect, test } from 'vitest';
import { peerProblems } from './peer-draft.ts';

test('what is missing or written wrongly is said by field', () => {
  expect([...peerProblems({ name: '', address: 'lab2', fingerprint: 'AB:CD' })]).toEqual([
    ['fingerprint', 'A fingerprint is the SHA-256 of a certificate: 64 digits and letters from A to F, with or without colons.'], ['address', 'An address is written as HOST:PORT, for example lab2.example:7430.'], ['name', 'Enter a name.'],
  ]);
  expect(peerProblems({ name: 'lab', address: '[fe80::1]:7430', fingerprint: ' ab:cd'.repeat(16) }).size).toBe(0);
  expect([...peerProblems({ name: 'lab', address: 'lab:0', fingerprint: 'AB'.repeat(32) }).keys()]).toEqual(['address']);
});
