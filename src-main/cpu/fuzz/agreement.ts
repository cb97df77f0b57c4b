/** Runs a program interpreted and translated, says what differs, and finds the least of the program that still does. */
import { disassemble } from '../asm/assembler.ts';
import { SYSTEM_REGISTERS } from '../a64/system-registers.ts';
import { translateRecords, type Translation } from '../core/translation.ts';
import * as L from '../layout.ts';
import { Random } from '../oracle/random.ts';
import { hurry } from './hurry.ts';
import { contentsOf, generate, NOP, type Program } from './generate.ts';
import { VARIANT, World } from './world.ts';

const MOST_INSTRUCTIONS = 1_000_000;
/** How often a place is reached before it is translated here: less than in a VM, or little would be in a short run. */
const REACHED = 25;
/** Turns after which places may become hot again whose code was invalidated. */
const FORGETFUL = 4;
const BUDGETS = [1, 60, 300, 400, 1000, 3000, 20_000];
/** Turns that a translation may be on its way, as it is when another thread makes it. */
const DELAYS = [0, 0, 1, 3, 12];

export interface Outcome { readonly ended: boolean; /** Where each turn ended. */ readonly turns: readonly string[]; readonly registers: ReadonlyMap<string, string>; readonly memory: Buffer; readonly regions: number }

/** A machine for programs run in either way, one after the other. */
export class Arena {
  private readonly world = new World();
  private readonly translates: boolean;
  private made: Translation[] = [];

  constructor(translated: boolean) {
    const { machine } = this.world;
    this.translates = translated;
    if (translated) machine.translator.service = hot => { const t = translateRecords(machine.view, hot); if (t !== undefined) this.made.push(t); };
  }

  run(program: Program): Outcome {
    const { world, world: { machine, cpu } } = this, random = new Random(program.seed ^ 0x7ea), before = machine.translator.count;
    world.load(program.mode, program.start, contentsOf(program, VARIANT));
    this.made = [];
    const turns: string[] = [];
    let ended = false;
    for (let turn = 0, due = 0; !ended && cpu.retired < MOST_INSTRUCTIONS; turn++) {
      if (this.translates && turn % FORGETFUL === 0) hurry(machine, REACHED);
      ended = world.run(random.pick(BUDGETS));
      turns.push(`${cpu.pc.toString(16)} after ${cpu.retired}`);
      machine.translator.request();
      if (turn >= due) {
        for (const translation of this.made.splice(0)) machine.translator.install(translation);
        due = turn + random.pick(DELAYS);
      }
    }
    return { ended, turns, registers: this.registers(), memory: world.memory(), regions: machine.translator.count - before };
  }

  private registers(): Map<string, string> {
    const { cpu } = this.world, all = new Map<string, string>(), hex = (value: bigint) => value.toString(16);
    for (let n = 0; n < 31; n++) all.set(`x${n}`, hex(cpu.x(n)));
    for (let n = 0; n < 32; n++) all.set(`v${n}`, cpu.v(n).map(hex).reverse().join(':'));
    all.set('sp', hex(cpu.sp));
    all.set('pc', hex(cpu.pc));
    for (const [name, field] of [['fpcr', L.FPCR], ['fpsr', L.FPSR], ['el', L.EL], ['daif', L.DAIF]] as const) all.set(name, cpu.get32(field).toString(16));
    for (const r of SYSTEM_REGISTERS) if (r.slot !== 0) all.set(r.name, hex(cpu.system(r.name)));
    all.set('retired', String(cpu.retired));
    return all;
  }
}

/** What differs between two ends; a program that does not end says nothing, unless one of the two ends. */
export function differences(interpreted: Outcome, translated: Outcome): string[] {
  if (!interpreted.ended && !translated.ended) return [];
  if (interpreted.ended !== translated.ended) return [`only the ${interpreted.ended ? 'interpreted' : 'translated'} run ends`];
  const turn = interpreted.turns.findIndex((end, n) => end !== translated.turns[n]), lines = turn < 0 ? [] : [`turn ${turn} ended at ${interpreted.turns[turn] ?? ''}, translated at ${translated.turns[turn] ?? 'none'}`];
  lines.push(...[...interpreted.registers].filter(([name, value]) => translated.registers.get(name) !== value).map(([name, value]) => `${name}: interpreted ${value}, translated ${translated.registers.get(name) ?? ''}`));
  if (!interpreted.memory.equals(translated.memory)) {
    const at = interpreted.memory.findIndex((byte, i) => byte !== translated.memory[i]) & ~7;
    lines.push(`memory from 0x${at.toString(16)}: interpreted ${interpreted.memory.readBigUInt64LE(at).toString(16)}, translated ${translated.memory.readBigUInt64LE(at).toString(16)}`);
  }
  return lines;
}

const without = (program: Program, gone: readonly number[]): Program => ({ ...program, words: new Map([...program.words].map(([at, word]) => [at, gone.includes(at) ? NOP : word])) });

/** With NOPs for as many instructions as possible, as long as `fails` holds: halves first, then smaller parts. */
export function shrink(program: Program, fails: (program: Program) => boolean): Program {
  let least = program;
  for (let again = true; again;) {
    again = false;
    const left = [...least.words].filter(([, word]) => word !== NOP).map(([at]) => at);
    for (let size = left.length >> 1; size >= 1; size >>= 1) {
      for (let from = 0; from < left.length; from += size) {
        const gone = left.slice(from, from + size).filter(at => least.words.get(at) !== NOP), smaller = without(least, gone);
        if (gone.length === 0 || !fails(smaller)) continue;
        least = smaller;
        again = true;
      }
    }
  }
  return least;
}

/** The instructions that are left. */
export function listing({ words, mode, start, seed }: Program): string {
  const lines = [...words].filter(([, word]) => word !== NOP).sort(([a], [b]) => a - b).map(([at, word]) => `  ${at.toString(16)}: ${word.toString(16).padStart(8, '0')}  ${disassemble(word, at)}`);
  return [`seed ${seed}, at ${mode}, from 0x${start.toString(16)}`, ...lines].join('\n');
}

/** Programs of so many seeds, each in both ways. */
export class Agreement {
  private interpreted = new Arena(false);
  private translated = new Arena(true);
  /** Regions that were made. */
  regions = 0;

  /** What is wrong with a seed's program, with the least of it that is still wrong. */
  check(seed: number): string | undefined {
    const program = generate(seed), [interpreted, translated] = this.both(program), found = differences(interpreted, translated);
    this.regions += translated.regions;
    if (found.length === 0) return undefined;
    const fails = (p: Program) => { this.interpreted = new Arena(false); this.translated = new Arena(true); return differences(...this.both(p)).length > 0; };
    if (!fails(program)) return `seed ${seed} differs only on machines that ran the programs before it\n${found.join('\n')}`;
    const least = shrink(program, fails);
    return `${listing(least)}\n${differences(...this.both(least)).join('\n')}`;
  }

  private both(program: Program): [Outcome, Outcome] { return [this.interpreted.run(program), this.translated.run(program)]; }
}
