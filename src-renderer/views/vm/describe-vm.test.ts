import { expect, test } from 'vitest';
import type { FileProbe } from '../../../shared/api/engine-api.ts';
import { USUAL_DISPLAY, type DisplaySpec } from '../../../shared/model/display.ts';
import { diskText, hardwareRows, nicText } from './describe-vm.ts';

test('a disk is told by its path until its image is known', () => {
  const probe: FileProbe = { exists: true, sizeBytes: 1, what: 'other', image: { format: 'qcow2', sizeBytes: 2 ** 30, allocatedBytes: 2 ** 20, backingFile: '/images/base.raw' } };
  const disk = { path: '/images/a.qcow2', readOnly: true, bus: 'nvme', slot: 0, iopsLimit: 100, bytesPerSecondLimit: 2 ** 20 } as const;
  expect(diskText(disk)).toBe('/images/a.qcow2, NVMe, hot-plug slot 1, read only, at most 100 IOPS, at most 1 MiB/s');
  expect(diskText({ path: disk.path, readOnly: false }, new Map([[disk.path, probe]]))).toBe('a.qcow2, qcow2, virtio, on base.raw: 1 MiB allocated of 1 GiB');
  expect(diskText({ create: { format: 'raw', sizeMib: 1024 }, readOnly: false })).toBe('New, raw, 1 GiB, virtio');
});

test('an adapter is told by its network, its cable, its address and its forwards', () => {
  expect(nicText({ kind: 'nat', connected: true, forwards: [{ protocol: 'tcp', hostPort: 2222, guestPort: 22 }, { protocol: 'udp', hostPort: 53, guestPort: 53, bind: '0.0.0.0' }] }))
    .toBe('NAT, connected, MAC address automatic, TCP 2222 to 22, UDP 0.0.0.0:53 to 53');
  expect(nicText({ kind: 'switch', switch: 'lab', vlan: 4095, connected: false, mac: '52:54:00:00:00:01' })).toBe('lab: VM Network, all VLANs, disconnected, MAC address 52:54:00:00:00:01');
});

test('a display is told without its password', () => {
  const told = (display: DisplaySpec) => hardwareRows({ name: 'web', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [], display }).slice(-3);
  expect(told(USUAL_DISPLAY)).toEqual([['Display', 'virtio-gpu, 1 display, size follows the client'], ['Display sessions', 'shared'], ['VNC server', undefined]]);
  expect(told({ adapter: 'framebuffer', heads: 1, fixedSize: { width: 800, height: 600 }, sessions: 'refuse', unwatched: 'suspend', vnc: { at: { kind: 'tcp', port: 5901 }, password: 'secret', tls: true } })).toEqual([
    ['Display', 'Framebuffer, 1 display, 800 × 600'], ['Display sessions', 'one at a time, suspended when nobody looks'], ['VNC server', 'TCP port 5901 on loopback, with a password, TLS'],
  ]);
  expect(told({ ...USUAL_DISPLAY, vnc: { at: { kind: 'unix', path: '/run/web.vnc' } } })[2]).toEqual(['VNC server', '/run/web.vnc']);
});

test('drives and disks are counted apart', () => {
  const rows = hardwareRows({ name: 'web', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [{ path: '', readOnly: true, cdrom: true }, { path: '/a', readOnly: false }, { path: '/b.iso', readOnly: true, cdrom: true }] });
  expect(rows.slice(3)).toEqual([['CD/DVD drive 1', 'empty'], ['Disk 1', '/a, virtio'], ['CD/DVD drive 2', '/b.iso'], ['Disks', undefined], ['Network adapters', 'none'], ['Display', 'none']]);
});
