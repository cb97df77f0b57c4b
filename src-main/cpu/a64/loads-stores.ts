/** Loads and stores of general registers (Arm ARM C4.1.94): all addressing modes, pairs, literals, unprivileged, ordered. */
import type { AccessBytes, AccessOptions, Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import { Val } from '../translate/value.ts';
import { extended } from './add-subtract.ts';

/** One kind of access: `opc` 00 stores, 01 loads, 10 and 11 load with sign extension to 64 and 32 bits. */
interface Kind { readonly name: string; readonly size: string; readonly opc: string; readonly bytes: AccessBytes; readonly load: boolean; readonly signed: boolean; readonly wide: boolean }
const kind = (name: string, size: string, opc: string, bytes: AccessBytes): Kind =>
  ({ name, size, opc, bytes, load: opc !== '00', signed: opc === '10' || opc === '11', wide: opc === '10' || bytes === 8 });

const KINDS: readonly Kind[] = [
  kind('STRB', '00', '00', 1), kind('LDRB', '00', '01', 1), kind('LDRSB (64-bit)', '00', '10', 1), kind('LDRSB (32-bit)', '00', '11', 1),
  kind('STRH', '01', '00', 2), kind('LDRH', '01', '01', 2), kind('LDRSH (64-bit)', '01', '10', 2), kind('LDRSH (32-bit)', '01', '11', 2),
  kind('STR (32-bit)', '10', '00', 4), kind('LDR (32-bit)', '10', '01', 4), kind('LDRSW', '10', '10', 4),
  kind('STR (64-bit)', '11', '00', 8), kind('LDR (64-bit)', '11', '01', 8),
];

function transfer(c: Emitter, k: Kind, rt: Reg, address: Val, options: AccessOptions = {}): void {
  const type = k.wide ? 'i64' : 'i32';
  if (k.load) c.setR(rt, c.load(type, k.bytes, address, { ...options, signed: k.signed }));
  else c.store(k.bytes, address, k.bytes === 8 ? c.x(rt) : c.w(rt), options);
}

const signed9 = (imm9: Val) => imm9.shl(23).shrS(23).sext();
const sized = (k: Kind, middle: string) => `${k.size} 111 0 00 ${k.opc} ${middle}`;

/** Rows differ in type only by whether rt is read, so loads get `rt.d`. */
function rowsOf(k: Kind): Row[] {
  const rt = k.load ? 'rt.d:5' as const : 'rt:5' as unknown as 'rt.d:5', scale = Math.log2(k.bytes);
  const unscaled = k.name.replace(/^(LD|ST)R/, '$1UR'), user = k.name.replace(/^(LD|ST)R/, '$1TR');
  return [
    insn(`${k.name} (unsigned offset)`, `${k.size as '00'} 111 0 01 ${k.opc as '00'} imm12:12 rn.sp:5 ${rt}`, { pre: f => ({ offset: f.imm12.shl(scale).zext() }) },
      (c, f) => transfer(c, k, f.rt, c.x(f.rn).add(f.offset))),
    insn(unscaled, `${sized(k, '0') as '00 111 0 00 00 0'} imm9:9 00 rn.sp:5 ${rt}`, { pre: f => ({ offset: signed9(f.imm9) }) },
      (c, f) => transfer(c, k, f.rt, c.x(f.rn).add(f.offset))),
    insn(`${k.name} (post-index)`, `${sized(k, '0') as '00 111 0 00 00 0'} imm9:9 01 rn.sp:5 ${rt}`, { pre: f => ({ offset: signed9(f.imm9) }) }, (c, f) => {
      const address = c.let(c.x(f.rn));
      transfer(c, k, f.rt, address);
      c.setX(f.rn, address.add(f.offset));
    }),
    insn(user, `${sized(k, '0') as '00 111 0 00 00 0'} imm9:9 10 rn.sp:5 ${rt}`, { pre: f => ({ offset: signed9(f.imm9) }) },
      (c, f) => transfer(c, k, f.rt, c.x(f.rn).add(f.offset), { unprivileged: true })),
    insn(`${k.name} (pre-index)`, `${sized(k, '0') as '00 111 0 00 00 0'} imm9:9 11 rn.sp:5 ${rt}`, { pre: f => ({ offset: signed9(f.imm9) }) }, (c, f) => {
      const address = c.let(c.x(f.rn).add(f.offset));
      transfer(c, k, f.rt, address);
      c.setX(f.rn, address);
    }),
    insn(`${k.name} (register)`, `${sized(k, '1') as '00 111 0 00 00 1'} rm:5 option:3 S:1 10 rn.sp:5 ${rt}`, { fix: ['option', 'S'], where: f => (f.option & 2) !== 0 },
      (c, f) => transfer(c, k, f.rt, c.x(f.rn).add(extended(c, 1, f.rm, f.option, Val.i32(f.S === 0 ? 0 : scale))))),
  ];
}

// ---- pairs

interface PairKind { readonly name: string; readonly opc: '00' | '01' | '10'; readonly type: 'i32' | 'i64'; readonly load: boolean; readonly signed: boolean }
const PAIRS: readonly PairKind[] = [
  { name: 'STP (32-bit)', opc: '00', type: 'i32', load: false, signed: false }, { name: 'LDP (32-bit)', opc: '00', type: 'i32', load: true, signed: false },
  { name: 'LDPSW', opc: '01', type: 'i32', load: true, signed: true },
  { name: 'STP (64-bit)', opc: '10', type: 'i64', load: false, signed: false }, { name: 'LDP (64-bit)', opc: '10', type: 'i64', load: true, signed: false },
];

function transferPair(c: Emitter, k: PairKind, f: { rt: Reg; rt2: Reg }, address: Val): void {
  if (!k.load) {
    const value = (r: Reg) => (k.type === 'i64' ? c.x(r) : c.w(r));
    c.storePair(address, value(f.rt), value(f.rt2));
    return;
  }
  const [first, second] = c.loadPair(k.type, address);
  c.setX(f.rt, k.signed ? first.sext() : first.zext());
  c.setX(f.rt2, k.signed ? second.sext() : second.zext());
}

function pairRows(k: PairKind): Row[] {
  const d = (k.load ? 'rt2.d:5' : 'rt2:5') as 'rt2:5', t = (k.load ? 'rt.d:5' : 'rt:5') as 'rt:5', L = (k.load ? '1' : '0') as '0';
  const pre = (f: { imm7: Val }) => ({ offset: f.imm7.shl(25).shrS(25).shl(k.type === 'i64' ? 3 : 2).sext() });
  const plain = k.signed ? [] : [
    insn(k.name.replace(/P/, 'NP'), `${k.opc} 101 0 000 ${L} imm7:7 ${d} rn.sp:5 ${t}`, { pre }, (c, f) => transferPair(c, k, f, c.x(f.rn).add(f.offset)))];
  return [...plain,
    insn(`${k.name} (offset)`, `${k.opc} 101 0 010 ${L} imm7:7 ${d} rn.sp:5 ${t}`, { pre }, (c, f) => transferPair(c, k, f, c.x(f.rn).add(f.offset))),
    insn(`${k.name} (post-index)`, `${k.opc} 101 0 001 ${L} imm7:7 ${d} rn.sp:5 ${t}`, { pre }, (c, f) => {
      const address = c.let(c.x(f.rn));
      transferPair(c, k, f, address);
      c.setX(f.rn, address.add(f.offset));
    }),
    insn(`${k.name} (pre-index)`, `${k.opc} 101 0 011 ${L} imm7:7 ${d} rn.sp:5 ${t}`, { pre }, (c, f) => {
      const address = c.let(c.x(f.rn).add(f.offset));
      transferPair(c, k, f, address);
      c.setX(f.rn, address);
    })];
}

// ---- literals and prefetch

const literal = (f: { imm19: Val }) => ({ offset: f.imm19.shl(13).shrS(11).sext() });
const LITERALS: readonly Row[] = [
  insn('LDR (literal, 32-bit)', '00 011 0 00 imm19:19 rt.d:5', { pre: literal }, (c, f) => c.setW(f.rt, c.load('i32', 4, c.pc().add(f.offset)))),
  insn('LDR (literal, 64-bit)', '01 011 0 00 imm19:19 rt.d:5', { pre: literal }, (c, f) => c.setX(f.rt, c.load('i64', 8, c.pc().add(f.offset)))),
  insn('LDRSW (literal)', '10 011 0 00 imm19:19 rt.d:5', { pre: literal }, (c, f) => c.setX(f.rt, c.load('i64', 4, c.pc().add(f.offset), { signed: true }))),
  insn('PRFM (literal)', '11 011 0 00 ------------------- -----', {}, () => { /* caches are not modelled */ }),
  insn('PRFM (unsigned offset)', '11 111 0 01 10 ------------ ----- -----', {}, () => { /* caches are not modelled */ }),
  insn('PRFUM', '11 111 0 00 10 0 --------- 00 ----- -----', {}, () => { /* caches are not modelled */ }),
  insn('PRFM (register)', '11 111 0 00 10 1 ----- -1- - 10 ----- -----', {}, () => { /* caches are not modelled */ }),
];

// ---- load-acquire, store-release

const ordered = (name: string, size: '00' | '01' | '10' | '11', load: boolean): Row => {
  const bytes = 2 ** parseInt(size, 2) as AccessBytes, rt = (load ? 'rt.d:5' : 'rt:5') as 'rt:5';
  return insn(name, `${size} 001000 1 ${load ? '1' : '0'} 0 ----- 1 ----- rn.sp:5 ${rt}` as '00 001000 1 0 0 ----- 1 ----- rn.sp:5 rt:5', {}, (c, f) => {
    if (load) c.setR(f.rt, c.load(bytes === 8 ? 'i64' : 'i32', bytes, c.x(f.rn), { ordered: true }));
    else c.store(bytes, c.x(f.rn), bytes === 8 ? c.x(f.rt) : c.w(f.rt), { ordered: true });
  });
};
const SIZES = [['B', '00'], ['H', '01'], [' (32-bit)', '10'], [' (64-bit)', '11']] as const;
const ORDERED: readonly Row[] = SIZES.flatMap(([suffix, size]) => [
  ordered(`LDAR${suffix}`, size, true), ordered(`STLR${suffix}`, size, false)]);

export const LOADS_STORES: readonly Row[] = [...KINDS.flatMap(rowsOf), ...PAIRS.flatMap(pairRows), ...LITERALS, ...ORDERED];
