/** Runs a small program on several vCPUs at once and gives what it left in memory. */
import type { SmpMode } from '../../../shared/model/vm.ts';
import { assemble } from '../../cpu/asm/assembler.ts';
import { RAM_BASE } from '../../firmware/board-map.ts';
import { Vm } from '../vm.ts';

const LOADED_AT = RAM_BASE + 0x80000;
/** Shared by all vCPUs; zero at the start. The first words are the meeting's. */
const DATA = RAM_BASE + 0x400000, MEETING = RAM_BASE + 0x300000;
const MIB = 2 ** 20;

export interface GuestProgram {
  readonly cpus: number;
  readonly smpMode: SmpMode;
  readonly dataBytes: number;
  /**
   * What each vCPU runs: its number is in X19, the address of the data in X28. `bl meet` waits for all others, and
   * changes X11 to X15 and X30; `b done` ends. Stage 1 of the MMU is off.
   */
  readonly source: string;
}

export interface GuestOutcome { readonly data: DataView; readonly retired: readonly number[] }

/** Runs until all vCPUs are done. */
export async function runGuest({ cpus, smpMode, dataBytes, source }: GuestProgram): Promise<GuestOutcome> {
  const image = assemble(`${start(cpus)}\n${source}\n${end(cpus)}`, LOADED_AT);
  const memoryMib = Math.max(64, Math.ceil((DATA - RAM_BASE + dataBytes) / MIB));
  const vm = new Vm({ cpus, smpMode, memoryMib, counterHz: 62_500_000, boot: { kind: 'binary', image: () => image }, disks: [], consoleOutput: () => { /* says nothing */ }, wake: () => { /* is asked again and again */ } });
  try {
    vm.resume();
    while (vm.powerRequest === 'none') {
      vm.runSlice();
      await new Promise(resolve => { setImmediate(resolve); });
    }
    vm.pause();
    const bytes = (vm.ram.view(DATA, dataBytes) as Uint8Array).slice();
    return { data: new DataView(bytes.buffer), retired: vm.retired };
  } finally {
    await vm.end();
  }
}

/** Turns the other vCPUs on, which begin here as well. */
const start = (cpus: number) => `
  mov x19, #0
  mov x20, #1
turn_on:
  cmp x20, #${cpus}
  b.hs begin
  mov x0, #0xc4000003               // CPU_ON
  mov x1, x20
  adr x2, others
  mov x3, x20
  hvc #0
  add x20, x20, #1
  b turn_on
others:
  mov x19, x0
begin:
  mov x28, #${DATA}
`;

/** A meeting: each counts itself in, and waits until all have. Who waits for long yields. */
const end = (cpus: number) => `
done:
  bl meet
  cbnz x19, asleep
  mov x0, #0x84000008               // SYSTEM_OFF
  hvc #0
asleep:
  wfi
  b asleep
meet:
  mov x11, #${MEETING}
  mov x12, #1
  .insn LDADD (64-bit) A=1 R=1 rs=12 rn=11 rt=13
  mov x14, #${cpus}
  udiv x15, x13, x14
  add x15, x15, #1
  mul x15, x15, x14                 // the count when all are here
  mov x12, #2000
waiting:
  ldar x13, [x11]
  cmp x13, x15
  b.hs met
  subs x12, x12, #1
  b.ne waiting
  yield
  mov x12, #1
  b waiting
met:
  ret
`;
