/** Runs a guest as a process of its own, here or under QEMU, and times by the lines that arrive from its console. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../shared/base/errors.ts';
import { RAM_BASE } from '../src-main/cpu/layout.ts';
import { GUEST_RAM_PA } from '../src-main/hypervisor/vm.ts';
import { residentBeyondMib, type GuestRamPlace } from './resident-memory.ts';

export const MEMORY_MIB = 512;
const LINES_SHOWN = 12;
/** How long a guest may take to say something. */
const READY_MS = 120_000;

export interface Boot {
  readonly kernel: string;
  readonly initrd?: string;
  readonly commandLine?: string;
  /** Has a network adapter behind a NAT. */
  readonly nat?: boolean;
}

/** One of the two that are compared. */
export interface Side {
  readonly name: 'Quarterdeck' | 'QEMU';
  readonly command: string;
  readonly args: (boot: Boot) => readonly string[];
  /** Absent where there is more than one guest. */
  readonly ram: GuestRamPlace | undefined;
}

const ramBytes = MEMORY_MIB * 2 ** 20;
const QUARTERDECK = join(import.meta.dirname, '../dist/cli/quarterdeck.js');
export const QUARTERDECK_SETTINGS = ['--memory', `${MEMORY_MIB}M`, '--cpus', '1', '--no-reboot'];
export const QEMU_SETTINGS = ['-M', 'virt,gic-version=3', '-cpu', 'cortex-a72', '-accel', 'tcg', '-smp', '1', '-m', `${MEMORY_MIB}`, '-nographic', '-nodefaults', '-serial', 'stdio', '-no-reboot'];
/** QEMU's machine has no SMMU unless asked for. */
export const QUARTERDECK_NAT = ['--net', 'nat'];
export const QEMU_NAT = ['-netdev', 'user,id=n', '-device', 'virtio-net-pci,netdev=n,romfile='];

const optional = (option: string, value: string | undefined): readonly string[] => (value === undefined ? [] : [option, value]);

export const quarterdeck: Side = {
  name: 'Quarterdeck', command: QUARTERDECK, ram: { offset: RAM_BASE + GUEST_RAM_PA, bytes: ramBytes },
  args: ({ kernel, initrd, commandLine, nat }) => ['run', ...QUARTERDECK_SETTINGS, '--kernel', kernel, ...optional('--initrd', initrd), ...optional('--append', commandLine), ...(nat ? QUARTERDECK_NAT : [])],
};
export const qemu: Side = {
  name: 'QEMU', command: 'qemu-system-aarch64', ram: { offset: 0, bytes: ramBytes },
  args: ({ kernel, initrd, commandLine, nat }) => [...QEMU_SETTINGS, '-kernel', kernel, ...optional('-initrd', initrd), ...optional('-append', commandLine), ...(nat ? QEMU_NAT : [])],
};

/** A guest with another beside it, which boots with a command line of its own. */
export const pairOf = (side: Side, peerCommandLine: string): Side => ({
  name: side.name, command: process.execPath, ram: undefined,
  args: ({ kernel, initrd = '', commandLine = '' }) => [join(import.meta.dirname, 'guest-pair.ts'), side.name, kernel, initrd, commandLine, peerCommandLine],
});

export interface GuestRun {
  /** From the command to its end. */
  readonly totalMs: number;
  /** From the command to the first byte on the console. */
  readonly firstByteMs: number;
  /** From a workload's `begin` to its `end`. */
  readonly workloadMs: ReadonlyMap<string, number>;
  readonly sums: ReadonlyMap<string, string>;
  /** Known when the guest program ran to its end. */
  readonly beyondRamMib: number | undefined;
}

export interface Timing {
  readonly timeoutMs: number;
  /** Workloads are timed by what the process's threads had of the processors, not by the clock. */
  readonly processorTime?: boolean;
}

/** Resolves when the guest has powered off; whatever else ends it is an error of one sentence and its last lines. */
export async function runGuest(side: Side, boot: Boot, { timeoutMs, processorTime = false }: Timing): Promise<GuestRun> {
  const workloadMs = new Map<string, number>(), sums = new Map<string, string>(), lines: string[] = [];
  let firstByteMs: number | undefined, beyondRamMib: number | undefined, running: { name: string; sinceMs: number } | undefined;
  let partial = '', errors = '', timedOut = false;

  const startedMs = performance.now(), child = spawn(side.command, side.args(boot), { stdio: 'pipe' });
  const timer = setTimeout(() => { timedOut = true; child.kill('SIGKILL'); }, timeoutMs);
  const heard = (line: string, atMs: number): void => {
    lines.push(line);
    const [word, name = '', sum = ''] = line.split(' ');
    if (word === 'begin') running = { name, sinceMs: atMs };
    else if (word === 'sum') sums.set(name, sum);
    else if (line === 'end ALL') {
      if (side.ram !== undefined) beyondRamMib = residentBeyondMib(child.pid!, side.ram);
      child.stdin.write('\n');
    } else if (word === 'end' && running?.name === name) {
      workloadMs.set(name, atMs - running.sinceMs);
      running = undefined;
    }
  };
  child.stdin.on('error', () => { /* the guest ended; its exit says why */ });
  child.stderr.on('data', (bytes: Buffer) => { errors += bytes.toString(); });
  child.stdout.on('data', (bytes: Buffer) => {
    const nowMs = performance.now(), atMs = processorTime ? processorMs(child.pid!) : nowMs;
    firstByteMs ??= nowMs - startedMs;
    const ended = (partial + bytes.toString('latin1')).split('\n');
    partial = ended.pop() ?? '';
    for (const line of ended) heard(line.trimEnd(), atMs);
  });

  const what = await endOf(child).finally(() => clearTimeout(timer));
  const totalMs = performance.now() - startedMs;
  if (what !== 'well' || firstByteMs === undefined) {
    const why = timedOut ? `did not end within ${timeoutMs / 1000} s` : what === 'well' ? 'printed nothing' : `failed (${what})`;
    throw new EngineError('guest', [`The guest under ${side.name} ${why}${running ? ` in the workload ${running.name}` : ''}. Its last lines:`, ...lines.slice(-LINES_SHOWN), partial, errors.trim()].join('\n').trim());
  }
  return { totalMs, firstByteMs, workloadMs, sums, beyondRamMib };
}

/** What a console says until it has said a text, from the last time on. */
export function saying(child: ChildProcess): (text: string) => Promise<void> {
  let heard = '';
  child.stdout!.on('data', (bytes: Buffer) => { heard += bytes.toString('latin1'); });
  return async text => {
    const limit = AbortSignal.timeout(READY_MS);
    while (!heard.includes(text)) {
      try { await once(child.stdout!, 'data', { signal: limit }); } catch { throw new EngineError('guest', `The guest did not say "${text}" within ${READY_MS / 1000} s. Its last words: ${heard.slice(-400)}`); }
    }
    heard = heard.slice(heard.indexOf(text) + text.length);
  };
}

/** What a process's threads have run for until now. */
function processorMs(pid: number): number {
  const threads = `/proc/${pid}/task`;
  return readdirSync(threads).reduce((sum, thread) => sum + Number(readFileSync(`${threads}/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6, 0);
}

/** How a process ended: `well`, or what happened. */
const endOf = (child: ChildProcess): Promise<string> => new Promise(resolve => {
  child.once('error', error => resolve(error.message));
  child.once('close', (code, signal) => resolve(code === 0 ? 'well' : signal ?? `exit code ${code}`));
});
