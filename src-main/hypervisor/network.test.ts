/** Debian's kernel on the network, with its own driver: behind the NAT, through port forwards, and on virtual switches. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import type { NicSpec } from '../../shared/model/vm.ts';
import { fetchGuests, type Guest } from '../../scripts/fetch-guests.ts';
import { GuestSession } from './guest-session.ts';
import type { VmLaunch } from './vm-launch.ts';

const MINUTES = 60_000;
const LARGE_BYTES = 50 * 2 ** 20;
let guest: Guest;
const closing: (() => unknown)[] = [];

beforeAll(async () => { guest = await fetchGuests('cloud'); }, 10 * MINUTES);
afterEach(async () => { for (const close of closing.splice(0).reverse()) await close(); });

async function boot(name: string, nics: readonly NicSpec[], launch: Partial<VmLaunch> = {}): Promise<GuestSession> {
  const session = new GuestSession({ name, nics, guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' }, ...launch });
  closing.push(() => session.vm.terminate());
  await session.expect('# ');
  return session;
}

/** A web server on the host's loopback: gives and takes large bodies. */
async function webServer(body: Buffer): Promise<{ readonly port: number; readonly taken: Promise<string> }> {
  const taken = Promise.withResolvers<string>();
  const server = createServer((request, response) => {
    if (request.method === 'GET') { response.end(body); return; }
    const hash = createHash('sha256');
    request.on('data', (bytes: Buffer) => hash.update(bytes));
    request.on('end', () => { taken.resolve(hash.digest('hex')); response.end('taken'); });
  });
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
  closing.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, taken: taken.promise };
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const hashIn = (text: string) => /[0-9a-f]{64}/.exec(text)?.[0];
const nat = (options: Partial<Extract<NicSpec, { kind: 'nat' }>> = {}): NicSpec => ({ kind: 'nat', forwards: [], connected: true, ...options });
const onSwitch = (name: string, options: Partial<Extract<NicSpec, { kind: 'switch' }>> = {}): NicSpec => ({ kind: 'switch', switch: name, connected: true, ...options });

test('behind the NAT a guest gets an address, pings the gateway, and fetches 50 MiB from the host whole', async () => {
  const body = randomBytes(LARGE_BYTES), { port } = await webServer(body), session = await boot('web', [nat()], { memoryMib: 512 });
  expect(await session.run('udhcpc -i eth0 -q -n 2>&1')).toContain('lease of 10.0.2.15 obtained from 10.0.2.2');
  expect(await session.run('cat /etc/resolv.conf; ip route')).toMatch(/nameserver 10\.0\.2\.3\s+default via 10\.0\.2\.2/);
  expect(await session.run('ping -c 2 10.0.2.2')).toContain('2 packets received');
  expect(await session.run('until ping -c 1 -W 1 fd00::2; do sleep 1; done')).toContain('1 packets received');
  expect(await session.run(`wget -q -O /tmp/large http://10.0.2.2:${port}/; sha256sum < /tmp/large`)).toContain(sha256(body));
  expect(await session.run('wget -q -O /dev/null http://10.0.2.2:1/ 2>&1')).toContain('Connection refused');
}, 3 * MINUTES);

test('a guest sends 16 MiB to the host whole', async () => {
  const { port, taken } = await webServer(Buffer.alloc(0)), session = await boot('sender', [nat()]);
  await session.run(`udhcpc -i eth0 -q -n; dd if=/dev/urandom of=/tmp/large bs=1M count=16 2>/dev/null; printf 'POST / HTTP/1.0\\r\\nContent-Length: ${16 * 2 ** 20}\\r\\n\\r\\n' > /tmp/request; cat /tmp/large >> /tmp/request`);
  const hash = hashIn(await session.run('sha256sum /tmp/large'));
  session.type(`nc 10.0.2.2 ${port} < /tmp/request`);
  expect(await taken).toBe(hash);
}, 3 * MINUTES);

