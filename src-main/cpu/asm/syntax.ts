/**
 * How the manual writes the operands of each row, for the assembler and the disassembler alike. The mnemonic is the
 * row's name up to the first blank. Rows without a syntax are written by their fields: `.insn NAME field=value …`.
 *
 * `{rd}` a register, W or X by `sf` (or as `:w`, `:x` says; `:extend` by the extension after it); `{n}` a number; `:s` signed; `:*8` scaled; `:pc` a label,
 * in words; `:mask` a bitmask immediate of N, immr and imms; `:a|b|c` one of these words; `[…]` left out when all of
 * its fields are zero.
 */
export interface Syntax { readonly rows: RegExp; readonly operands: string; readonly mnemonic?: string }

export const CONDITIONS = 'eq|ne|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al|nv';
const SHIFTS = 'lsl|lsr|asr|ror', EXTENDS = 'uxtb|uxth|uxtw|uxtx|sxtb|sxth|sxtw|sxtx';

const width = (letter: 'w' | 'x', pattern: string, operands: string): Syntax => ({ rows: new RegExp(pattern), operands: operands.replace(/\{(rt|rt2|rs)\}/g, `{$1:${letter}}`) });
/** Load and store forms of one access size. */
const accesses = (letter: 'w' | 'x', names: string, scale: number): Syntax[] => {
  return [
    width(letter, `^(${names}) \\(unsigned offset\\)$`, `{rt}, \\[{rn:x}[, #{imm12:*${scale}}]\\]`),
    width(letter, `^(${names}) \\(post-index\\)$`, '{rt}, \\[{rn:x}\\], #{imm9:s}'),
    width(letter, `^(${names}) \\(pre-index\\)$`, '{rt}, \\[{rn:x}, #{imm9:s}\\]!'),
    width(letter, `^(${names}) \\(register\\)$`, `{rt}, \\[{rn:x}, {rm:x}, {option:${EXTENDS}} #{S${scale === 1 ? '' : `:*${Math.log2(scale)}`}}\\]`),
  ];
};

