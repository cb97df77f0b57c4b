/**
 * For tests: Debian that writes to its disk and talks over its network all the time, while it moves between two hosts, and while that
 * is made to fail. What it writes it reads again, every line that it is sent it sends back, and memory is compared at each switch-over.
 */
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import type { DatastoreId, HostId, TaskId, VmId } from '../../shared/base/ids.ts';
import { LOCAL_DATASTORE } from '../../shared/model/container.ts';
import { HOST_PROFILES, USUAL_LINK } from '../../shared/model/host.ts';
import { startVm } from '../hypervisor/start-vm.ts';
import type { RunningVm, StartVm } from '../hypervisor/vm-launch.ts';
import { randomNumbers } from '../storage/test-folder.ts';
import { openTestClient, type TestClient } from './test-client.ts';

/** Writes 64 KiB anywhere on the disk, flushed, and reads them again past the guest's cache. */
export const DISK_LOAD = `n=0; while true; do n=$((n+1)); at=$((n * 7 % 400 * 16)); dd if=/dev/urandom of=/tmp/b bs=4k count=16 2>/dev/null; dd if=/tmp/b of=/dev/vda bs=4k seek=$at conv=fsync 2>/dev/null; echo 1 > /proc/sys/vm/drop_caches;`
  + ` if [ "$(dd if=/dev/vda bs=4k skip=$at count=16 2>/dev/null | md5sum)" = "$(md5sum < /tmp/b)" ]; then echo $n > /tmp/good; else echo $n >> /tmp/bad; fi; done`;
const FAULTS = ['cut', 'kill', 'cancel'] as const;
/** In a VM of 128 MiB a move takes some such time, in which something goes wrong. */
const FAULT_WITHIN_MS = 600;
const CUT_MS = 500;
const DISK_MIB = 32;

/** The guest is Debian's kernel with our initrd; the port is a free one. */
export interface Proof { readonly guest: { readonly kernel: string; readonly initrd: string }; readonly hostPort: number; readonly moves: number; readonly faults: number; readonly seed: number; readonly postCopy?: boolean }
export interface Proven { readonly downtimesMs: readonly number[]; readonly movedInSpite: number; readonly echoed: number }

