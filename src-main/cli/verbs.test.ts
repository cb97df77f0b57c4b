import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { commandLine, VERBS } from '../../shared/api/verbs.ts';
import type { ResourcePool } from '../../shared/model/container.ts';
import type { Host } from '../../shared/model/host.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { Engine } from '../engine/engine.ts';
import { listenLocally, localSocketPath } from '../engine/local-socket.ts';
import { startVm } from '../hypervisor/start-vm.ts';

interface End { readonly code: number; readonly stdout: string; readonly stderr: string }
const SPEC = { name: 'web', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [{ create: { format: 'qcow2', sizeMib: 1 }, readOnly: false }] };

let data: string;
beforeEach(async () => { data = await mkdtemp(join(tmpdir(), 'verbs-')); });
afterEach(async () => { await rm(data, { recursive: true }); });

/** The command on the data folder, as it ends for the shell. */
function quarterdeck(...args: string[]): Promise<End> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, [join(import.meta.dirname, 'quarterdeck.ts'), ...args, '--data', data], (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }));
  });
}
async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await quarterdeck(...args, '--json');
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as T;
}

test('without an engine, commands work on the data folder, and say what needs one', async () => {
  expect(await json('vm', 'create', JSON.stringify(SPEC), '--host', 'HOST-A.lab.local')).toMatchObject({ state: 'success', result: { kind: 'vm', name: 'web' } });
  expect((await quarterdeck('snapshot', 'take', 'web', 'first')).stdout).toBe('Create virtual machine snapshot: web: done.\n');
  expect(await quarterdeck('vm', 'power-on', 'web')).toEqual({ code: 1, stdout: '', stderr: 'quarterdeck: No engine is running on this data folder: start the app, or "quarterdeck serve".\n' });
  expect((await quarterdeck('vm', 'list')).stdout).toMatch(/^ID +NAME +STATE +CPUS +MEMORY MIB +CREATED\nvm-[0-9a-f]{12} +web +poweredOff +1 +64 +\d{4}-.*Z\n$/);
  expect((await quarterdeck('bin', 'list')).stdout).toBe('There are none.\n');
}, 60_000);

test('with an engine, commands reach it by its socket, which is its owner’s alone', async () => {
  const engine = await Engine.open({ dataPath: data, startVm }), local = await listenLocally(data, client => engine.connect(client));
  try {
    expect((await stat(localSocketPath(data)!)).mode & 0o777).toBe(0o600);
    await writeFile(join(data, 'spec.json'), JSON.stringify(SPEC));
    await json('vm', 'create', `@${join(data, 'spec.json')}`, '--host', 'host-a');
    expect(await json('vm', 'power-on', 'web')).toMatchObject({ name: 'Power on virtual machine', state: 'success' });
    expect(await json<Vm>('vm', 'show', 'WEB')).toMatchObject({ powerState: 'poweredOn' });
    expect(await json('vm', 'clone', 'web', 'copy', '--linked')).toMatchObject({ state: 'success' });
    expect(await quarterdeck('snapshot', 'delete', 'web', 'Base of copy')).toMatchObject({ code: 1, stderr: 'quarterdeck: The disks of copy, a linked clone, stand on the snapshot "Base of copy" of web.\n' });
    await json('folder', 'create', 'apps', '--tree', 'vm', '--in', 'datacenter:Datacenter');
    await json('inventory', 'move', 'folder:apps', 'web', 'vm:copy');
    expect((await json<Vm[]>('vm', 'list')).map(vm => typeof vm.folderId)).toEqual(['string', 'string']);
    await json('host', 'add', 'edge', '--in', 'datacenter:Datacenter', '--profile', 'Quarterdeck Q1 Edge', '--hardware', '{"cpus":2}');
    expect(await json('host', 'enter-maintenance', 'edge')).toMatchObject({ state: 'success' });
    expect((await json<Host[]>('host', 'list')).find(({ name }) => name === 'edge')).toMatchObject({ cpus: 2, cpuMhz: 1500, maintenance: 'on' });
    expect(await quarterdeck('host', 'power-off', 'host-a')).toMatchObject({ code: 1, stderr: 'quarterdeck: host-a.lab.local cannot be powered off while VMs run on it: web is powered on.\n' });
    await json('pool', 'create', 'gold', '--in', 'host:host-b.lab.local', '--cpu', '{"reservation":500}');
    await json('pool', 'edit', 'gold', '--cpu', '{"limit":900}');
    expect(await json('pool', 'list')).toMatchObject([{ name: 'gold', cpu: { reservation: 500, limit: 900 }, memory: { shares: 163_840 } }]);
    await json('pool', 'edit', 'gold', '--name', 'silver', '--cpu', '{"limit":null}');
    expect((await json<ResourcePool[]>('pool', 'list')).map(({ name, cpu }) => [name, cpu.reservation, cpu.limit])).toEqual([['silver', 500, undefined]]);
    await json('host', 'edit', 'edge', '{"cpus":3}');
    expect((await json<Host[]>('host', 'list')).find(({ name }) => name === 'edge')).toMatchObject({ cpus: 3, cpuMhz: 1500 });
    expect((await json<object[]>('event', 'list', '--of', 'web', '--limit', '1'))).toMatchObject([{ type: 'vm.moved' }]);
  } finally {
    await local.close();
    await engine.close();
  }
}, 120_000);

