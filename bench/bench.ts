/**
 * `npm run bench`: whole boots of Debian's cloud kernel to init and power-off, here and, where it is installed, under
 * QEMU's TCG, in turns; then the guest's speed over that boot. Every figure is minimum, median and maximum.
 * The peer's settings are printed. A ratio above 1 means that we are faster.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchGuests, type Guest } from '../scripts/fetch-guests.ts';
import { Vm } from '../src-main/hypervisor/vm.ts';

const RUNS = 5;
const MEMORY_MIB = 512;
/** Arguments after `--` go to init: busybox turns the machine off at once. No KASLR, so that neither side pays for KPTI. */
const COMMAND_LINE = 'console=ttyAMA0 quiet nokaslr panic=-1 rdinit=/bin/busybox -- poweroff -f';

const guest = await fetchGuests('cloud');
const ours = () => timed(process.execPath, [join(import.meta.dirname, '../dist/cli/quarterdeck.js'), 'run', '--kernel', guest.kernel, '--initrd', guest.initrd, '--memory', `${MEMORY_MIB}M`, '--append', COMMAND_LINE, '--timeout', '120']);
const QEMU = ['-M', 'virt,gic-version=3', '-cpu', 'cortex-a72', '-accel', 'tcg', '-smp', '1', '-m', `${MEMORY_MIB}`, '-nographic', '-nodefaults', '-serial', 'stdio'];
const qemu = () => timed('qemu-system-aarch64', [...QEMU, '-kernel', guest.kernel, '-initrd', guest.initrd, '-append', COMMAND_LINE]);

/** Seconds of wall time for one process, which has to succeed. */
function timed(command: string, args: readonly string[]): number {
  const startedMs = performance.now(), { status, error, stderr } = spawnSync(command, args, { input: '', encoding: 'utf8' });
  if (error !== undefined || status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr}`);
  return (performance.now() - startedMs) / 1000;
}

/** Millions of guest instructions in each second of one boot in this process. */
async function bootMips({ kernel, initrd }: Guest): Promise<number> {
  const vm = new Vm({
    cpus: 1, memoryMib: MEMORY_MIB, counterHz: 62_500_000, disks: [], wake: () => { /* never asleep for long */ },
    boot: { kind: 'linux', kernel: readFileSync(kernel), initrd: readFileSync(initrd), commandLine: COMMAND_LINE },
    consoleOutput: () => vm.board.acknowledgeConsole(1),
  });
  const startedMs = performance.now();
  vm.resume();
  while (vm.powerRequest === 'none') if (!vm.runSlice()) await new Promise(resolve => { setImmediate(resolve); });
  return vm.stats().instructions / (performance.now() - startedMs) / 1000;
}

const spread = (values: readonly number[]) => {
  const sorted = [...values].sort((a, b) => a - b);
  return { min: sorted[0] ?? NaN, median: sorted[sorted.length >> 1] ?? NaN, max: sorted.at(-1) ?? NaN };
};
const show = (values: readonly number[], unit: string) => { const s = spread(values); return `${s.min.toFixed(2)} / ${s.median.toFixed(2)} / ${s.max.toFixed(2)} ${unit}`; };

const version = spawnSync('qemu-system-aarch64', ['--version'], { encoding: 'utf8' }).stdout as string | null;
console.log(version === null ? 'QEMU is not installed; no peer.' : `Peer: ${version.split('\n')[0]}, qemu-system-aarch64 ${QEMU.join(' ')}`);
console.log(`Kernel command line: ${COMMAND_LINE}\n`);

const times: { ours: number[]; qemu: number[] } = { ours: [], qemu: [] };
for (let run = 0; run < RUNS; run++) {
  times.ours.push(ours());
  if (version !== null) times.qemu.push(qemu());
}
const mips: number[] = [];
for (let run = 0; run < RUNS; run++) mips.push(await bootMips(guest));

console.log('workload                        ours (min / median / max)      QEMU                           ratio');
console.log(`boot to init, whole process     ${show(times.ours, 's').padEnd(30)} ${version === null ? '' : `${show(times.qemu, 's').padEnd(30)} ${(spread(times.qemu).median / spread(times.ours).median).toFixed(2)}`}`);
console.log(`guest over that boot            ${show(mips, 'MIPS')}`);
