/** A VM's profile as text for people. */
import { disassemble } from '../cpu/asm/assembler.ts';
import type { HotRegion, ListedInstruction, Spent, VmProfile } from './profile.ts';
import type { Symbols } from './symbols.ts';

const LEVELS = ['EL0', 'EL1'];

/** Some lines, with a newline behind each. */
export function formatProfile(profile: VmProfile, symbols?: Symbols): string {
  const { hottest } = profile, whole = sum([profile.translated, profile.interpreted]);
  return [
    ...summary(profile), '',
    ...table([['', 'time', 'instructions'], ...places(profile).map(([name, spent]) => [name, ...shares(spent, whole)])]), '',
    ...translator(profile), '',
    ...exits(profile), '',
    hottest.length === 0 ? 'No samples: the guest ran too short.' : 'Hottest code, by time. Samples (>) are taken at taken branches.',
    ...hottest.flatMap((region, n) => ['', ...regionLines(region, n + 1, whole, symbols)]), '',
  ].join('\n');
}

function summary({ seconds, cpus, samples }: VmProfile): string[] {
  const row = (name: string, instructions: number, runningNs: number) => [name, millions(instructions), millions(instructions / seconds), percent(runningNs / 1e9, seconds)];
  const all = cpus.reduce((total, cpu) => total + cpu.instructions, 0);
  return [
    `Profile: ${fixed(seconds, 2)} s, ${millions(all)} instructions, ${millions(all / seconds)} a second; ${whole(samples)} samples`, '',
    ...table([['', 'instructions', 'a second', 'running'], ...cpus.map((cpu, n) => row(`vCPU ${n}`, cpu.instructions, cpu.runningNs))]),
  ];
}

const places = ({ translated, interpreted, levels }: VmProfile): (readonly [string, Spent])[] =>
  [['translated', translated], ['interpreted', interpreted], ...levels.map((spent, el) => [LEVELS[el] ?? `EL${el}`, spent] as const)];

function translator({ translator: t }: VmProfile): string[] {
  return [
    `Translator: regions ${whole(t.regions)}, instructions ${whole(t.instructions)}, modules ${whole(t.modules)}, WebAssembly ${fixed(t.bytes / 1024, 0)} KiB`,
    `  ${fixed(t.ms, 0)} ms translating, ${fixed(t.compileMs, 0)} ms compiling; regions there now ${whole(t.present)}, dropped ${whole(t.regions - t.present)}`,
  ];
}

function exits({ exits: causes, guestErrors, seconds }: VmProfile): string[] {
  const sorted = Object.entries(causes).sort(([, a], [, b]) => b - a), all = sorted.reduce((total, [, count]) => total + count, 0);
  const row = (name: string, count: number) => [name, whole(count), whole(count / seconds)];
  return [...table([['exits', 'count', 'a second'], ...sorted.map(([cause, count]) => row(cause, count)), row('together', all)]), `Guest errors: ${whole(guestErrors)}`];
}

function regionLines(region: HotRegion, rank: number, whole: Spent, symbols: Symbols | undefined): string[] {
  const [time, instructions] = shares(region, whole), name = symbols?.nameOf(region.address);
  return [`${rank}. ${time} of time, ${instructions} of instructions, ${LEVELS[region.el] ?? `EL${region.el}`} at ${hex(region.address)}${name === undefined ? '' : ` (${name})`}, ${kind(region)}`, ...listing(region.listing, whole)];
}

function kind({ translated, interpreted }: HotRegion): string {
  if (translated === undefined) return 'interpreted';
  return `a region of ${translated} instructions${interpreted >= 0.0005 ? `, ${percent(interpreted, 1)} of it before it was translated` : ''}`;
}

function listing(lines: readonly ListedInstruction[], whole: Spent): string[] {
  return lines.flatMap(({ address, word, ...spent }, n) => {
    const before = lines[n - 1], isSampled = spent.instructions > 0;
    const text = `${isSampled ? `>${percent(spent.ns, whole.ns).padStart(8)}` : ' '.repeat(9)}  ${hex(address)}  ${word.toString(16).padStart(8, '0')}  ${disassemble(word, address)}`;
    return before !== undefined && before.address + 4n !== address ? [`${' '.repeat(11)}...`, text] : [text];
  });
}

/** The first column is to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map(row => row[n]?.length ?? 0)));
  return rows.map(row => row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart((widths[n] ?? 0) + 2))).join(''));
}

const sum = (all: readonly Spent[]): Spent => ({ ns: all.reduce((s, a) => s + a.ns, 0), instructions: all.reduce((s, a) => s + a.instructions, 0) });
const shares = (part: Spent, all: Spent): [string, string] => [percent(part.ns, all.ns), percent(part.instructions, all.instructions)];
const percent = (part: number, all: number): string => `${fixed(all === 0 ? 0 : 100 * part / all, 1)} %`;
const hex = (address: bigint): string => `0x${address.toString(16).padStart(8, '0')}`;
const fixed = (value: number, digits: number): string => value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
const whole = (value: number): string => fixed(value, 0);
const millions = (value: number): string => `${fixed(value / 1e6, 1)} M`;
