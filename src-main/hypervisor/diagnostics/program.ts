/**
 * The built-in diagnostics guest: a bare-metal program for the board, entered at EL1 with the device tree's address in
 * X0. It shows what the CPU says of itself, tests memory and timer interrupts, and answers a small prompt.
 */
export const DIAGNOSTICS_SOURCE = String.raw`
start:
  mov x28, x0                       // device tree
  mov x0, #0x40080000
  mov sp, x0
  adr x0, vectors
  msr vbar_el1, x0
  mov x0, #0x300000
  msr cpacr_el1, x0
  isb
  bl interrupts_on
  adr x0, banner
  bl puts
  bl features
  bl memory_size
  bl memory_test
  bl timer_test
  adr x0, hint
  bl puts

prompt:
  adr x0, prompt_text
  bl puts
  bl read_line
  adr x20, commands
next_command:
  ldr x21, [x20]                    // offset of the name from start, 0 at the end
  cbz x21, unknown
  adr x1, start
  add x1, x1, x21
  adr x0, line
  bl equal
  cbnz x0, run_command
  add x20, x20, #16
  b next_command
run_command:
  ldr x21, [x20, #8]
  adr x1, start
  add x1, x1, x21
  blr x1
  b prompt
unknown:
  adr x0, line
  ldrb w1, [x0]
  cbz w1, prompt
  bl puts
  adr x0, unknown_text
  bl puts
  b prompt

// ---- commands

memory:
  stp x29, x30, [sp, #-16]!
  bl memory_size
  bl memory_test
  ldp x29, x30, [sp], #16
  ret

help:
  stp x29, x30, [sp, #-16]!
  adr x0, help_text
  bl puts
  ldp x29, x30, [sp], #16
  ret

features:
  stp x29, x30, [sp, #-16]!
  adr x0, midr_text
  bl puts
  mrs x0, midr_el1
  bl put_hex
  adr x0, pfr_text
  bl puts
  mrs x0, id_aa64pfr0_el1
  bl put_hex
  adr x0, isar_text
  bl puts
  mrs x0, id_aa64isar0_el1
  bl put_hex
  adr x0, mmfr_text
  bl puts
  mrs x0, id_aa64mmfr0_el1
  bl put_hex
  adr x0, features_text
  bl puts
  mrs x22, id_aa64pfr0_el1
  lsr x23, x22, #16
  and x23, x23, #15
  adr x0, fp_text
  cmp x23, #15
  bl puts_if_ne
  lsr x23, x22, #20
  and x23, x23, #15
  adr x0, simd_text
  cmp x23, #15
  bl puts_if_ne
  mrs x22, id_aa64isar0_el1
  lsr x23, x22, #16
  adr x0, crc_text
  tst x23, #15
  bl puts_if_ne
  lsr x23, x22, #20
  adr x0, lse_text
  tst x23, #15
  bl puts_if_ne
  adr x0, el_text
  bl puts
  mrs x0, currentel
  lsr x0, x0, #2
  bl put_decimal
  bl newline
  ldp x29, x30, [sp], #16
  ret

memory_size:                        // from the device tree's memory node
  stp x29, x30, [sp, #-16]!
  adr x0, memory_text
  bl puts
  ldr w1, [x28, #8]                 // off_dt_struct
  rev w1, w1
  add x1, x28, x1
  mov x4, #0                        // inside the memory node
next_token:
  ldr w2, [x1], #4
  rev w2, w2
  cmp w2, #1
  b.eq begin_node
  cmp w2, #3
  b.eq property
  cmp w2, #9
  b.eq no_memory
  b next_token
begin_node:
  ldr w2, [x1]
  rev w2, w2
  mov w3, #0x6d656d6f               // "memo"
  cmp w2, w3
  cset x4, eq
skip_name:
  ldrb w2, [x1], #1
  cbnz w2, skip_name
  add x1, x1, #3
  and x1, x1, #0xfffffffffffffffc
  b next_token
property:
  ldr w2, [x1], #8                  // length, and past the name's offset
  rev w2, w2
  cbz x4, skip_property
  cmp w2, #16
  b.ne skip_property
  ldr x0, [x1, #8]
  rev x0, x0
  lsr x0, x0, #20
  bl put_decimal
  adr x0, mib_text
  bl puts
no_memory:
  ldp x29, x30, [sp], #16
  ret
skip_property:
  add x1, x1, x2
  add x1, x1, #3
  and x1, x1, #0xfffffffffffffffc
  b next_token

memory_test:                        // 8 MiB from 0x41000000: each word its own address, then the inverse
  stp x29, x30, [sp, #-16]!
  adr x0, memtest_text
  bl puts
  mov x20, #0x41000000
  mov x21, #0x41800000
  mov x1, x20
fill:
  str x1, [x1], #8
  cmp x1, x21
  b.lo fill
  mov x1, x20
invert:
  ldr x2, [x1]
  cmp x2, x1
  b.ne memory_bad
  mvn x2, x1
  str x2, [x1], #8
  cmp x1, x21
  b.lo invert
  mov x1, x20
verify:
  ldr x2, [x1]
  mvn x2, x2
  cmp x2, x1
  b.ne memory_bad
  add x1, x1, #8
  cmp x1, x21
  b.lo verify
  adr x0, passed_text
  b memory_said
memory_bad:
  mov x0, x1
  bl put_hex
  adr x0, failed_text
memory_said:
  bl puts
  ldp x29, x30, [sp], #16
  ret

timer_test:                         // 20 interrupts of the virtual timer, 10 ms apart
  stp x29, x30, [sp, #-16]!
  adr x0, counter_text
  bl puts
  mrs x0, cntfrq_el0
  bl put_decimal
  adr x0, hz_text
  bl puts
  adr x22, ticks
  str xzr, [x22]
  mrs x23, cntvct_el0
  mrs x0, cntfrq_el0
  mov x1, #100
  udiv x0, x0, x1
  msr cntv_tval_el0, x0
  mov x0, #1
  msr cntv_ctl_el0, x0
wait_ticks:
  msr daifset, #2
  ldr x0, [x22]
  cmp x0, #20
  b.hs ticks_done
  wfi
  msr daifclr, #2
  b wait_ticks
ticks_done:
  msr cntv_ctl_el0, xzr
  msr daifclr, #2
  mrs x1, cntvct_el0
  sub x1, x1, x23
  mov x2, #1000
  mul x1, x1, x2
  mul x1, x1, x2
  mrs x2, cntfrq_el0
  udiv x24, x1, x2
  adr x0, twenty_text
  bl puts
  mov x0, x24
  bl put_decimal
  adr x0, us_text
  bl puts
  ldp x29, x30, [sp], #16
  ret

spin:                               // a busy second
  stp x29, x30, [sp, #-16]!
  adr x0, spin_text
  bl puts
  mrs x20, cntfrq_el0
  mrs x21, cntvct_el0
  mov x22, #0
spin_more:
  mov x1, #10000
spin_inner:
  subs x1, x1, #1
  b.ne spin_inner
  add x22, x22, #10
  mrs x2, cntvct_el0
  sub x2, x2, x21
  cmp x2, x20
  b.lo spin_more
  mov x0, x22
  bl put_decimal
  adr x0, loops_text
  bl puts
  ldp x29, x30, [sp], #16
  ret

reboot:
  adr x0, reboot_text
  bl puts
  mov x0, #0x84000009
  hvc #0
off:
  adr x0, off_text
  bl puts
  mov x0, #0x84000008
  hvc #0

// ---- strings and numbers

puts:                               // x0
  stp x29, x30, [sp, #-32]!
  str x19, [sp, #16]
  mov x19, x0
put_next:
  ldrb w0, [x19], #1
  cbz w0, puts_done
  bl put_char
  b put_next
puts_done:
  ldr x19, [sp, #16]
  ldp x29, x30, [sp], #32
  ret
puts_if_ne:
  b.ne puts
  ret
newline:
  mov w0, #13
  stp x29, x30, [sp, #-16]!
  bl put_char
  mov w0, #10
  bl put_char
  ldp x29, x30, [sp], #16
  ret
put_char:                           // w0
  mov x1, #0x09000000
put_wait:
  ldr w2, [x1, #24]
  tbnz x2, #5, put_wait
  strb w0, [x1]
  ret
put_hex:                            // x0
  stp x29, x30, [sp, #-32]!
  stp x19, x20, [sp, #16]
  mov x19, x0
  mov x20, #60
  adr x0, hex_text
  bl puts
hex_next:
  lsrv x0, x19, x20
  and x0, x0, #15
  cmp x0, #10
  add x1, x0, #48
  add x2, x0, #87
  csel x0, x1, x2, lo
  bl put_char
  subs x20, x20, #4
  b.ge hex_next
  ldp x19, x20, [sp, #16]
  ldp x29, x30, [sp], #32
  ret
put_decimal:                        // x0
  stp x29, x30, [sp, #-48]!
  stp x19, x20, [sp, #16]
  add x19, sp, #47
  strb wzr, [x19]
  mov x1, #10
decimal_next:
  udiv x2, x0, x1
  msub x3, x2, x1, x0
  add w3, w3, #48
  sub x19, x19, #1
  strb w3, [x19]
  mov x0, x2
  cbnz x0, decimal_next
  mov x0, x19
  bl puts
  ldp x19, x20, [sp, #16]
  ldp x29, x30, [sp], #48
  ret
equal:                              // x0, x1: 1 when the strings are the same
  ldrb w2, [x0], #1
  ldrb w3, [x1], #1
  cmp w2, w3
  b.ne not_equal
  cbnz w2, equal
  mov x0, #1
  ret
not_equal:
  mov x0, #0
  ret

// ---- input: the interrupt handler fills a ring, read_line empties it into "line"

read_char:
  adr x1, ring_out
  adr x2, ring_in
read_wait:
  msr daifset, #2
  ldr x3, [x1]
  ldr x4, [x2]
  cmp x3, x4
  b.ne read_ready
  wfi
  msr daifclr, #2
  b read_wait
read_ready:
  msr daifclr, #2
  adr x4, ring
  and x5, x3, #255
  ldrb w0, [x4, x5]
  add x3, x3, #1
  str x3, [x1]
  ret
read_line:
  stp x29, x30, [sp, #-32]!
  stp x19, x20, [sp, #16]
  adr x19, line
  mov x20, #0
line_next:
  bl read_char
  cmp w0, #13
  b.eq line_done
  cmp w0, #10
  b.eq line_done
  cmp w0, #127
  b.eq rub_out
  cmp w0, #8
  b.eq rub_out
  cmp w0, #32
  b.lo line_next
  cmp x20, #60
  b.hs line_next
  strb w0, [x19, x20]
  add x20, x20, #1
  bl put_char
  b line_next
rub_out:
  cbz x20, line_next
  sub x20, x20, #1
  adr x0, rub_text
  bl puts
  b line_next
line_done:
  strb wzr, [x19, x20]
  bl newline
  ldp x19, x20, [sp, #16]
  ldp x29, x30, [sp], #32
  ret

// ---- interrupts: GICv3, PPI 27 (virtual timer), SPI 1 (UART)

interrupts_on:
  mov x0, #0x08000000
  mov w1, #0x13
  str w1, [x0]
  add x2, x0, #0x84
  mov w1, #2
  str w1, [x2]                      // GICD_IGROUPR1
  str w1, [x2, #0x80]               // GICD_ISENABLER1
  mov x0, #0x080a0000
  str wzr, [x0, #20]                // GICR_WAKER
  add x0, x0, #16, lsl #12
  mov w1, #0xffffffff
  str w1, [x0, #0x80]               // GICR_IGROUPR0
  mov w1, #0x08000000
  str w1, [x0, #0x100]              // GICR_ISENABLER0
  mov x0, #0xff
  msr icc_pmr_el1, x0
  mov x0, #1
  msr icc_igrpen1_el1, x0
  isb
  mov x0, #0x09000000
  mov w1, #0x70
  str w1, [x0, #0x2c]               // UARTLCR_H
  mov w1, #0x301
  str w1, [x0, #0x30]               // UARTCR
  mov w1, #0x50
  str w1, [x0, #0x38]               // UARTIMSC
  msr daifclr, #2
  ret

interrupt:
  stp x0, x1, [sp, #-64]!
  stp x2, x3, [sp, #16]
  stp x4, x5, [sp, #32]
  stp x6, x7, [sp, #48]
  mrs x0, icc_iar1_el1
  cmp x0, #27
  b.eq tick
  cmp x0, #33
  b.ne interrupt_done
  mov x1, #0x09000000
  mov w4, #0x50
  str w4, [x1, #0x44]               // UARTICR: before the FIFO is emptied, so that what comes later counts anew
  adr x2, ring
  adr x3, ring_in
uart_next:
  ldr w4, [x1, #24]
  tbnz x4, #4, interrupt_done
  ldr w5, [x1]
  ldr x6, [x3]
  and x7, x6, #255
  strb w5, [x2, x7]
  add x6, x6, #1
  str x6, [x3]
  b uart_next
tick:
  adr x1, ticks
  ldr x2, [x1]
  add x2, x2, #1
  str x2, [x1]
  mrs x3, cntfrq_el0
  mov x4, #100
  udiv x3, x3, x4
  mrs x4, cntv_cval_el0
  add x4, x4, x3
  msr cntv_cval_el0, x4
interrupt_done:
  msr icc_eoir1_el1, x0
  ldp x2, x3, [sp, #16]
  ldp x4, x5, [sp, #32]
  ldp x6, x7, [sp, #48]
  ldp x0, x1, [sp], #64
  eret

unexpected:
  adr x0, exception_text
  bl puts
  mrs x0, esr_el1
  bl put_hex
  adr x0, at_text
  bl puts
  mrs x0, elr_el1
  bl put_hex
  bl newline
  b off

.align 2048
vectors:
  b unexpected
.align 512
  b unexpected
.align 128
  b interrupt
.align 2048
  b unexpected

commands:
  .offset name_help
  .offset help
  .offset name_mem
  .offset memory
  .offset name_time
  .offset timer_test
  .offset name_spin
  .offset spin
  .offset name_cpu
  .offset features
  .offset name_reboot
  .offset reboot
  .offset name_off
  .offset off
  .quad 0

name_help: .asciz "help"
name_mem: .asciz "mem"
name_time: .asciz "time"
name_spin: .asciz "spin"
name_cpu: .asciz "cpu"
name_reboot: .asciz "reboot"
name_off: .asciz "off"
.align 8
ticks: .quad 0
ring_in: .quad 0
ring_out: .quad 0
ring: .space 256
line: .space 64
banner: .asciz "\r\nQuarterdeck diagnostics\r\n=======================\r\n"
midr_text: .asciz "CPU        MIDR "
pfr_text: .asciz "  PFR0 "
isar_text: .asciz "\r\n           ISAR0 "
mmfr_text: .asciz "  MMFR0 "
features_text: .asciz "\r\nFeatures   "
fp_text: .asciz "fp "
simd_text: .asciz "asimd "
crc_text: .asciz "crc32 "
lse_text: .asciz "atomics "
el_text: .asciz "\r\nRuns at    EL"
memory_text: .asciz "Memory     "
mib_text: .asciz " MiB\r\n"
memtest_text: .asciz "Memory test, 8 MiB: "
passed_text: .asciz "passed\r\n"
failed_text: .asciz " is bad\r\n"
counter_text: .asciz "Counter    "
hz_text: .asciz " Hz\r\n"
twenty_text: .asciz "Timer      20 interrupts, 10000 us apart, took "
us_text: .asciz " us\r\n"
spin_text: .asciz "Spinning for a second: "
loops_text: .asciz " thousand loops\r\n"
reboot_text: .asciz "Resetting.\r\n"
off_text: .asciz "Powering off.\r\n"
hint: .asciz "Type help for the commands.\r\n"
prompt_text: .asciz "diag> "
unknown_text: .asciz ": no such command; try help\r\n"
help_text: .asciz "help    this list\r\nmem     memory size and test\r\ntime    counter and timer interrupts\r\nspin    keep the CPU busy for a second\r\ncpu     identification and features\r\nreboot  reset the machine\r\noff     power off\r\n"
exception_text: .asciz "\r\nUnexpected exception: ESR "
at_text: .asciz " at "
hex_text: .asciz "0x"
rub_text: .asciz "\b \b"
`;
