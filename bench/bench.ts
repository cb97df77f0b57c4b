/**
 * `npm run bench`: the same kernel, initrd and programs here and, where it is installed, under QEMU's TCG, in turns.
 * Prints the settings and one table, and ends with 1 when a guest failed or computed something wrong.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { build } from '../scripts/build.ts';
import { fetchGuests, type Guest } from '../scripts/fetch-guests.ts';
import { EngineError, messageOf } from '../shared/base/errors.ts';
import { benchConsole } from './console.ts';
import { benchDisplay } from './display.ts';
import { benchMigration } from './migration.ts';
import { buildGuest, COMPILATION, GUEST_PROGRAM, nativeSums, type GuestFiles } from './build-guest.ts';
import { pairOf, qemu, QEMU_NAT, QEMU_SETTINGS, quarterdeck, QUARTERDECK_NAT, QUARTERDECK_SETTINGS, runGuest, type Boot, type GuestRun, type Side } from './guest-run.ts';
import { isReached, ratioOf, spread, table, withReport, type Measurement } from './report.ts';
import { startTcpPeer, STREAM_MIB, streamSum, type TcpPeer } from './tcp-peer.ts';
import { BOOT, MEMORY, ROWS, START_UP, STREAMS, TCP_SWITCH, WORKLOADS, type Row } from './workloads.ts';

interface Options { readonly runs: number; readonly only?: readonly Row[]; readonly qemu: boolean; readonly timeout: number; readonly json?: string; readonly processorTime?: true; readonly write?: true }

/** No KASLR, so that neither side pays for KPTI. */
const KERNEL_OPTIONS = 'console=ttyAMA0 quiet nokaslr panic=-1';
/** Arguments after `--` go to init: busybox turns the machine off at once. */
const BOOT_COMMAND_LINE = `${KERNEL_OPTIONS} rdinit=/bin/busybox -- poweroff -f`;
const DOCUMENT = join(import.meta.dirname, '../docs/performance.md');

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It is a whole number above 0.');
  return value;
}