test('port forwards lead to a guest with several CPUs, and pass on the end of either side', async () => {
  const session = await boot('server', [nat({ forwards: [{ protocol: 'tcp', hostPort: 0, guestPort: 7000 }] })], { cpus: 2 });
  const [tcpPort = 0] = (await session.vm.nics[0]!.ready).hostPorts;
  await session.run('udhcpc -i eth0 -q -n; (nc -l -p 7000 -e cat &) ; until netstat -ltn | grep -q :7000; do sleep 0.1; done');
  const sent = randomBytes(2 ** 20), answer = await new Promise<Buffer>((resolve, reject) => {
    const pieces: Buffer[] = [], socket = connect({ port: tcpPort, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end(sent));
    socket.on('data', bytes => pieces.push(bytes)).on('end', () => resolve(Buffer.concat(pieces))).on('error', reject);
  });
  expect(answer.equals(sent)).toBe(true);
}, 3 * MINUTES);

test('a guest takes an adapter that is plugged in while it runs, lets go of it, and takes it again with its address', async () => {
  const session = await boot('plugged', [nat()]), addresses: string[] = [];
  for (let times = 0; times < 2; times++) {
    await session.vm.plugNic(2, onSwitch('spare'));
    await session.run('until [ -e /sys/class/net/eth1 ]; do sleep 0.1; done');
    addresses.push(await session.run('cat /sys/class/net/eth1/address'));
    await session.vm.unplug(2);
    expect(await session.run('ls /sys/class/net')).toBe('eth0  lo');
  }
  await session.vm.plugNic(5, nat());
  await session.run('until [ -e /sys/class/net/eth1 ]; do sleep 0.1; done');
  expect(await session.run('udhcpc -i eth1 -q -n 2>&1')).toContain('lease of 10.0.2.15 obtained from 10.0.2.2');
  expect(addresses[1]).toBe(addresses[0]);
  expect((await session.vm.stats()).nics.map(({ slot, received }) => [slot, received.frames > 0])).toEqual([[undefined, expect.anything()], [5, true]]);
}, 3 * MINUTES);

test('a port that is in use is a failure of one sentence', async () => {
  const { port } = await webServer(Buffer.alloc(0));
  const session = new GuestSession({ nics: [nat({ forwards: [{ protocol: 'tcp', hostPort: port, guestPort: 80 }] })] });
  expect(await session.stopped).toMatchObject({ kind: 'failed', message: `The port forward at 127.0.0.1 port ${port} (tcp) is in use.` });
});

test('two guests on one switch reach each other, a guest in another VLAN reaches neither, and a capture shows it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), path = join(folder, 'port.pcapng');
  closing.push(() => rm(folder, { recursive: true }));
  const [one, two, other] = await Promise.all([
    boot('one', [onSwitch('lan')]), boot('two', [onSwitch('lan')]), boot('other', [onSwitch('lan', { vlan: 7 })]),
  ]);
  await one.vm.nics[0]!.startCapture({ path });
  for (const [n, session] of [one, two, other].entries()) await session.run(`ip addr add 192.168.1.${n + 1}/24 dev eth0; ip link set eth0 up`);
  expect(await one.run('ping -c 2 192.168.1.2')).toContain('2 packets received');
  await two.run('(nc -l -p 7000 > /tmp/received; sha256sum /tmp/received > /tmp/sum) & true');
  const hash = hashIn(await one.run('dd if=/dev/urandom of=/tmp/sent bs=1M count=2 2>/dev/null; nc 192.168.1.2 7000 < /tmp/sent; sha256sum /tmp/sent'));
  expect(await two.run('while [ ! -s /tmp/sum ]; do sleep 1; done; cat /tmp/sum')).toContain(hash);
  expect(await other.run('ping -c 1 -W 1 192.168.1.1')).toContain('0 packets received');
  await one.vm.nics[0]!.setConnected(false);
  expect(await one.run('cat /sys/class/net/eth0/carrier')).toBe('0');
  expect((await two.vm.nics[0]!.counters()).in.frames).toBeGreaterThan(2);
  await one.vm.nics[0]!.stopCapture();
  const lines = execFileSync('tshark', ['-r', path, '-T', 'fields', '-e', 'frame.interface_name', '-e', 'frame.packet_flags_direction', '-e', '_ws.col.Protocol'], { encoding: 'utf8' }).split('\n');
  expect(lines).toEqual(expect.arrayContaining([expect.stringMatching(/^one nic0\t(0x0*)?1\tICMP$/), expect.stringMatching(/^one nic0\t(0x0*)?2\tICMP$/)]));
  expect(lines.join('\n')).not.toContain('192.168.1.3');
}, 3 * MINUTES);
