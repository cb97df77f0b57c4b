/** Translation with tables made by hand: what a mapping allows, and what a fault says (Arm ARM D8, D17.2.37). */
import { describe, expect, test } from 'vitest';
import { TestMachine, VECTORS } from './test-machine.ts';

const TABLES = 0x100000, DATA = 0x200000;
const AF = 1n << 10n, USER = 1n << 6n, READ_ONLY = 1n << 7n, PXN = 1n << 53n, UXN = 1n << 54n, PAGE = 3n, TABLE = 3n;

interface Granule { readonly name: string; readonly tg0: bigint; readonly log2: number; readonly levels: readonly number[] }
const GRANULES: readonly Granule[] = [
  { name: '4 KiB', tg0: 0n, log2: 12, levels: [0, 1, 2, 3] }, { name: '16 KiB', tg0: 2n, log2: 14, levels: [0, 1, 2, 3] }, { name: '64 KiB', tg0: 1n, log2: 16, levels: [1, 2, 3] },
];

/** Identity blocks for the first 4 MiB would not fit every granule, so code and tables are mapped page by page. */
function machineWith(g: Granule, va: number, leaf: bigint, body: string): TestMachine {
  const m = new TestMachine(`${VECTORS}
    mov x0, #${TABLES}
    msr ttbr0_el1, x0
    mov x0, #0x44ff
    msr mair_el1, x0
    mov x0, #${16n | (g.tg0 << 14n) | (1n << 23n) | (5n << 32n)}   // T0SZ 16: 48 bits; TTBR1 off
    msr tcr_el1, x0
    mrs x0, sctlr_el1
    orr x0, x0, #1
    msr sctlr_el1, x0
    isb
    mov x1, #${va}
    ${body}`);
  const tables = new Tables(m, g);
  for (let at = 0; at < 0x100000; at += 2 ** g.log2) tables.map(at, BigInt(at) | AF | PAGE);
  tables.map(va, leaf);
  return m;
}

class Tables {
  private next: number;
  private readonly m: TestMachine;
  private readonly g: Granule;
  constructor(m: TestMachine, g: Granule) {
    this.m = m;
    this.g = g;
    this.next = TABLES + 2 ** g.log2;
  }
  map(va: number, leaf: bigint): void {
    let table = TABLES;
    for (const level of this.g.levels) {
      const shift = this.g.log2 + (3 - level) * (this.g.log2 - 3), entry = table + 8 * (Math.floor(va / 2 ** shift) % 2 ** (this.g.log2 - 3));
      if (level === 3) { this.m.setQuad(entry, leaf); return; }
      if (this.m.quad(entry) === 0n) {
        this.m.setQuad(entry, BigInt(this.next) | TABLE);
        this.next += 2 ** this.g.log2;
      }
      table = Number(this.m.quad(entry) & 0xffff_ffff_f000n);
    }
  }
}

const abort = (m: TestMachine) => ({ ec: Number(m.cpu.system('ESR_EL1') >> 26n), status: Number(m.cpu.system('ESR_EL1') & 0x3fn), write: (m.cpu.system('ESR_EL1') >> 6n & 1n) !== 0n, far: m.cpu.system('FAR_EL1') });

describe.each(GRANULES)('with granules of $name', g => {
  const va = 2 ** 40 + 5 * 2 ** g.log2;

  test('a page far up the address space is read and written where its descriptor says', () => {
    const m = machineWith(g, va, BigInt(DATA) | AF | PAGE, 'ldr x2, [x1, #24]\n str x2, [x1, #32]\n hvc #9');
    m.setQuad(DATA + 24, 0x1122_3344_5566_7788n);
    expect(m.run()).toBe(9);
    expect([m.cpu.x(2), m.quad(DATA + 32)]).toEqual([0x1122_3344_5566_7788n, 0x1122_3344_5566_7788n]);
  });

  test('what is not mapped faults at its level, what is read-only on writes only', () => {
    const missing = machineWith(g, va, 0n, 'ldr x2, [x1, #8]\n hvc #9');
    expect([missing.run(), abort(missing)]).toEqual([1, { ec: 0x25, status: 0b000111, write: false, far: BigInt(va + 8) }]);
    const readOnly = machineWith(g, va, BigInt(DATA) | AF | READ_ONLY | PAGE, 'ldr x2, [x1]\n str x2, [x1]\n hvc #9');
    expect([readOnly.run(), abort(readOnly)]).toEqual([1, { ec: 0x25, status: 0b001111, write: true, far: BigInt(va) }]);
  });

  test('a clear access flag faults, and so does execution that PXN forbids', () => {
    const unaccessed = machineWith(g, va, BigInt(DATA) | PAGE, 'ldr x2, [x1]\n hvc #9');
    expect([unaccessed.run(), abort(unaccessed).status]).toEqual([1, 0b001011]);
    const data = machineWith(g, va, BigInt(DATA) | AF | PXN | PAGE, 'br x1');
    expect([data.run(), abort(data)]).toEqual([1, { ec: 0x21, status: 0b001111, write: false, far: BigInt(va) }]);
  });

  test('an access that crosses into another page takes each part from its own place, or neither is written', () => {
    const cross = `add x1, x1, #${2 ** g.log2 >= 2 ** 14 ? `${2 ** g.log2 / 4096}, lsl #12` : '1, lsl #12'}\n sub x1, x1, #3\n`;
    const m = machineWith(g, va, BigInt(DATA) | AF | PAGE, `${cross} mov x2, #0x8877665544332211\n str x2, [x1]\n hvc #9`);
    expect([m.run(), m.quad(DATA + 2 ** g.log2 - 8)]).toEqual([1, 0n]);
    expect(abort(m).far).toBe(BigInt(va + 2 ** g.log2));
  });
});

