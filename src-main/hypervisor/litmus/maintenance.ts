/** Programs in which one vCPU changes code or translations, and the others must see it once the architecture says so. */

/** Rounds, and what the programs leave in their data: zero where all went well. */
const CODE_ROUNDS = 300, REMAPS = 400;
export const WRONG = 8;

/**
 * CPU 0 makes a function at X27 that returns the number of the round, X20, and tells by a store-release. The others call
 * it then, after an ISB.
 */
export const CHANGES_CODE = `
  mov x0, #0x2000
  add x27, x28, x0
  mov x20, #1
  mov w25, #0xd65f0000
  add w25, w25, #0x3c0              // ret
  mov w26, #0x52800000              // movz w0, #0
round:
  cbnz x19, call
  lsl x1, x20, #5
  add w1, w1, w26
  str w1, [x27]
  str w25, [x27, #4]
  sys #3, c7, c11, #1, x27          // DC CVAU
  dsb ish
  sys #3, c7, c5, #1, x27           // IC IVAU
  dsb ish
  stlr x20, [x28]
  b called
call:
  ldar x1, [x28]
  cmp x1, x20
  b.lo call
  isb
  blr x27
  cmp x0, x20
  b.eq called
  str x20, [x28, #${WRONG}]
called:
  bl meet
  add x20, x20, #1
  cmp x20, #${CODE_ROUNDS}
  b.ne round
  b done
`;

/**
 * CPU 0 maps the page at 3 GiB, X25, to one of two frames and then to the other. After TLBI and DSB it writes to the frame
 * that is no longer mapped, and zeroes it before it maps it again; the others read the page and must find zero.
 */
export const CHANGES_TRANSLATIONS = `
  mov x0, #0x1000
  add x22, x28, x0                  // table of level 1, T0SZ 25
  add x23, x22, x0                  // level 2
  add x24, x23, x0                  // level 3
  add x26, x24, x0                  // the frames
  mov x25, #0xc0000000
  cbnz x19, enable
  mov x1, #0x40000701
  str x1, [x22, #8]                 // RAM as it is
  add x1, x23, #3
  str x1, [x22, #24]
  add x1, x24, #3
  str x1, [x23]
  add x1, x26, #0x703
  str x1, [x24]
  dsb ish
enable:
  bl meet
  mov x1, #0xff
  msr mair_el1, x1
  mov x1, #${25n | 1n << 23n | 2n << 32n}
  msr tcr_el1, x1
  msr ttbr0_el1, x22
  isb
  mrs x1, sctlr_el1
  orr x1, x1, #1
  msr sctlr_el1, x1
  isb
  mov x20, #${REMAPS}
remap:
  cbnz x19, read
  and x2, x20, #1
  lsl x2, x2, #12
  add x3, x26, x2                   // mapped in the round before
  eor x2, x2, #0x1000
  add x4, x26, x2
  str xzr, [x4]
  dsb ish
  add x5, x4, #0x703
  str x5, [x24]
  dsb ishst
  lsr x6, x25, #12
  sys #0, c8, c3, #1, x6            // TLBI VAE1IS
  dsb ish
  str x20, [x3]
read:
  bl reads                          // while the mapping changes
  bl meet
  bl reads                          // when it has changed
  bl meet
  subs x20, x20, #1
  b.ne remap
  b done
reads:
  mov x7, #64
read_on:
  ldr x1, [x25]
  cbz x1, right
  str x1, [x28, #${WRONG}]
right:
  subs x7, x7, #1
  b.ne read_on
  ret
`;