export async function proveMigration({ guest, hostPort, moves, faults, seed, postCopy = false }: Proof): Promise<Proven> {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-migration-')), random = randomNumbers(seed), alive = new Set<RunningVm>();
  let newest: RunningVm | undefined;
  const watched: StartVm = (launch, listener, options) => {
    const vm: RunningVm = newest = startVm(launch, { ...listener, stopped: stop => { alive.delete(vm); listener.stopped(stop); } }, options);
    alive.add(vm);
    return vm;
  };
  const { client, client: { api }, engine, ended, objects, close } = await openTestClient(join(folder, 'data'), undefined, watched);
  const done = async (task: Promise<TaskId>) => { const { error, state, result } = await ended(await task); expect(error ?? state).toBe('success'); return result?.id ?? ''; };
  const [here, there] = await Promise.all(['here', 'there'].map(async name => await done(api.hosts.add({ name, parent: { kind: 'datacenter', id: 'datacenter' }, profile: HOST_PROFILES[0] })) as HostId)) as [HostId, HostId];
  await mkdir(join(folder, 'second'));
  const second = await done(api.datastores.add({ name: 'second', path: join(folder, 'second') }, { kind: 'datacenter', id: 'datacenter' } as never)) as DatastoreId;
  const vm = await done(api.vms.create({
    name: 'roamer', cpus: 2, memoryMib: 128, guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' },
    disks: [{ create: { sizeMib: DISK_MIB, format: 'qcow2' }, readOnly: false }], nics: [{ kind: 'nat', connected: true, forwards: [{ protocol: 'tcp', hostPort, guestPort: 7000 }] }],
  }, here)) as VmId;
  const now = async () => (await objects('vm')).find(({ id }) => id === vm)!;
  try {
    engine.migrations.proof = { verify: true };
    await done(api.vms.powerOn(vm));
    const shell = await shellOf(client, vm);
    await shell.run('udhcpc -i eth0 -q -n; (nc -l -p 7000 -e cat &) ; until netstat -ltn | grep -q :7000; do sleep 0.1; done');
    shell.type(`(${DISK_LOAD}) &`);
    const echo = await echoOf(hostPort), downtimesMs: number[] = [];
    const other = async () => ((await now()).hostId === here ? there : here);
    /** Its files go to the other datastore, too. */
    const elsewhere = async (alsoFiles: boolean) => (alsoFiles ? { datastoreId: (await now()).datastoreId === second ? LOCAL_DATASTORE : second } : {});
    /** Its files are where the inventory says, and nowhere else. */
    const checkFiles = async () => {
      const { datastoreId, spec: { disks } } = await now(), folders = [join(folder, 'data/vms', vm), join(folder, 'second', vm)], [own, none] = datastoreId === second ? folders.reverse() : folders;
      expect(disks.map(({ path }) => dirname(path))).toEqual([own]);
      expect((await readdir(none!).catch((): string[] => [])).filter(name => name !== 'elsewhere')).toEqual([]);
    };
    for (let n = 0; n < moves; n++) {
      const to = await other(), before = echo.count;
      await done(api.vms.migrate([vm], { hostId: to, downtimeMs: 500, priority: 'high', postCopy, ...await elsewhere(n % 2 === 1) }));
      expect((await now()).hostId).toBe(to);
      await echo.grows(before);
      await checkFiles();
      downtimesMs.push((await api.vms.migrations(vm))[0]!.downtimeMs!);
      expect(alive.size).toBe(1);
    }
    let movedInSpite = 0;
    for (let n = 0; n < faults; n++) {
      const from = (await now()).hostId, to = await other(), before = echo.count, fault = FAULTS[random(FAULTS.length)]!, task = await api.vms.migrate([vm], { hostId: to, downtimeMs: 500, priority: 'high', postCopy, ...await elsewhere(random(2) === 0) });
      const end = ended(task);
      await Promise.race([end, wait(random(FAULT_WITHIN_MS))]);
      if (fault === 'cut') await done(api.hosts.setLink(to, { ...USUAL_LINK, connected: false }));
      else if (fault === 'cancel') await api.tasks.cancel(task).catch(() => { /* it is over */ });
      else if (engine.power.machine(vm) !== newest) await newest!.terminate();
      if (fault === 'cut') {
        // While its memory follows it waits for the link.
        await Promise.race([end, wait(CUT_MS)]);
        await done(api.hosts.setLink(to, USUAL_LINK));
      }
      const { state } = await end, { hostId, powerState } = await now();
      expect([powerState, hostId], `${fault}, ${state}`).toEqual(['poweredOn', state === 'success' ? to : from]);
      await checkFiles();
      if (state === 'success') movedInSpite++;
      await echo.grows(before);
      expect(alive.size).toBe(1);
    }
    const good = await shell.run('cat /tmp/good; cat /tmp/bad');
    expect(good).toMatch(/\d+\s+cat: can't open '\/tmp\/bad'/);
    echo.end();
    return { downtimesMs, movedInSpite, echoed: echo.count };
  } finally {
    await close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A shell on the VM's console; `prod` is typed to have it say that it is there. */
export async function shellOf(client: TestClient['client'], vm: VmId, prod = '') {
  const { api } = client;
  // A console's replay comes before the answer that says which it is.
  const texts = new Map<string, string>();
  let id = '', more: () => void = () => { /* nobody waits */ };
  client.on('console.output', ({ consoleId, bytes }) => {
    texts.set(consoleId, (texts.get(consoleId) ?? '') + new TextDecoder().decode(bytes));
    if (id === '' || consoleId === id) api.consoles.acknowledge(consoleId, bytes.length).catch(() => { /* it is over */ });
    more();
  });
  const expectText = async (wanted: RegExp) => {
    for (;;) {
      const text = texts.get(id) ?? '', found = wanted.exec(text);
      if (found !== null) { texts.set(id, text.slice(found.index + found[0].length)); return text.slice(0, found.index); }
      await new Promise<void>(resolve => { more = resolve; });
    }
  };
  const type = (line: string) => { void api.consoles.write(id, new TextEncoder().encode(`${line}\r`)); };
  ({ consoleId: id } = await api.consoles.attach(vm));
  if (prod !== '') void api.consoles.write(id, new TextEncoder().encode(prod));
  await expectText(/# /);
  return { type, run: async (command: string) => { type(`${command} 2>&1; echo "do""ne"`); const all = await expectText(/\r\ndone\r\n/); return all.slice(all.indexOf('\n') + 1); } };
}

/** Lines go there and come back, one after the other and in order, over one connection. */
async function echoOf(port: number) {
  const socket = connect(port, '127.0.0.1');
  let count = 0, isOver = false, failure: Error | undefined, grown: () => void = () => { /* nobody waits */ };
  await once(socket, 'connect');
  socket.on('error', error => { failure = error; grown(); }).on('close', () => { if (!isOver) failure ??= new Error('The connection was closed.'); grown(); });
  createInterface({ input: socket }).on('line', line => {
    if (line !== `line ${count}`) failure = new Error(`"${line}" came after ${count} lines`);
    count++;
    grown();
    socket.write(`line ${count}\n`);
  });
  socket.write('line 0\n');
  return {
    get count() { return count; },
    grows: async (from: number) => {
      while (count <= from) {
        if (failure !== undefined) throw failure;
        await new Promise<void>(resolve => { grown = resolve; });
      }
      if (failure !== undefined) throw failure;
    },
    end: () => { isOver = true; socket.destroy(); },
  };
}