/** The console is measured alone, and not by guests; displays by a client of theirs. */
function rowsOf(text: string): readonly Row[] | 'console' | 'display' | 'migration' {
  if (text === 'console' || text === 'display' || text === 'migration') return text;
  const names = text.split(','), unknown = names.find(name => !ROWS.some(row => row.name === name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no ${unknown}; there are ${ROWS.map(row => row.name).join(', ')}.`);
  return ROWS.filter(row => names.includes(row.name));
}

const command = new Command('bench')
  .description('compare the speed of guests here and under QEMU')
  .option('--runs <count>', 'how often everything runs on each side', positive, 3)
  .option('--only <names>', `only these rows, with commas between: ${ROWS.map(row => row.name).join(', ')}; or the budgets of the console with many VMs: console; or frames and keys by VNC: display; or moving a guest: migration`, rowsOf)
  .option('--no-qemu', 'only here')
  .option('--timeout <seconds>', 'for each boot', positive, 300)
  .option('--processor-time', 'time the guest\'s workloads by what the processors gave to the process, for a machine where others are at work')
  .option('--json <file>', 'write every figure to a file')
  .option('--write', 'write the table to docs/performance.md')
  .action(async ({ only, ...options }: Omit<Options, 'only'> & { readonly only?: readonly Row[] | 'console' | 'display' | 'migration' }) => {
    process.exitCode = only === 'console' ? (await benchConsole() ? 0 : 1) : only === 'display' ? await benchDisplay(options.runs) : only === 'migration' ? await benchMigration(options.runs) : await bench({ ...options, ...(only && { only }) });
  });

/** What is measured of each row, one figure a run. */
class Results {
  private readonly rows: ReadonlyMap<Row, { ours: number[]; peer: number[] }>;
  private readonly expected: ReadonlyMap<string, string>;
  /** A sentence for each wrong result. */
  readonly complaints = new Set<string>();
  private readonly wrong = new Set<Row>();

  constructor(rows: readonly Row[], expected: ReadonlyMap<string, string>) {
    this.rows = new Map(rows.map(row => [row, { ours: [], peer: [] }]));
    this.expected = expected;
  }

  add(side: Side, row: Row, value: number | undefined): void {
    const figure = value === undefined || row.unit === 'ms' || row.unit === 'MiB' ? value : row.unit === 's' ? value / 1000 : STREAM_MIB * 1000 / value;
    if (figure !== undefined) this.rows.get(row)?.[side.name === quarterdeck.name ? 'ours' : 'peer'].push(figure);
  }

  addWorkloads(side: Side, { workloadMs, sums }: GuestRun, ran: readonly Row[]): void {
    for (const row of ran) {
      if (!this.rows.has(row)) continue;
      const right = this.expected.get(row.name), sum = sums.get(row.name) ?? 'nothing';
      this.add(side, row, workloadMs.get(row.name));
      if (sum === right) continue;
      this.wrong.add(row);
      this.complaints.add(`The workload ${row.name} gave ${sum} under ${side.name}; ${right} is right.`);
    }
  }

  get measurements(): readonly Measurement[] {
    return [...this.rows].map(([row, values]) => ({ row, ...values, wrong: this.wrong.has(row) }));
  }
}

async function bench(options: Options): Promise<number> {
  const peer = options.qemu ? firstLineOf('qemu-system-aarch64', '--version') : undefined;
  if (options.write && (options.only !== undefined || options.processorTime || peer === undefined)) throw new EngineError('usage', 'A table to keep has all rows, a peer, and times by the clock: --write needs QEMU and goes without --only and --processor-time.');
  if (options.qemu && peer === undefined) console.error('qemu-system-aarch64 is not installed (Debian\'s qemu-system-arm has it), so there is nothing to compare with.');
  await build();
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-bench-'));
  try {
    const results = await measure(folder, options, peer === undefined ? [quarterdeck] : [quarterdeck, qemu]);
    const settings = settingsOf(options, peer), { measurements, complaints } = results;
    console.log(`${settings}\n\n${table(measurements)}`);
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ settings, rows: measurements.map(jsonOf) }, null, 2)}\n`);
    for (const sentence of complaints) console.error(`bench: ${sentence}`);
    if (complaints.size > 0) return 1;
    if (options.write) await writeFile(DOCUMENT, withReport(await readFile(DOCUMENT, 'utf8'), `${settings}\n\n${table(measurements)}`));
    return 0;
  } finally { await rm(folder, { recursive: true }); }
}

/** Each kind of boot here, then under the peer; all of that as often as was asked for. */
async function measure(folder: string, options: Options, sides: readonly Side[]): Promise<Results> {
  const rows = options.only ?? ROWS, workloads = WORKLOADS.filter(row => rows.includes(row) || (options.only?.includes(MEMORY) && options.only.length === 1));
  const names = workloads.map(row => row.name), debian = await fetchGuests('cloud'), files = await buildGuest(folder, debian.initrd);
  using host = await startTcpPeer();
  const sums = names.length > 0 ? await nativeSums(files.native, names) : [], sum = streamSum();
  const results = new Results(rows, new Map([...sums, ...STREAMS.map(row => [row.name, sum] as const)]));
  const boots = bootsOf({ rows, workloads, debian, files, host, results });
  for (let run = 1; run <= options.runs; run++) {
    for (const { boot, take, beside } of boots) {
      for (const side of sides) {
        progress(`run ${run} of ${options.runs}, ${side.name}`);
        take(side, await runGuest(beside === undefined ? side : pairOf(side, beside), boot, { timeoutMs: options.timeout * 1000, processorTime: beside === undefined && (options.processorTime ?? false) }));
      }
    }
  }
  progress('');
  return results;
}

interface Wanted { readonly rows: readonly Row[]; readonly workloads: readonly Row[]; readonly debian: Guest; readonly files: GuestFiles; readonly host: TcpPeer; readonly results: Results }
/** What is booted, what becomes of what was measured, and with what command line another guest boots beside it. */
interface Booting { readonly boot: Boot; readonly take: (side: Side, run: GuestRun) => void; readonly beside?: string | undefined }