export const SYNTAX: readonly Syntax[] = [
  { rows: /^(ADD|SUB)S? \(immediate\)$/, operands: '{rd}, {rn}, #{imm12}[, lsl #{sh:*12}]' },
  { rows: /^(ADD|SUB)S? \(shifted register\)$/, operands: `{rd}, {rn}, {rm}[, {shift:${SHIFTS}} #{imm6}]` },
  { rows: /^(ADD|SUB)S? \(extended register\)$/, operands: `{rd}, {rn}, {rm:extend}, {option:${EXTENDS}} #{imm3}` },
  { rows: /^(ADC|SBC)S?$/, operands: '{rd}, {rn}, {rm}' },
  { rows: /^(ANDS?|ORR|EOR) \(immediate\)$/, operands: '{rd}, {rn}, #{N:mask}' },
  { rows: /^(ANDS?|BICS?|ORR|ORN|EOR|EON) \(shifted register\)$/, operands: `{rd}, {rn}, {rm}[, {shift:${SHIFTS}} #{imm6}]` },
  { rows: /^MOV \(register\)$/, operands: '{rd}, {rm}' },
  { rows: /^MOV[NZK]$/, operands: '{rd}, #{imm16}[, lsl #{hw:*16}]' },
  { rows: /^[US]?BFM$/, operands: '{rd}, {rn}, #{immr}, #{imms}' },
  { rows: /^EXTR$/, operands: '{rd}, {rn}, {rm}, #{imms}' },
  { rows: /^ADR$/, operands: '{rd:x}, {immhi:adr}' },
  { rows: /^(UDIV|SDIV|LSLV|LSRV|ASRV|RORV)$/, operands: '{rd}, {rn}, {rm}' },
  { rows: /^CRC32C?[BHWX]$/, operands: '{rd:w}, {rn:w}, {rm:x}' },
  { rows: /^(RBIT|REV16|CLZ|CLS)$/, operands: '{rd}, {rn}' },
  { rows: /^REV32$/, operands: '{rd:x}, {rn:x}' },
  { rows: /^REV \(32-bit\)$/, operands: '{rd:w}, {rn:w}' },
  { rows: /^REV \(64-bit\)$/, operands: '{rd:x}, {rn:x}' },
  { rows: /^(MADD|MSUB)$/, operands: '{rd}, {rn}, {rm}, {ra}' },
  { rows: /^[SU]M(ADD|SUB)L$/, operands: '{rd:x}, {rn:w}, {rm:w}, {ra:x}' },
  { rows: /^[SU]MULH$/, operands: '{rd:x}, {rn:x}, {rm:x}' },
  { rows: /^CS(EL|INC|INV|NEG)$/, operands: `{rd}, {rn}, {rm}, {cond:${CONDITIONS}}` },
  { rows: /^CCM[NP] \(register\)$/, operands: `{rn}, {rm}, #{nzcv}, {cond:${CONDITIONS}}` },
  { rows: /^CCM[NP] \(immediate\)$/, operands: `{rn}, #{imm5}, #{nzcv}, {cond:${CONDITIONS}}` },
  { rows: /^BL?$/, operands: '{imm26:pc}' },
  { rows: /^B\.cond$/, operands: '{imm19:pc}', mnemonic: `b.{cond:${CONDITIONS}}` },
  { rows: /^CBN?Z$/, operands: '{rt}, {imm19:pc}' },
  { rows: /^TBN?Z$/, operands: '{rt:x}, #{b40}, {imm14:pc}' },
  { rows: /^(BR|BLR|RET)$/, operands: '{rn:x}' },
  { rows: /^(ERET|WFI|WFE|YIELD)$/, operands: '' },
  { rows: /^(SVC|HVC|SMC|BRK|HLT)$/, operands: '#{imm16}' },
  { rows: /^HINT$/, operands: '#{CRm}, #{op2}' },
  { rows: /^(DSB|DMB|ISB|CLREX)$/, operands: '#{CRm}' },
  { rows: /^MRS$/, operands: '{rt:x}, {o0:sysreg}' },
  { rows: /^MSR \(register\)$/, operands: '{o0:sysreg}, {rt:x}' },
  { rows: /^MSR \(immediate\)$/, operands: '#{op1}, #{op2}, #{CRm}' },
  { rows: /^SYS$/, operands: '#{op1}, c{CRn}, c{CRm}, #{op2}, {rt:x}' },
  { rows: /^DC ZVA$/, operands: 'zva, {rt:x}' },
  ...accesses('w', '(LDR|STR)B|LDRSB \\(32-bit\\)', 1), ...accesses('x', 'LDRSB \\(64-bit\\)', 1),
  ...accesses('w', '(LDR|STR)H|LDRSH \\(32-bit\\)', 2), ...accesses('x', 'LDRSH \\(64-bit\\)', 2),
  ...accesses('w', '(LDR|STR) \\(32-bit\\)', 4), ...accesses('x', 'LDRSW', 4), ...accesses('x', '(LDR|STR) \\(64-bit\\)', 8),
  width('w', '^(LD|ST)U?RB$|^(LD|ST)UR[BH]$|^(LD|ST)UR \\(32-bit\\)$|^LDURS[BH] \\(32-bit\\)$', '{rt}, \\[{rn:x}, #{imm9:s}\\]'),
  width('x', '^(LD|ST)UR \\(64-bit\\)$|^LDURS[BH] \\(64-bit\\)$|^LDURSW$', '{rt}, \\[{rn:x}, #{imm9:s}\\]'),
  ...(['w', 'x'] as const).flatMap(letter => {
    const bits = letter === 'w' ? 32 : 64, scale = bits / 8, names = `(LDP|STP) \\(${bits}-bit\\)`;
    return [
      width(letter, `^(${names}) \\(offset\\)$`, `{rt}, {rt2}, \\[{rn:x}[, #{imm7:s*${scale}}]\\]`),
      width(letter, `^(${names}) \\(post-index\\)$`, `{rt}, {rt2}, \\[{rn:x}\\], #{imm7:s*${scale}}`),
      width(letter, `^(${names}) \\(pre-index\\)$`, `{rt}, {rt2}, \\[{rn:x}, #{imm7:s*${scale}}\\]!`),
    ];
  }),
  width('w', '^(LDAR|STLR|LDXR)([BH]| \\(32-bit\\))$', '{rt}, \\[{rn:x}\\]'), width('x', '^(LDAR|STLR|LDXR) \\(64-bit\\)$', '{rt}, \\[{rn:x}\\]'),
  { rows: /^STXR([BH]| \(32-bit\))$/, operands: '{rs:w}, {rt:w}, \\[{rn:x}\\]' }, { rows: /^STXR \(64-bit\)$/, operands: '{rs:w}, {rt:x}, \\[{rn:x}\\]' },
];