test('EL0 and EL1 rights: user pages are hidden from EL1 by PAN, but not from LDTR', () => {
  const g = GRANULES[0] as Granule, va = 2 ** 39, leaf = BigInt(DATA) | AF | USER | PXN | UXN | PAGE;
  const plain = machineWith(g, va, leaf, 'msr pan, xzr\n ldr x2, [x1]\n hvc #9');
  expect(plain.run()).toBe(9);
  const hidden = machineWith(g, va, leaf, 'msr pan, xzr\n ldr x2, [x1]\n msr #0, #4, #1\n ldr x2, [x1]\n hvc #9');
  expect([hidden.run(), abort(hidden).status]).toEqual([1, 0b001111]);
  const unprivileged = machineWith(g, va, leaf, 'msr #0, #4, #1\n .insn LDTR (64-bit) imm9=0 rn=1 rt=2\n hvc #9');
  expect(unprivileged.run()).toBe(9);
});

test('device memory takes no unaligned access', () => {
  const g = GRANULES[0] as Granule, va = 2 ** 39, leaf = BigInt(DATA) | AF | PAGE | (2n << 2n);
  const aligned = machineWith(g, va, leaf, 'ldr x2, [x1, #8]\n str w2, [x1, #4]\n hvc #9');
  expect(aligned.run()).toBe(9);
  const unaligned = machineWith(g, va, leaf, 'ldr x2, [x1, #8]\n add x1, x1, #4\n str x2, [x1]\n hvc #9');
  expect([unaligned.run(), abort(unaligned)]).toEqual([1, { ec: 0x25, status: 0b100001, write: true, far: BigInt(va + 4) }]);
});

test('TLBI makes a changed descriptor count', () => {
  const g = GRANULES[0] as Granule, va = 2 ** 39;
  const m = machineWith(g, va, BigInt(DATA) | AF | PAGE, 'ldr x2, [x1]\n hvc #5\n ldr x3, [x1]\n hvc #9');
  m.setQuad(DATA, 1n);
  m.setQuad(DATA + 4096, 2n);
  expect(m.run()).toBe(5);
  new Tables(m, g); // the walk's own tables stay as they are
  const leafAt = findLeaf(m, g, va);
  m.setQuad(leafAt, BigInt(DATA + 4096) | AF | PAGE);
  m.machine.flushTranslations();
  expect(m.run()).toBe(9);
  expect([m.cpu.x(2), m.cpu.x(3)]).toEqual([1n, 2n]);
});

function findLeaf(m: TestMachine, g: Granule, va: number): number {
  let table = TABLES;
  for (const level of g.levels.slice(0, -1)) table = Number(m.quad(table + 8 * (Math.floor(va / 2 ** (g.log2 + (3 - level) * (g.log2 - 3))) % 512)) & 0xffff_ffff_f000n);
  return table + 8 * (Math.floor(va / 4096) % 512);
}

test('stage 2 translates what stage 1 gives, and its faults go to EL2 with the address and the instruction described', () => {
  const m = new TestMachine('mov x1, #0x30000\n ldr x2, [x1]\n mov x1, #0x9000000\n ldrsh w7, [x1, #18]\n hvc #9');
  const level1 = TABLES, level2 = TABLES + 0x2000, level3 = TABLES + 0x3000;
  const normal = AF | (3n << 6n) | (0xfn << 2n);
  m.setQuad(level1, BigInt(level2) | TABLE);
  m.setQuad(level2, BigInt(level3) | TABLE);
  for (let page = 0; page < 512; page++) m.setQuad(level3 + 8 * page, BigInt(page * 4096) | normal | PAGE);
  m.setQuad(level3 + 8 * 0x30, BigInt(DATA) | normal | PAGE);
  m.setQuad(DATA, 0xabcdn);
  m.cpu.setSystem('VTTBR_EL2', BigInt(level1));
  m.cpu.setSystem('VTCR_EL2', 24n | (1n << 6n));
  m.cpu.setSystem('HCR_EL2', 1n | (1n << 31n));
  expect(m.cpu.run(1000)).toBe('el2');
  expect(m.cpu.x(2)).toBe(0xabcdn);
  const syndrome = m.cpu.system('ESR_EL2');
  expect({ ec: syndrome >> 26n, isv: syndrome >> 24n & 1n, size: syndrome >> 22n & 3n, signed: syndrome >> 21n & 1n, register: syndrome >> 16n & 31n, wide: syndrome >> 15n & 1n })
    .toEqual({ ec: 0x24n, isv: 1n, size: 1n, signed: 1n, register: 7n, wide: 0n });
  expect([m.cpu.system('HPFAR_EL2'), m.cpu.system('FAR_EL2')]).toEqual([0x9000n << 4n, 0x900_0012n]);
});