function bootsOf({ rows, workloads, debian, files, host, results }: Wanted): Booting[] {
  const streams = STREAMS.filter(row => row !== TCP_SWITCH && rows.includes(row)), namesOf = (ran: readonly Row[]) => ran.map(row => row.name).join(' ');
  const commandLine = (words: string) => `${KERNEL_OPTIONS} rdinit=${GUEST_PROGRAM} ${words}`, program = { kernel: debian.kernel, initrd: files.initrd };
  const boots: Booting[] = [];
  if (rows.includes(START_UP)) boots.push({ boot: { kernel: files.startUp }, take: (side, run) => results.add(side, START_UP, run.firstByteMs) });
  if (rows.includes(BOOT)) boots.push({ boot: { ...debian, commandLine: BOOT_COMMAND_LINE }, take: (side, run) => results.add(side, BOOT, run.totalMs) });
  if (workloads.length > 0) boots.push({
    boot: { ...program, commandLine: commandLine(`-- ${namesOf(workloads)}`) },
    take: (side, run) => { results.addWorkloads(side, run, workloads); results.add(side, MEMORY, run.beyondRamMib); },
  });
  if (streams.length > 0) boots.push({ boot: { ...program, commandLine: commandLine(`bench_port=${host.port} -- ${namesOf(streams)}`), nat: true }, take: (side, run) => results.addWorkloads(side, run, streams) });
  if (rows.includes(TCP_SWITCH)) boots.push({ boot: { ...program, commandLine: commandLine(`-- ${TCP_SWITCH.name}`) }, beside: commandLine('-- tcp-serve'), take: (side, run) => results.addWorkloads(side, run, [TCP_SWITCH]) });
  return boots;
}

/** On one line of a terminal, which it leaves as it was. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

const jsonOf = (measurement: Measurement) => {
  const { row, ours, peer, wrong } = measurement;
  return { name: row.name, unit: row.unit, ours, peer, ratio: ratioOf(measurement), toReach: row.limit ?? row.ratio, reached: isReached(measurement), wrong, ...(ours.length > 0 && { oursSpread: spread(ours) }) };
};

function firstLineOf(program: string, ...args: readonly string[]): string | undefined {
  const { stdout, status } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

function settingsOf({ runs, processorTime }: Options, peer: string | undefined): string {
  const [processor] = cpus();
  return [
    `- Machine: ${cpus().length} × ${processor?.model ?? 'unknown processor'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB of memory, Linux ${release()}, Node ${process.version}.`,
    `- Ours: \`quarterdeck run ${QUARTERDECK_SETTINGS.join(' ')} --kernel Image --initrd initrd.gz --append …\``,
    ...(peer === undefined ? [] : [`- Peer: ${peer}, \`qemu-system-aarch64 ${QEMU_SETTINGS.join(' ')} -kernel Image -initrd initrd.gz -append …\``]),
    `- Behind a NAT: ours with \`${QUARTERDECK_NAT.join(' ')}\`, QEMU with \`${QEMU_NAT.join(' ')}\`. Side by side: two VMs of one process, without SMMU, on a switch; two processes with \`-netdev socket\`.`,
    `- Kernel: Debian's arm64 cloud kernel, command line of both \`${KERNEL_OPTIONS} rdinit=${GUEST_PROGRAM}\`; of the boot to init \`${BOOT_COMMAND_LINE}\`.`,
    `- Guest program: bench/guest, ${firstLineOf('aarch64-linux-gnu-gcc', '--version') ?? 'no compiler'}, \`${COMPILATION}\`.`,
    `- Runs of each, in turns: ${runs}.${processorTime ? ' Workloads by processor time.' : ''}`,
  ].join('\n');
}

try { await command.parseAsync(); } catch (error) {
  console.error(`bench: ${error instanceof EngineError ? error.message : messageOf(error)}`);
  process.exitCode = 1;
}
