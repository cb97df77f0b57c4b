/**
 * Random programs that end: functions on several pages that call, tail-call and recurse as long as there is fuel,
 * counted loops, branches of all kinds, and between them random instructions, accesses that now and then fault, system
 * calls that change the page tables, and stores to code. A driver runs all of it round after round.
 *
 * X0–X17 and all vectors belong to random instructions, X18–X21 are their pointers, X22 and X23 count loops, X24 and
 * X25 are the kernel's, X26 is the fuel, X27 the stack's top, X28 the rounds left, X29 the middle of the data.
 */
import { A64 } from '../a64/index.ts';
import { decode, encode } from '../asm/assembler.ts';
import { Random } from '../oracle/random.ts';
import type { FieldSpec, Row } from '../translate/insn.ts';
import { CodeBuilder, type Label } from './code-builder.ts';
import { ABSENT_AT_TIMES, ALIAS, CALLS, CODE, CODE_PAGES, DATA, MODES, READ_ONLY_AT_TIMES, SEED_BYTES, SEEDS, SWAPPED, UNMAPPED, type Mode } from './world.ts';

export interface Program {
  readonly seed: number;
  readonly mode: Mode;
  readonly start: number;
  readonly words: ReadonlyMap<number, number>;
  /** Instructions that are others in the swapped page's variant. */
  readonly varied: readonly number[];
  readonly seedBytes: Uint8Array;
}

export const NOP = 0xd503_201f;
const DRIVER = CODE + 4096 * (CODE_PAGES - 1);
const MOST_FUNCTIONS = 7, MOST_WORDS_OF_FUNCTION = 150;

const isMemory = (row: Row) => /^(LD|ST|CAS|SWP|PRF|DC ZVA)/.test(row.name);
const isLiteral = (row: Row) => row.name.includes('literal');
const ROWS = A64.filter(r => !/^(B|BL|B\.cond|CBN?Z|TBN?Z|BR|BLR|RET|ERET|SVC|HVC|SMC|BRK|HLT|YIELD|WFE|WFI|ISB|MSR .*|MRS|SYS)$/.test(r.name));
const named = (pattern: RegExp) => ROWS.filter(r => pattern.test(r.name));
const SETS_FLAGS = named(/^(ADDS|SUBS|ANDS|BICS|ADCS|SBCS|CCM|FCMP|FCCMP)/), USES_FLAGS = named(/^(CS|CCM|ADC|SBC|FCSEL|FCCMP)/);
const CLREX = named(/^CLREX$/);
const PLAIN = ROWS.filter(r => !isMemory(r)), INTEGER = PLAIN.filter(r => r.fields.every(f => f.register !== 'v')), MEMORY = ROWS.filter(r => isMemory(r) && !isLiteral(r)), LITERAL = ROWS.filter(isLiteral);
const CONDITIONS = ['eq', 'ne', 'hs', 'lo', 'mi', 'pl', 'vs', 'vc', 'hi', 'ls', 'ge', 'lt', 'gt', 'le', 'al', 'nv'];
const REGISTER_OFFSET = 17;

export function generate(seed: number): Program { return new Generator(seed).program(); }

interface Routine { readonly entry: Label; readonly leaf: boolean }

