/** The commands about peers, of one engine whose VM moves to another. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { listenLocally } from '../engine/local-socket.ts';
import { startVm } from '../hypervisor/start-vm.ts';

interface End { readonly code: number; readonly stdout: string; readonly stderr: string }
const SPEC = { name: 'web', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [] };

const quarterdeck = (data: string, ...args: readonly string[]) => new Promise<End>(resolve => {
  const child = execFile(process.execPath, [join(import.meta.dirname, 'quarterdeck.ts'), ...args, '--data', data], (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }));
});
async function json<T>(data: string, ...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await quarterdeck(data, ...args, '--json');
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as T;
}

test('a VM moves to a peer by commands, which say what is missing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'peers-')), [here, there] = [join(folder, 'here'), join(folder, 'there')];
  const engines = await Promise.all([here, there].map(async dataPath => { const engine = await Engine.open({ dataPath, startVm }); return { engine, local: await listenLocally(dataPath, client => engine.connect(client)) }; }));
  try {
    const address = await engines[1]!.engine.peers.listen({ port: 0, host: '127.0.0.1' }), { fingerprint } = await json<{ fingerprint: string }>(there, 'peer', 'identity'), own = await json<{ fingerprint: string }>(here, 'peer', 'identity');
    expect((await quarterdeck(here, 'peer', 'list')).stdout).toBe('There are none.\n');
    expect((await quarterdeck(here, 'peer', 'add', 'lab2', 'lab2', fingerprint)).stderr).toBe('quarterdeck: An address is written as HOST:PORT, for example lab2.example:7430.\n');
    expect((await quarterdeck(here, 'peer', 'add', 'lab2', address, fingerprint.replaceAll(':', '').toLowerCase())).stdout).toBe('Add peer: lab2: done.\n');
    expect((await quarterdeck(here, 'peer', 'list')).stdout).toMatch(new RegExp(`^ID +NAME +ADDRESS +FINGERPRINT\npeer-[0-9a-f]{12} +lab2 +${address} +${fingerprint}\n$`));
    expect(await quarterdeck(here, 'peer', 'check', 'lab2')).toMatchObject({ code: 1, stderr: `quarterdeck: lab2 refused the connection: This engine is not known there: add its fingerprint ${own.fingerprint} to the peers of that engine.\n` });
    await json(there, 'peer', 'add', 'lab1', '127.0.0.1:1', own.fingerprint);
    expect(await json(here, 'peer', 'check', 'lab2')).toMatchObject({ hosts: [{ name: 'host-a.lab.local' }, { name: 'host-b.lab.local' }] });
    await json(here, 'vm', 'create', JSON.stringify(SPEC), '--host', 'host-a');
    await json(here, 'vm', 'power-on', 'web');
    expect((await quarterdeck(here, 'vm', 'migrate', 'web')).stderr).toBe('quarterdeck: Say where to: --to HOST, --datastore DATASTORE, or --peer PEER and --host HOST.\n');
    expect((await quarterdeck(here, 'vm', 'migrate', 'web', '--peer', 'lab2', '--host', 'host-x')).stderr).toBe('quarterdeck: The peer has no host host-x.\n');
    expect((await json<{ severity: string }[]>(here, 'vm', 'check-migration', 'web', '--peer', 'lab2', '--host', 'HOST-A.lab.local')).filter(({ severity }) => severity === 'error')).toEqual([]);
    expect((await quarterdeck(here, 'vm', 'migrate', 'web', '--peer', 'lab2', '--host', 'HOST-A.lab.local', '--downtime', '60000')).stdout).toBe('Migrate virtual machine: web: done.\n');
    expect((await quarterdeck(here, 'vm', 'list')).stdout).toBe('There are none.\n');
    expect(await json(there, 'vm', 'show', 'web')).toMatchObject({ powerState: 'poweredOn' });
    expect((await quarterdeck(here, 'peer', 'remove', 'lab2')).stdout).toBe('Remove peer: lab2: done.\n');
  } finally {
    for (const { engine, local } of engines) { await local.close(); await engine.close(); }
    await rm(folder, { recursive: true });
  }
}, 120_000);
