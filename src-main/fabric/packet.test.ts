import { expect, test } from 'vitest';
import { BROADCAST, macAt, macOf, macText, putMac } from './frame.ts';
import { addressOf, addressText, checksum, fold, parseIp, parseUdp, PROTOCOL, putIp, udpPayload } from './packet.ts';

test.each(['10.0.2.2', 'fd00::2', '::1', '2001:db8::ff00:42:8329', 'fe80::', '1:2:3:4:5:6:7:8'])('the address %s is read and written', text => {
  expect(addressText(addressOf(text)!)).toBe(text);
});

test.each(['', '10.0.2', '256.1.1.1', '1:2:3', '::1::2', 'g::1', '1:2:3:4:5:6:7:8:9', 'localhost'])('%j is no address', text => { expect(addressOf(text)).toBeUndefined(); });

test('MAC addresses are read and written', () => {
  const bytes = new Uint8Array(8);
  putMac(0xfedc_ba98_7654, bytes, 1);
  expect([macAt(bytes, 1), macText(0x0254_0012_3456), macOf('52:54:00:12:34:56'), macOf('ff-ff-ff-ff-ff-ff'), macOf('52:54:00:12:34')]).toEqual([0xfedc_ba98_7654, '02:54:00:12:34:56', 0x5254_0012_3456, BROADCAST, undefined]);
});

test('the checksum is that of RFC 1071, for even and odd lengths', () => {
  expect([fold(0x1_ffff), checksum(Uint8Array.of(0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7)), checksum(Uint8Array.of(0, 1, 0xf2))]).toEqual([1, 0x220d, 0x0dfe]);
});

test('a packet is read as it was written, and not when a bit is wrong or its end is missing', () => {
  const source = addressOf('10.0.2.15')!, destination = addressOf('10.0.2.2')!, udp = udpPayload(source, destination, { sourcePort: 1, destinationPort: 2, payload: Uint8Array.of(9) });
  const frame = new Uint8Array(14 + 20 + udp.length + 3);
  frame.set([8, 0], 12);
  putIp(frame.subarray(14), { source, destination, protocol: PROTOCOL.udp }, udp.length);
  frame.set(udp, 34);
  expect(parseUdp(parseIp(frame)!, false)).toEqual({ sourcePort: 1, destinationPort: 2, payload: Uint8Array.of(9) });
  expect(parseIp(frame.subarray(0, 40))).toBeUndefined();
  frame[42] = 8;
  expect(parseUdp(parseIp(frame)!, false)).toBeUndefined();
  frame[22]!++;
  expect(parseIp(frame)).toBeUndefined();
});
