/**
 * `npm run bench -- --only migration`: a guest of 1 GiB that changes 50 MB of it a second moves over a link of 1 GB/s, between two hosts here
 * and between two QEMU processes over loopback, with the same limit for the downtime. Times are those that each reports; ours also as
 * another guest sees it that pings it over a switch every 5 ms: the longest time between two answers.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { build } from '../scripts/build.ts';
import { fetchGuests } from '../scripts/fetch-guests.ts';
import { freePort } from '../scripts/free-port.ts';
import type { EngineApi } from '../shared/api/engine-api.ts';
import type { EngineEvents } from '../shared/api/engine-events.ts';
import { connect as connectTo } from '../shared/api/rpc.ts';
import { EngineError } from '../shared/base/errors.ts';
import type { HostId, TaskId, VmId } from '../shared/base/ids.ts';
import { HOST_PROFILES, USUAL_LINK } from '../shared/model/host.ts';
import { connectLocally } from '../src-main/engine/local-socket.ts';
import { buildProgramGuest } from './build-guest.ts';
import { qemu, quarterdeck, saying } from './guest-run.ts';
import { table, type Measurement } from './report.ts';

const MEMORY_MIB = 1024, PINGER_MIB = 96, DIRTY_MIB = 64, DIRTY_RATE = 50, LINK_MBPS = 8000, DOWNTIME_MS = 50;
const COMMAND_LINE = 'console=ttyAMA0 quiet nokaslr', LOAD = `/bench/load dirty ${DIRTY_MIB} ${DIRTY_RATE} &`;
const DONE_MS = 120_000;
const TOTAL = { name: 'migration', title: 'migration of 1 GiB, 50 MB/s changed, over 1 GB/s: in all', unit: 's' } as const, DOWNTIME = { name: 'downtime', title: 'its downtime, as reported', unit: 'ms' } as const;
const SEEN = { name: 'seen', title: 'its downtime, by pings through the fabric', unit: 'ms' } as const, THROUGHPUT = { name: 'throughput', title: 'memory sent', unit: 'MiB/s' } as const;

interface Moved { readonly seconds: number; readonly downtimeMs: number; readonly sentMib: number; readonly seenMs?: number }
interface Guest { readonly kernel: string; readonly initrd: string }

/** Resolves when somebody has said something. */
async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const limit = performance.now() + DONE_MS; performance.now() < limit; await wait(50)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new EngineError('bench', `${what} did not happen within ${DONE_MS / 1000} s.`);
}