class Generator {
  private readonly seed: number;
  private readonly random: Random;
  private readonly code = new CodeBuilder();
  private readonly routines: Routine[];
  private readonly patched: { readonly label: Label; wanted: boolean }[] = [];
  private readonly varied: number[] = [];
  /** Where a round ends. */
  private readonly escape: Label = { at: undefined };
  /** Some programs change their code and its mapping all the time. */
  private readonly restless: boolean;
  private current: Routine;
  private end = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.random = new Random(seed);
    this.restless = this.random.chance(0.25);
    this.routines = Array.from({ length: 2 + this.random.below(MOST_FUNCTIONS - 1) }, (_, n) => ({ entry: { at: undefined }, leaf: n > 0 && this.random.chance(0.3) }));
    this.current = this.routines[0] as Routine;
  }

  program(): Program {
    const { random, code } = this, mode = random.pick(MODES);
    this.driver(mode, 60 + random.below(300));
    code.at = CODE + 4 * random.below(64);
    for (const routine of this.routines) {
      this.place();
      this.routine(routine);
    }
    // Whoever patches code and came before any that can be patched patches the driver's first word, a NOP.
    for (const { label } of this.patched) label.at ??= DRIVER;
    const seedBytes = new Uint8Array(SEED_BYTES), view = new DataView(seedBytes.buffer);
    for (let at = 0; at < SEED_BYTES; at += 16) random.vector().forEach((half, n) => view.setBigUint64(at + 8 * n, half, true));
    return { seed: this.seed, mode, start: DRIVER, words: code.link(), varied: this.varied.filter(at => at >= SWAPPED && at < SWAPPED + 4096), seedBytes };
  }

  /** Behind the one before, on a page of its own, or across a boundary of pages. */
  private place(): void {
    const { random, code } = this, next = (code.at + 4095) & ~4095;
    if (random.chance(0.4)) code.at = next + 4 * random.below(64);
    else if (random.chance(0.25)) code.at = Math.max(code.at, next - 4 * (1 + random.below(30)));
  }

  // ---- the driver

  private driver(mode: Mode, rounds: number): void {
    const { random, code } = this, top: Label = { at: undefined }, elsewhere: Label = { at: undefined }, done: Label = { at: undefined }, first = this.routines[0] as Routine;
    code.at = DRIVER;
    code.text(`nop\nmov x27, sp\nmov x28, #${rounds}\nmov x29, #${DATA + 0x8000}`);
    code.mark(top);
    // Four states to begin a round with.
    code.text(`mov x26, #${1 + random.below(14)}\nand x16, x28, #3\nmov x17, #${SEEDS}\nadd x17, x17, x16, lsl #9`);
    for (let n = 0; n < 32; n += 2) code.word(0xad40_0000 | (n / 2) << 15 | (n + 1) << 10 | 17 << 5 | n); // LDP Qn, Qn+1, [X17, #16n]
    for (let n = 0; n < 16; n += 2) code.text(`ldp x${n}, x${n + 1}, [x17, #${16 * n}]`);
    for (let n = 18; n < 24; n++) code.text(`add x${n}, x29, #${16 * random.below(100)}`);
    if (random.chance(0.6)) code.text(`msr fpcr, xzr${random.chance(0.5) ? '\nmsr fpsr, xzr' : ''}`);
    if (mode === 'EL1 with the MMU off' || random.chance(0.3)) {
      code.to(first.entry, 'bl');
    } else {
      code.to(elsewhere, 'tbnz x28, #0,');
      code.to(first.entry, 'bl');
      code.to(done, 'b');
      code.mark(elsewhere);
      code.to(first.entry, 'adr x17,');
      code.text(`add x17, x17, #${ALIAS >> 12}, lsl #12\nblr x17`);
      code.mark(done);
    }
    code.mark(this.escape);
    this.fold();
    code.text('sub x28, x28, #1');
    code.to(top, 'cbnz x28,');
    code.text(`svc #${CALLS.end}`);
  }

  /** What a round left in registers goes into a sum in memory, or only the last round's would be seen. */
  private fold(): void {
    const { code } = this;
    code.text('mrs x17, nzcv');
    for (let n = 0; n <= 16; n++) code.text(`eor x17, x${n}, x17, ror #7`);
    for (let n = 1; n < 32; n++) code.word(0x6e20_1c00 | n << 16); // EOR V0.16B, V0.16B, Vn.16B
    code.text(`mov x18, #${SEEDS + SEED_BYTES}\nldr x19, [x18]\neor x17, x17, x19, ror #9\nstr x17, [x18]`);
    code.word(0x3dc0_0401 | 18 << 5); // LDR Q1, [X18, #16]
    code.word(0x6e20_1c00 | 1 << 16);
    code.word(0x3d80_0400 | 18 << 5); // STR Q0, [X18, #16]
  }

  // ---- functions

  private routine(routine: Routine): void {
    const { code, random } = this, frame = !routine.leaf;
    this.current = routine;
    code.mark(routine.entry);
    if (frame) code.text('stp x22, x23, [sp, #-32]!\nstp x30, x26, [sp, #16]');
    this.end = code.at + 4 * MOST_WORDS_OF_FUNCTION;
    this.statements(3 + random.below(14), 0);
    if (!frame) { code.text('ret'); return; }
    const island = code.here();
    this.storeNearCode(island);
    code.text('ldr x30, [sp, #16]\nldp x22, x23, [sp], #32');
    if (random.chance(0.3)) {
      // A tail call, into the frame's caller.
      const leave: Label = { at: undefined };
      code.to(leave, 'cbz x26,');
      code.text('sub x26, x26, #1');
      code.to(random.pick(this.routines).entry, 'b');
      code.mark(leave);
    }
    code.text(random.chance(0.8) ? 'ret' : 'br x30');
    island.at = code.at;
    for (let n = 0; n < 8; n++) code.word(random.u32());
  }

  private statements(count: number, depth: number): void { for (let n = 0; n < count && this.code.at < this.end; n++) this.statement(depth); }

  private statement(depth: number): void {
    const { random, restless } = this, choice = random.below(restless ? 112 : 100);
    if (choice < 40) this.plain();
    else if (choice < 50) { this.row(SETS_FLAGS); if (random.chance(0.6)) this.plain(); this.row(USES_FLAGS); }
    else if (choice < 66) this.access();
    else if (choice < 76) this.skip(depth);
    else if (choice < 82) this.loop(depth);
    else if (choice < 88) this.call();
    else if (choice < 90) this.unpaired();
    else if (choice < 92) this.switch();
    else if (choice < 95) this.system();
    else if (choice < 97 || choice >= 105) this.variable();
    else if (choice < 99 || choice >= 103) this.rarely(() => this.event());
    else this.rarely(() => this.patch());
  }

  private plain(): void { this.row(this.random.chance(0.5) ? INTEGER : PLAIN); }

  /** An instruction of one of these rows; at times one that has no meaning. */
  private row(rows: readonly Row[]): void {
    for (;;) {
      const row = this.random.pick(rows), word = this.wordOf(row);
      if (decode(word) === row || this.random.chance(0.05)) { this.code.word(decode(word) === undefined || decode(word) === row ? word : NOP); return; }
    }
  }

  private wordOf(row: Row, base?: number): number {
    const { random } = this, fields: Record<string, number> = {};
    for (const f of row.fields) fields[f.name] = f.register === undefined ? random.chance(0.7) ? random.below(2 ** f.width) : random.pick([0, 2 ** f.width - 1, 2 ** (f.width - 1)]) : this.register(row, f, base);
    if (row.name.startsWith('CASP')) { fields.rs = (fields.rs ?? 0) & 14; fields.rt = (fields.rt ?? 0) & 14; }
    // Bits that the pattern leaves open are "should be one", or registers that should be 31.
    const free = ~row.mask & row.fields.reduce((mask, f) => mask & ~((2 ** f.width - 1) << f.shift), -1);
    return (encode(row, fields) | free) >>> 0;
  }

  private register(row: Row, { name, register, zero }: FieldSpec, base: number | undefined): number {
    const { random } = this;
    if (register === 'v') return random.chance(0.6) ? random.below(8) : random.below(32);
    if (base !== undefined && name === (row.name === 'DC ZVA' ? 'rt' : 'rn')) return base;
    if (base !== undefined && name === 'rm') return row.name.includes('post-index') && random.chance(0.7) ? 31 : REGISTER_OFFSET;
    const written = /^(rd|rt2?|rs)$/.test(name);
    if (written) return random.chance(0.08) && zero !== 'sp' ? 31 : random.below(REGISTER_OFFSET);
    return random.chance(0.1) ? random.below(32) : random.below(REGISTER_OFFSET);
  }

  // ---- loads and stores

  private access(): void {
    const { random, code } = this;
    if (random.chance(0.06)) { this.literal(); return; }
    if (random.chance(0.1)) { this.exclusive(); return; }
    const row = random.pick(MEMORY), indexed = row.fields.some(f => f.name === 'rm');
    // The stack may be read, but holds return addresses.
    const stack = row.name.startsWith('LD') && !/index/.test(row.name) && random.chance(0.1), base = stack ? 31 : 18 + random.below(4);
    if (!stack) this.pointer(base);
    if (indexed) code.text(`and x${REGISTER_OFFSET}, x${random.below(16)}, #${random.pick(['0xff8', '0x7f', '0xff0', '0xfff'])}`);
    const word = this.wordOf(row, base);
    code.word(decode(word) === row ? word : NOP);
  }

  private pointer(base: number): void {
    const { random, code } = this, choice = random.below(100), offset = random.chance(0.7) ? 16 * random.below(255) : random.below(4096);
    if (choice < 45) code.text(`add x${base}, x29, #${offset}`);
    else if (choice < 52) code.text(`add x${base}, x29, #${random.below(8)}, lsl #12`);
    else if (choice < 58) code.text(`add x${base}, x29, #${random.pick([0xff0, 0xffc, 0xff8, 0xfff])}`);
    else if (choice < 66) code.text(`mov x${base}, #${random.pick([READ_ONLY_AT_TIMES, ABSENT_AT_TIMES]) + 0x800 + random.below(16) * random.pick([1, 8, 16])}`);
    else if (choice < 69) code.text(`mov x${base}, #${UNMAPPED + random.below(4096)}`);
  }

  /** From near the instruction itself. */
  private literal(): void {
    const row = this.random.pick(LITERAL), word = this.wordOf(row);
    this.code.word((word & ~0x00ff_ffe0) | (this.random.below(64) - 32 & 0x7ffff) << 5);
  }

  private exclusive(): void {
    const { random, code } = this, base = 18 + random.below(4), other = () => random.below(REGISTER_OFFSET);
    this.pointer(base);
    const size = random.pick(['b', 'h', 'w', 'x']), letter = size === 'x' ? 'x' : 'w', suffix = size === 'b' || size === 'h' ? size : '';
    code.text(`ldxr${suffix} ${letter}${other()}, [x${base}]`);
    if (random.chance(0.5)) this.row(random.chance(0.2) ? CLREX : INTEGER);
    code.text(`stxr${suffix} w${other()}, ${letter}${other()}, [x${base}]`);
  }

  /** Data behind a function's end, in a page of code. */
  private storeNearCode(island: Label): void {
    if (!this.random.chance(0.25)) return;
    this.rarely(() => {
      this.code.to(island, 'adr x17,');
      this.code.text(this.random.pick(['str x3, [x17, #8]', 'stp x4, x5, [x17]', 'strb w6, [x17, #3]']));
    });
  }

  // ---- control flow

  private conditional(to: Label): void {
    const { random, code } = this, register = random.below(REGISTER_OFFSET), choice = random.below(6), w = random.pick(['w', 'x']);
    if (choice < 3) code.to(to, `b.${random.pick(CONDITIONS)}`);
    else if (choice < 4) code.to(to, `${random.pick(['cbz', 'cbnz'])} ${w}${register},`);
    else code.to(to, `${random.pick(['tbz', 'tbnz'])} x${register}, #${random.below(32)},`);
  }

  private skip(depth: number): void {
    const over: Label = { at: undefined }, end: Label = { at: undefined }, either = this.random.chance(0.3);
    this.conditional(over);
    this.statements(1 + this.random.below(3), depth);
    if (either) this.code.to(end, 'b');
    this.code.mark(over);
    if (either) this.statements(1 + this.random.below(2), depth);
    this.code.mark(end);
  }

  /** A counted loop, which may be entered in its middle or left before its end. */
  private loop(depth: number): void {
    if (depth >= (this.current.leaf ? 0 : 2)) { this.plain(); return; }
    const { random, code } = this, counter = depth === 0 ? 'x22' : 'x23', middle: Label = { at: undefined }, out: Label = { at: undefined };
    code.text(`mov ${counter}, #${1 + random.below(5)}`);
    if (random.chance(0.25)) this.conditional(middle);
    const top = code.here();
    if (this.restless) this.variable();
    this.statements(1 + random.below(4), depth + 1);
    code.mark(middle);
    if (random.chance(0.3)) this.conditional(out);
    this.statements(random.below(3), depth + 1);
    const end = random.below(4);
    if (end === 0) { code.text(`subs ${counter}, ${counter}, #1`); code.to(top, 'b.gt'); }
    else { code.text(`sub ${counter}, ${counter}, #1`); code.to(top, end === 1 ? `tbz ${counter}, #31,` : `cbnz ${counter},`); }
    code.mark(out);
  }

  private call(): void {
    const { random, code } = this, over: Label = { at: undefined };
    if (this.current.leaf) { this.plain(); return; }
    const target = random.pick(this.routines);
    if (target.leaf && random.chance(0.5)) { code.to(target.entry, 'bl'); return; }
    code.to(over, 'cbz x26,');
    code.text('sub x26, x26, #1');
    if (random.chance(0.6)) {
      code.to(target.entry, 'bl');
    } else {
      code.to(target.entry, 'adr x17,');
      if (random.chance(0.2)) code.text(`mov x16, #${random.pick([UNMAPPED, UNMAPPED + 2])}\ntst x${random.below(16)}, #0x70\ncsel x17, x16, x17, eq`);
      code.text('blr x17');
    }
    code.mark(over);
  }

  /** Calls and returns that are none, and a jump out of all calls. */
  private unpaired(): void {
    const { random, code } = this, next: Label = { at: undefined };
    if (this.current.leaf) { this.plain(); return; }
    const choice = random.below(4);
    if (choice === 0) {
      this.rarely(() => {
        code.to(this.escape, 'adr x17,');
        code.text('and x17, x17, #0xfffff\nmov sp, x27\nbr x17');
      });
    } else if (choice === 1) {
      code.to(next, 'adr x30,');
      code.text('ret');
    } else {
      code.to(next, choice === 2 ? 'bl' : 'adr x17,');
      if (choice === 3) code.text('blr x17');
    }
    if (random.chance(0.3)) this.plain();
    code.mark(next);
  }

  private switch(): void {
    const { random, code } = this, over: Label = { at: undefined }, cases: Label = { at: undefined };
    code.text(`and x16, x${random.below(16)}, #3`);
    code.to(cases, 'adr x17,');
    code.text('add x17, x17, x16, lsl #3\nbr x17');
    code.mark(cases);
    for (let n = 0; n < 4; n++) { this.row(INTEGER); code.to(over, 'b'); }
    code.mark(over);
  }

  // ---- the system

  private system(): void {
    const { random, code } = this, register = random.below(REGISTER_OFFSET);
    code.text(random.pick([
      `mrs x${register}, nzcv`, `msr nzcv, x${register}`, `mrs x${register}, fpsr`, `msr fpsr, x${register}`, `mrs x${register}, fpcr`, `and x16, x${register}, #0x7c00000\nmsr fpcr, x16`,
      `msr tpidr_el0, x${register}`, `mrs x${register}, tpidr_el0`, `mrs x${register}, daif`, `msr daifset, #${random.below(16)}`, `msr daifclr, #${random.below(16)}`, `msr daif, x${register}`,
      `mrs x${register}, ctr_el0`, `mrs x${register}, currentel`, 'isb', 'dsb sy', 'wfi', 'yield', 'brk #1', `svc #${CALLS.nothing}`, `hvc #${CALLS.nothing}`, 'clrex #15', `mrs x${register}, midr_el1`,
    ]));
  }

  /** What invalidates code or translations must be rare, or nothing would ever get hot. */
  private rarely(statement: () => void): void {
    const { random, code } = this, over: Label = { at: undefined };
    code.text(`add x16, x28, #${random.below(64)}\nand x16, x16, #${random.pick(this.restless ? [3, 7, 15] : [31, 63, 127])}`);
    code.to(over, 'cbnz x16,');
    statement();
    code.mark(over);
  }

  private event(): void {
    this.code.text(`svc #${this.random.pick([CALLS.writeProtect, CALLS.unmap, CALLS.swap, CALLS.swap, CALLS.forbidExecution, CALLS.disableFp, CALLS.changeAsid, CALLS.interrupt, CALLS.interrupt])}`);
  }

  /** An addition that is another one in the variant of its page, or after `patch`. */
  private variable(): void {
    const { random, code } = this, at = code.here();
    this.varied.push(code.at);
    const waiting = this.patched.find(p => p.label.at === undefined && p.wanted);
    if (waiting !== undefined) waiting.label.at = at.at;
    this.patched.push({ label: at, wanted: false });
    code.text(`add x${random.below(16)}, x${random.below(16)}, #${2 * random.below(64)}`);
  }

  /** Rewrites such an addition, before it or behind, as the architecture demands. */
  private patch(): void {
    const { random, code } = this, known = this.patched.filter(p => p.label.at !== undefined), label: Label = random.chance(0.5) && known.length > 0 ? random.pick(known).label : { at: undefined };
    if (label.at === undefined) this.patched.push({ label, wanted: true });
    code.to(label, 'adr x17,');
    code.text(`ldr w16, [x17]\neor w16, w16, #0x400\nstr w16, [x17]\nsys #3, c7, c11, #1, x17\ndsb sy\nsys #3, c7, c5, #1, x17\ndsb sy\nisb`);
  }
}

/** What lies in memory at the start. */
export function contentsOf({ words, varied, seedBytes }: Program, variant: number): Map<number, Uint8Array> {
  const code = new Uint8Array(4096 * CODE_PAGES), view = new DataView(code.buffer);
  for (const [at, word] of words) view.setUint32(at - CODE, word, true);
  const other = code.slice(SWAPPED - CODE, SWAPPED - CODE + 4096), otherView = new DataView(other.buffer);
  for (const at of varied) if (words.get(at) !== NOP) otherView.setUint32(at - SWAPPED, (words.get(at) ?? NOP) ^ 0x800, true);
  return new Map([[CODE, code], [variant, other], [SEEDS, seedBytes]]);
}
