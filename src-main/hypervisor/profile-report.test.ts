import { expect, test } from 'vitest';
import type { VmProfile } from './profile.ts';
import { formatProfile } from './profile-report.ts';
import { Symbols } from './symbols.ts';

const PROFILE: VmProfile = {
  seconds: 2, samples: 12_345,
  cpus: [{ instructions: 240e6, runningNs: 1.5e9 }, { instructions: 6.9e6, runningNs: 5e8 }],
  translated: { ns: 1e9, instructions: 200e6 }, interpreted: { ns: 1e9, instructions: 50e6 },
  levels: [{ ns: 0, instructions: 0 }, { ns: 2e9, instructions: 250e6 }],
  hottest: [
    {
      address: 0xffff_8000_0867_1010n, el: 1, translated: 27, interpreted: 0.25, ns: 1.5e9, instructions: 200e6, listing: [
        { address: 0xffff_8000_0867_1010n, word: 0x8b04_0063, ns: 1.5e9, instructions: 200e6 },
        { address: 0xffff_8000_0867_1014n, word: 0x54ff_ffe1, ns: 0, instructions: 0 },
        { address: 0xffff_8000_0867_1020n, word: 0xf100_0484, ns: 0, instructions: 0 },
      ],
    },
    { address: 0x4000n, el: 0, translated: undefined, interpreted: 1, ns: 5e8, instructions: 50e6, listing: [] },
  ],
  translator: { modules: 56, regions: 1234, instructions: 45_678, bytes: 2 ** 21, ms: 456.4, compileMs: 120, present: 1200 },
  exits: { hvc: 13, mmio: 946, wfi: 102 }, guestErrors: 3,
};

test('a report says what was measured', () => {
  expect(formatProfile(PROFILE)).toBe(`Profile: 2.00 s, 246.9 M instructions, 123.5 M a second; 12,345 samples

        instructions  a second  running
vCPU 0       240.0 M   120.0 M   75.0 %
vCPU 1         6.9 M     3.5 M   25.0 %

                time  instructions
translated    50.0 %        80.0 %
interpreted   50.0 %        20.0 %
EL0            0.0 %         0.0 %
EL1          100.0 %       100.0 %

Translator: regions 1,234, instructions 45,678, modules 56, WebAssembly 2,048 KiB
  456 ms translating, 120 ms compiling; regions there now 1,200, dropped 34

exits     count  a second
mmio        946       473
wfi         102        51
hvc          13         7
together  1,061       531
Guest errors: 3

Hottest code, by time. Samples (>) are taken at taken branches.

1. 75.0 % of time, 80.0 % of instructions, EL1 at 0xffff800008671010, a region of 27 instructions, 25.0 % of it before it was translated
>  75.0 %  0xffff800008671010  8b040063  add x3, x3, x4
           0xffff800008671014  54ffffe1  b.ne 0xffff800008671010
           ...
           0xffff800008671020  f1000484  subs x4, x4, #1

2. 25.0 % of time, 20.0 % of instructions, EL0 at 0x00004000, interpreted
`);
});

test('a region has the name of its function, where it is known', () => {
  const report = formatProfile(PROFILE, new Symbols('ffff800008671000 T crc32_le'));
  expect(report).toContain('EL1 at 0xffff800008671010 (crc32_le+0x10), a region');
  expect(report).toContain('EL0 at 0x00004000, interpreted');
});

test('a guest that never took a sample has a report all the same', () => {
  const nothing = { ns: 0, instructions: 0 };
  const report = formatProfile({ ...PROFILE, samples: 0, translated: nothing, interpreted: nothing, levels: [nothing, nothing], hottest: [], exits: {} });
  expect(report).not.toMatch(/NaN|Infinity/);
  expect(report).toContain('No samples');
});