async function ours({ kernel, initrd }: Guest, folder: string): Promise<Moved> {
  const data = await mkdtemp(join(folder, 'data-')), engine = spawn(process.execPath, [quarterdeck.command, 'serve', '--data', data, '--port', '0'], { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    const client = connectTo<EngineApi, EngineEvents>(await until('The engine', () => connectLocally(data))), { api } = client;
    await api.engine.subscribe();
    const done = async (asked: Promise<TaskId>): Promise<string> => {
      const id = await asked, task = await until('A task', async () => { const now = await api.tasks.get(id); return now.completedMs === undefined ? undefined : now; });
      if (task.state !== 'success') throw new EngineError('bench', task.error ?? task.state);
      return task.result?.id ?? '';
    };
    const hosts: HostId[] = [];
    for (const name of ['here', 'there']) hosts.push(await done(api.hosts.add({ name, parent: { kind: 'datacenter', id: 'datacenter' }, profile: HOST_PROFILES[0] })) as HostId);
    const [here, there] = hosts as [HostId, HostId];
    for (const host of hosts) await done(api.hosts.setLink(host, { ...USUAL_LINK, mbps: LINK_MBPS }));
    const heard = new Map<string, string>();
    client.on('console.output', ({ consoleId, bytes }) => {
      heard.set(consoleId, (heard.get(consoleId) ?? '') + Buffer.from(bytes).toString('latin1'));
      void api.consoles.acknowledge(consoleId, bytes.length);
    });
    const boot = async (name: string, memoryMib: number, address: string) => {
      const id = await done(api.vms.create({ name, cpus: 1, memoryMib, guest: { kind: 'linux', kernelPath: kernel, initrdPath: initrd, commandLine: COMMAND_LINE }, disks: [], nics: [{ kind: 'switch', switch: 'lan', connected: true }] }, here)) as VmId;
      await done(api.vms.powerOn(id));
      const { consoleId } = await api.consoles.attach(id), said = () => heard.get(consoleId) ?? '', says = (text: string) => until(`"${text}"`, () => (said().includes(text) ? true : undefined));
      const type = (line: string) => api.consoles.write(consoleId, Buffer.from(`${line}\r`));
      await says('# ');
      await type(`ip addr add ${address}/24 dev eth0; ip link set eth0 up; echo net""up`);
      await says('netup');
      return { id, type, says, said };
    };
    const roamer = await boot('roamer', MEMORY_MIB, '192.168.1.2'), pinger = await boot('pinger', PINGER_MIB, '192.168.1.1');
    await roamer.type('/bench/load answer 7000 &');
    await roamer.type(LOAD);
    await roamer.says('ready');
    await pinger.type('/bench/load ask 192.168.1.2 7000');
    await pinger.says('longest');
    await wait(1000);
    const before = pinger.said().length;
    await done(api.vms.migrate([roamer.id], { hostId: there, downtimeMs: DOWNTIME_MS, priority: 'high' }));
    await wait(1000);
    const seenMs = Math.max(...[...pinger.said().slice(before).matchAll(/longest (\d+) us/g)].map(([, us]) => Number(us) / 1000));
    const [migration] = await api.vms.migrations(roamer.id), { startedMs = 0, endedMs = 0, downtimeMs = 0, samples = [] } = migration ?? {};
    return { seconds: (endedMs - startedMs) / 1000, downtimeMs, sentMib: (samples.at(-1)?.sentBytes ?? 0) / 2 ** 20, seenMs };
  } finally {
    engine.kill();
    await once(engine, 'close');
  }
}

const QEMU = ['-M', 'virt,gic-version=3', '-cpu', 'cortex-a72', '-accel', 'tcg', '-smp', '1', '-m', String(MEMORY_MIB), '-nographic', '-nodefaults', '-no-reboot'];

/** QEMU's monitor protocol: one command after the other. */
async function qmp(path: string): Promise<{ ask: (command: string, args?: object) => Promise<Record<string, unknown>>; end: () => void }> {
  const socket = await until('The monitor', () => new Promise<Socket | undefined>(resolve => { const tried = connect(path, () => resolve(tried)).once('error', () => resolve(undefined)); }));
  const waiting: ((answer: { return?: Record<string, unknown>; error?: { desc: string } }) => void)[] = [];
  createInterface({ input: socket }).on('line', line => { const answer = JSON.parse(line) as { return?: Record<string, unknown>; error?: { desc: string } }; if (answer.return !== undefined || answer.error !== undefined) waiting.shift()?.(answer); });
  const ask = async (execute: string, args?: object) => {
    const answer = new Promise<{ return?: Record<string, unknown>; error?: { desc: string } }>(resolve => waiting.push(resolve));
    socket.write(`${JSON.stringify({ execute, ...(args && { arguments: args }) })}\n`);
    const { return: result, error } = await answer;
    if (result === undefined) throw new EngineError('qemu', `QEMU refused ${execute}: ${error?.desc ?? ''}`);
    return result;
  };
  await ask('qmp_capabilities');
  return { ask, end: () => socket.destroy() };
}

async function theirs({ kernel, initrd }: Guest, folder: string): Promise<Moved> {
  const port = await freePort(), at = await mkdtemp(join(folder, 'qemu-')), args = (name: string, serial: string) => [...QEMU, '-serial', serial, '-qmp', `unix:${join(at, name)},server=on,wait=off`, '-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE];
  const source = spawn(qemu.command, args('source', 'stdio'), { stdio: ['pipe', 'pipe', 'inherit'] }), says = saying(source), destination = spawn(qemu.command, [...args('destination', 'null'), '-incoming', `tcp:127.0.0.1:${port}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    await says('# ');
    source.stdin.write(`${LOAD}\r`);
    await says('ready');
    const monitor = await qmp(join(at, 'source'));
    await monitor.ask('migrate-set-parameters', { 'max-bandwidth': LINK_MBPS * 125_000, 'downtime-limit': DOWNTIME_MS });
    await monitor.ask('migrate', { uri: `tcp:127.0.0.1:${port}` });
    const done = await until('QEMU’s migration', async () => {
      const answer = await monitor.ask('query-migrate');
      if (answer.status === 'failed') throw new EngineError('qemu', 'QEMU’s migration failed.');
      return answer.status === 'completed' ? answer as { 'total-time': number; downtime: number; ram: { transferred: number } } : undefined;
    });
    monitor.end();
    return { seconds: done['total-time'] / 1000, downtimeMs: done.downtime, sentMib: done.ram.transferred / 2 ** 20 };
  } finally {
    for (const child of [source, destination]) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }
}

export async function benchMigration(runs: number): Promise<number> {
  await build();
  const peer = spawnSync(qemu.command, ['--version']).status === 0, folder = await mkdtemp(join(tmpdir(), 'quarterdeck-migration-bench-')), moved = { ours: [] as Moved[], peer: [] as Moved[] };
  try {
    const { kernel, initrd } = await fetchGuests('cloud'), guest = { kernel, initrd: await buildProgramGuest(folder, initrd, join(import.meta.dirname, 'guest-migration/load.c')) };
    for (let n = 0; n < runs; n++) {
      moved.ours.push(await ours(guest, folder));
      if (peer) moved.peer.push(await theirs(guest, folder));
    }
    const row = (of: Measurement['row'], figure: (each: Moved) => number | undefined): Measurement => ({ row: of, ours: moved.ours.flatMap(each => figure(each) ?? []), peer: moved.peer.flatMap(each => figure(each) ?? []), wrong: false });
    console.log(`- Ours: two hosts with links of ${LINK_MBPS} Mb/s, \`vm migrate --downtime ${DOWNTIME_MS} --priority high\`.\n- Peer: ${qemu.command} ${QEMU.join(' ')}, twice, over loopback, max-bandwidth ${LINK_MBPS} Mb/s, downtime-limit ${DOWNTIME_MS} ms.\n\n${table([row(TOTAL, ({ seconds }) => seconds), row(DOWNTIME, ({ downtimeMs }) => downtimeMs), row(SEEN, ({ seenMs }) => seenMs), row(THROUGHPUT, ({ sentMib, seconds }) => sentMib / seconds)])}`);
    return 0;
  } finally { await rm(folder, { recursive: true, force: true }); }
}