test.each([
  [['vm', 'show', 'nothing'], 'There is no VM nothing.'],
  [['vm', 'create', '{', '--host', 'host-a'], 'spec: This is not JSON'],
  [['vm', 'create', '{}', '--host', 'host-a'], 'Invalid key: Expected "name" but received undefined'],
  [['inventory', 'move', 'folder:none', 'host-a'], 'There is no folder none.'],
  [['event', 'list', '--limit', 'many'], 'limit: "many" is not a number.'],
  [['folder', 'create', 'x', '--tree', 'oak', '--in', 'root'], 'tree: "oak" is none of datacenter, host, vm, storage, network.'],
])('what is wrong with %j is said in a sentence', async (args, sentence) => {
  const { code, stdout, stderr } = await quarterdeck(...args);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^quarterdeck: [^\n]+\n$/);
  expect(stderr).toContain(sentence);
});

test('what a VM boots is shown and decided about from a shell', async () => {
  await json('vm', 'create', JSON.stringify(SPEC), '--host', 'host-a');
  await json('vm', 'boot-save', 'web', 'base');
  await json('vm', 'boot-mark', 'web', 'base');
  await json('vm', 'boot-mark', 'web', 'settings');
  await json('vm', 'boot-mark', 'web', 'settings', '--bad');
  await json('vm', 'boot-choose', 'web', 'base');
  expect(await json('vm', 'boot', 'web')).toMatchObject({ mode: 'guest', timeoutS: 60, attempts: [], failures: 0, watchdog: null });
  expect(await json('vm', 'boot-banks', 'web')).toMatchObject([{ id: 'settings', good: false, boots: false }, { name: 'base', guest: SPEC.guest, good: true, boots: true }]);
  expect(await quarterdeck('vm', 'boot-drill', 'web', 'hang')).toMatchObject({ code: 1, stderr: 'quarterdeck: The next boot of web cannot be broken in this way: only of a kernel that is booted directly, or by the built-in UEFI, the copy in memory can be changed.\n' });
  expect(await quarterdeck('vm', 'boot-remove', 'web', 'other')).toMatchObject({ code: 1, stderr: 'quarterdeck: web has no such boot bank.\n' });
}, 60_000);

test('bad usage of a verb ends with 2', async () => {
  const { code, stderr } = await quarterdeck('vm', 'clone', 'web');
  expect([code, stderr]).toEqual([2, 'quarterdeck: missing required argument \'name\'.\n']);
});

test('a command can be shown as one would type it, but for passwords', () => {
  expect(commandLine('vm clone', { vm: 'my web', name: 'it\'s', linked: true, template: false, host: 'host-b.lab.local' })).toBe('quarterdeck vm clone \'my web\' \'it\'\\\'\'s\' --linked --host host-b.lab.local');
  expect(commandLine('inventory move', { to: 'folder:apps', objects: ['vm:a', 'vm:b c'] })).toBe('quarterdeck inventory move folder:apps vm:a \'vm:b c\'');
  expect(commandLine('vm edit', { vm: 'web', spec: { display: { heads: 1, vnc: { password: 'secret' } } } })).toBe('quarterdeck vm edit web \'{"display":{"heads":1,"vnc":{"password":"***"}}}\'');
  expect(new Set(VERBS.map(({ words }) => words)).size).toBe(VERBS.length);
});
