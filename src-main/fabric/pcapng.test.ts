import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { captureHeader, capturedFrame } from './pcapng.ts';

/** An ARP request. */
const ARP = Uint8Array.from([...new Array<number>(6).fill(255), 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2]);

test('tshark reads frames of any length with their interface, direction and time to the nanosecond', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quarterdeck-')), path = join(folder, 'a.pcapng');
  try {
    const frames = [[ARP, 1_700_000_000_123_456_789n, 'in'], [Uint8Array.from([...ARP, 1]), 1_700_000_001_000_000_001n, 'out'], [new Uint8Array(65_000), 1_700_000_002_000_000_000n, 'out']] as const;
    writeFileSync(path, Buffer.concat([captureHeader('web-01 nic0'), ...frames.map(([bytes, ns, direction]) => capturedFrame(bytes, ns, direction))]));
    const fields = ['frame.interface_name', 'frame.time_epoch', 'frame.packet_flags_direction', 'frame.len', 'arp.dst.proto_ipv4'].flatMap(field => ['-e', field]);
    const lines = execFileSync('tshark', ['-r', path, '-T', 'fields', ...fields], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split('\n').map(line => line.split('\t').map((value, n) => (n === 2 ? Number(value) : value)));
    expect(lines).toEqual([
      ['web-01 nic0', '1700000000.123456789', 1, '42', '10.0.2.2'], ['web-01 nic0', '1700000001.000000001', 2, '43', '10.0.2.2'], ['web-01 nic0', '1700000002.000000000', 2, '65000'],
    ]);
  } finally { rmSync(folder, { recursive: true }); }
});
