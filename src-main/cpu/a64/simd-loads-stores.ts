/** Loads and stores of vector registers (Arm ARM C4.1.94): B, H, S, D and Q in every addressing mode, pairs, literals. */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import { Val } from '../translate/value.ts';
import { extended } from './add-subtract.ts';

/** `opc` 1 of each size loads; 128-bit registers have size 00 and the upper bit of opc. */
interface Kind { readonly name: string; readonly size: string; readonly opc: string; readonly log2: 0 | 1 | 2 | 3 | 4; readonly load: boolean }
const KINDS: readonly Kind[] = [['B', '00', 0], ['H', '01', 1], ['S', '10', 2], ['D', '11', 3], ['Q', '00', 4]].flatMap(([letter, size, log2]) =>
  [false, true].map(load => ({
    name: `${load ? 'LDR' : 'STR'} (SIMD&FP, ${letter})`, size: size as string, log2: log2 as Kind['log2'], load, opc: `${log2 === 4 ? 1 : 0}${load ? 1 : 0}` })));

function transfer(c: Emitter, k: Kind, vt: Reg, address: Val): void {
  const bytes = (1 << k.log2) as 1 | 2 | 4 | 8;
  if (k.log2 === 4) {
    if (k.load) c.loadVector(vt, address);
    else c.storeVector(vt, address);
  } else if (k.load) {
    c.loadScalar(vt, bytes, address);
  } else {
    c.storeScalar(vt, bytes, address);
  }
}

const signed9 = (imm9: Val) => imm9.shl(23).shrS(23).sext();

function rowsOf(k: Kind): Row[] {
  const start = `${k.size as '00'} 111 1 00 ${k.opc as '00'}` as const, unscaled = k.name.replace('R ', 'UR ');
  const pre = (f: { imm9: Val }) => ({ offset: signed9(f.imm9) });
  return [
    insn(`${k.name} (unsigned offset)`, `${k.size as '00'} 111 1 01 ${k.opc as '00'} imm12:12 rn.sp:5 vt:5`, { pre: f => ({ offset: f.imm12.shl(k.log2).zext() }) },
      (c, f) => transfer(c, k, f.vt, c.x(f.rn).add(f.offset))),
    insn(unscaled, `${start} 0 imm9:9 00 rn.sp:5 vt:5`, { pre }, (c, f) => transfer(c, k, f.vt, c.x(f.rn).add(f.offset))),
    insn(`${k.name} (post-index)`, `${start} 0 imm9:9 01 rn.sp:5 vt:5`, { pre }, (c, f) => {
      const address = c.let(c.x(f.rn));
      transfer(c, k, f.vt, address);
      c.setX(f.rn, address.add(f.offset));
    }),
    insn(`${k.name} (pre-index)`, `${start} 0 imm9:9 11 rn.sp:5 vt:5`, { pre }, (c, f) => {
      const address = c.let(c.x(f.rn).add(f.offset));
      transfer(c, k, f.vt, address);
      c.setX(f.rn, address);
    }),
    insn(`${k.name} (register)`, `${start} 1 rm:5 option:3 S:1 10 rn.sp:5 vt:5`, { fix: ['option', 'S'], where: f => (f.option & 2) !== 0 },
      (c, f) => transfer(c, k, f.vt, c.x(f.rn).add(extended(c, 1, f.rm, f.option, Val.i32(f.S === 0 ? 0 : k.log2))))),
  ];
}

// ---- pairs

interface PairKind { readonly letter: string; readonly opc: '00' | '01' | '10'; readonly log2: 2 | 3 | 4; readonly load: boolean }
const PAIRS: readonly PairKind[] = ([['S', '00', 2], ['D', '01', 3], ['Q', '10', 4]] as const).flatMap(([letter, opc, log2]) =>
  [false, true].map(load => ({ letter, opc, log2, load })));

function transferPair(c: Emitter, k: PairKind, f: { vt: Reg; vt2: Reg }, address: Val): void {
  if (k.log2 === 4) {
    if (k.load) c.loadVectorPair(f.vt, f.vt2, address);
    else c.storeVectorPair(f.vt, f.vt2, address);
    return;
  }
  const type = k.log2 === 3 ? 'f64' : 'f32';
  if (!k.load) { c.storePair(address, c.element(type, f.vt), c.element(type, f.vt2)); return; }
  const [first, second] = c.loadPair(type, address);
  c.setScalar(f.vt, first);
  c.setScalar(f.vt2, second);
}

function pairRows(k: PairKind): Row[] {
  const name = k.load ? 'LDP' : 'STP', L = (k.load ? '1' : '0') as '0', pre = (f: { imm7: Val }) => ({ offset: f.imm7.shl(25).shrS(25).shl(k.log2).sext() });
  return [
    insn(`${name.replace('P', 'NP')} (SIMD&FP, ${k.letter})`, `${k.opc} 101 1 000 ${L} imm7:7 vt2:5 rn.sp:5 vt:5`, { pre }, (c, f) => transferPair(c, k, f, c.let(c.x(f.rn).add(f.offset)))),
    insn(`${name} (SIMD&FP, ${k.letter}) (offset)`, `${k.opc} 101 1 010 ${L} imm7:7 vt2:5 rn.sp:5 vt:5`, { pre }, (c, f) => transferPair(c, k, f, c.let(c.x(f.rn).add(f.offset)))),
    insn(`${name} (SIMD&FP, ${k.letter}) (post-index)`, `${k.opc} 101 1 001 ${L} imm7:7 vt2:5 rn.sp:5 vt:5`, { pre }, (c, f) => {
      const address = c.let(c.x(f.rn));
      transferPair(c, k, f, address);
      c.setX(f.rn, address.add(f.offset));
    }),
    insn(`${name} (SIMD&FP, ${k.letter}) (pre-index)`, `${k.opc} 101 1 011 ${L} imm7:7 vt2:5 rn.sp:5 vt:5`, { pre }, (c, f) => {
      const address = c.let(c.x(f.rn).add(f.offset));
      transferPair(c, k, f, address);
      c.setX(f.rn, address);
    }),
  ];
}

// ---- literals

const literal = (f: { imm19: Val }) => ({ offset: f.imm19.shl(13).shrS(11).sext() });
const LITERALS: readonly Row[] = [
  insn('LDR (literal, SIMD&FP, S)', '00 011 1 00 imm19:19 vt:5', { pre: literal }, (c, f) => c.loadScalar(f.vt, 4, c.pc().add(f.offset))),
  insn('LDR (literal, SIMD&FP, D)', '01 011 1 00 imm19:19 vt:5', { pre: literal }, (c, f) => c.loadScalar(f.vt, 8, c.pc().add(f.offset))),
  insn('LDR (literal, SIMD&FP, Q)', '10 011 1 00 imm19:19 vt:5', { pre: literal }, (c, f) => c.loadVector(f.vt, c.pc().add(f.offset))),
];

export const SIMD_LOADS_STORES: readonly Row[] = [...KINDS.flatMap(rowsOf), ...PAIRS.flatMap(pairRows), ...LITERALS];
