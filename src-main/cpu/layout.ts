/**
 * Where everything lives in a VM's shared WebAssembly memory. The AssemblyScript core, the generated code and
 * TypeScript all read this file, so it holds plain number constants only. All offsets and sizes are in bytes.
 */

// Linear memory, from the bottom.
export const STATIC_BASE = 0x400;          // the core's own static data
export const DECODE_INDEX = 0x10000;       // 2048 x { first u16, count u16 }, by instruction bits 31:21
export const DECODE_ENTRIES = 0x12000;     // { mask u32, bits u32, handler u32, - u32 }
export const SYSREG_INDEX = 0x40000;       // 32768 x u16: row of a system register encoding, 0 = none
export const SYSREG_ROWS = 0x50000;        // 16 bytes a row, see SYSREG_ROW_*
export const MACHINE = 0x60000;            // figures that all CPUs share, see M_*
export const CPU_BASE = 0x80000;           // one block for each CPU
export const CPU_STRIDE = 0x180000;
export const MAX_CPUS = 8;
export const CODE_POOL = 0xc80000;         // decoded pages
export const CODE_SLOT_BYTES = 20544;      // 1024 records, a sentinel, the slot's own header, 1024 entries
export const CODE_SLOTS = 4096;
export const PAGE_TABLE = 0x5d00000;       // { slot + 1 u16, flags u16 } for each 4 KiB page of RAM, up to 4 GiB of them
export const WRITERS = 0x6100000;          // i32 for each page of RAM: 0, the one TLB entry that may write to it, or WRITERS_MANY
export const WRITERS_MANY = 1;
export const RAM_BASE = 0x6500000;         // the emulated host's physical RAM, from host physical address 0

// A record: { handler u16, operand slots u16 x 3, immediate i64 }.
export const RECORD_BYTES = 16;
export const SLOT_SENTINEL = 16384;
export const SLOT_HOST = 16400;            // address of the page in linear memory, i32
export const SLOT_PAGE = 16404;            // page number in RAM, i32
export const SLOT_GENERATION = 16408;      // i32: how often the records were made to decode again
export const SLOT_ENTRIES = 16448;         // i32 for each record: how often a branch led there, or ENTRY_TRANSLATED and the region's number
export const ENTRY_TRANSLATED = -0x80000000;
export const PAGE_HAS_CODE = 1;
export const PAGE_TRACED = 2;
export const PAGE_CLEAN = 4;              // nobody has written to it since it was marked so (core/dirty-log.ts)
export const PAGE_MISSING = 8;            // what is in it is still to come from another host (core/missing-pages.ts)

// Handlers that stand for no instruction.
export const HANDLER_DECODE = 0;
export const HANDLER_SENTINEL = 1;         // behind the last record of a page
export const HANDLER_UNDEFINED = 2;
export const FIRST_HANDLER = 3;
export const HOT_COUNT = 5000;             // arrivals after which a place is translated

// Translated regions.
export const REGION_INSTRUCTIONS = 250;    // at most
export const REGION_BUDGET = 256;          // with no more than this left, code is interpreted, so that a turn ends where it ends without regions
export const REGION_DEPTH = 200;           // calls that may be nested in one another

// MACHINE
export const M_RAM_BYTES = 0;              // f64
export const M_CPUS = 8;                   // i32
export const M_NEXT_SLOT = 12;             // i32
export const M_COUNTER_HZ = 16;            // f64
export const M_CLOCK_BASE_NS = 32;         // f64: guest clock = host monotonic - base; the vCPU reads it for its counters
export const M_CLOCK_STOPPED_NS = 40;      // f64: guest clock while stopped, or negative while it runs
export const M_DIRTY_CODE = 48;            // i32: pages whose decoded form was dropped
export const M_THREADS = 52;               // i32: THREADS_*
export const M_EXCLUSIVE = 56;             // i32: somebody has, or waits for, all CPUs outside guest code (core/wasm/exclusion.ts)
export const M_EXCLUSIVE_WAITERS = 60;     // i32: threads that sleep until M_EXCLUSIVE is clear
export const M_REGIONS = 64;               // i32: modules of translated regions that every thread has to have
export const M_DOORBELL = 68;              // i32: counts vCPUs that came back to the hypervisor
export const M_MISSING = 84;               // i32: pages with PAGE_MISSING (core/missing-pages.ts)
export const M_MISSING_LOCK = 88;          // i32: somebody makes pages present
export const M_ARRIVALS = 92;              // i32: counts how often pages came to be present
export const M_GUEST_MULTIPLIER = 96;      // i64 x 2: what guests see of the counter while the hypervisor scales it (hypervisor/counter-traps.ts)
export const M_GUEST_OFFSET = 104;
export const M_MEMORY_LOST = 112;          // i32: what is missing will never come
export const M_MAILBOXES = 0x100;          // one for each CPU, see MAILBOX_*
export const MAILBOX_BYTES = 64;
export const M_DEFERRED = 0x400;           // TLB maintenance that DSB has to carry to other CPUs: 64 addresses for each CPU
export const DEFERRED_MOST = 64;
export const M_PAIR_LOCKS = 0x2000;        // i32 x 256: locks of 16-byte atomics, by address
export const PAIR_LOCKS = 256;
export const M_FUSED = 80;                 // i32: the host's multiply-add rounds once

// M_THREADS
export const THREADS_NONE = 0;             // CPUs take turns in one thread
export const THREADS_ORDERED = 1;          // a thread for each, on a host that reorders nothing but loads before stores
export const THREADS_WEAK = 2;             // a thread for each, on a host that reorders everything

// A CPU's mailbox, all i32.
export const MAILBOX_IN_GUEST = 0;         // the thread is in guest code, or about to be
export const MAILBOX_STATE = 4;            // MAILBOX_PARKED or MAILBOX_RUNNING: who owns the CPU's block
export const MAILBOX_KICK = 8;             // the hypervisor wants it back after this turn
export const MAILBOX_REASON = 12;          // EXIT_* with which it came back
export const MAILBOX_DEFERRED = 16;        // how many addresses M_DEFERRED holds; more than DEFERRED_MOST: everything
export const MAILBOX_TRAPS = 24;           // f64 x 2: accesses to counters and timers that were performed for it, and for how many ns
export const MAILBOX_TRAP_NS = 32;
export const PARKED = 0;
export const RUNNING = 1;

// A CPU's block.
export const X = 0;                        // X0..X30
export const XZR = 0xf8;                   // always zero
export const SP = 0x100;                   // the current stack pointer
export const DUMP = 0x108;                 // writes to XZR go here
export const PC = 0x110;
export const FLAG_KIND = 0x118;            // i32: FLAGS_*
export const NZCV = 0x11c;                 // i32: N 8, Z 4, C 2, V 1, when FLAG_KIND is FLAGS_NZCV
export const FLAG_A = 0x120;               // operands of the flag-setting operation, 32-bit ones in the upper half
export const FLAG_B = 0x128;
export const EL = 0x130;                   // i32: 0, 1 (2 is the hypervisor, outside)
export const SPSEL = 0x134;
export const DAIF = 0x138;                 // i32: D 8, A 4, I 2, F 1
export const PAN = 0x13c;
export const IL = 0x144;
export const SS = 0x148;
export const EXIT = 0x14c;                 // i32: EXIT_*
export const FAULT = 0x150;                // i32: nonzero when a slow path took an exception or left; TLB follows it
export const TLB = 0x154;                  // i32: address of the current data TLB
export const ITLB = 0x158;                 // i32: address of the current instruction TLB
export const FPCR = 0x15c;
export const FPSR = 0x160;
export const FP_FAST = 0x164;              // i32: native arithmetic is exact enough: nearest, no flush, inexact set
export const UNWIND = 0x140;               // i32: translated callers may not go on after a return: translations or code changed
export const MONITOR_ADDRESS = 0x168;      // f64: physical address of the exclusive access, negative when clear
export const MONITOR_BYTES = 0x170;        // i32
export const MONITOR_LOW = 0x178;          // i64 x 2: the value that was loaded
export const MONITOR_HIGH = 0x180;
export const ID = 0x188;                   // i32: number of this CPU
export const SLOT = 0x18c;                 // i32: decoded page that PC is in, set by fetch
export const RETIRED = 0x190;              // f64: instructions retired
export const IRQ_LINES = 0x198;            // i32: LINE_*, driven by the hypervisor
export const BUDGET = 0x19c;               // i32: what was left when run() returned
export const ATTENTION = 0x1a0;            // i32: another thread wants this CPU to end its turn
export const TIMER_MASK = 0x1a4;           // i32: timer outputs as last seen, TIMER_*
export const WANTED = 0x1a8;               // i32: page of RAM for which it left with EXIT_PAGE
export const WALK_PA = 0x1b0;              // f64: results of the last walk
export const WALK_ATTRIBUTES = 0x1b8;
export const WALK_SIZE_LOG2 = 0x1bc;
export const WALK_RIGHTS = 0x1c0;
export const WALK_IPA = 0x1c8;             // f64
export const GUEST_ERRORS = 0x1d0;         // f64
export const FP_TRAP = 0x1d8;              // i32: FP and SIMD instructions trap at the current EL
export const USER_PAGES = 0x1dc;            // i32: the TLBs of EL1 may hold pages of the lower half
export const STAGED = 0x1e0;               // 32 bytes on their way into vector registers
export const V = 0x200;                    // V0..V31
export const SYSREGS = 0x400;              // 8 bytes each, by the slot in their row
export const SYSREG_SLOTS = 640;
export const TLB_EL0 = 0x1800;             // i32: address of EL0's data TLB, which LDTR and STTR use at EL1
export const ITLB_EL0 = 0x1804;            // i32
export const CONTEXT_NEXT = 0x1808;        // i32: which context is given away next
export const NONGLOBAL = 0x180c;           // i32: the TLBs of EL1 hold pages of the upper half that belong to an ASID
export const LARGE_PAGES = 0x1810;         // i32: a TLB holds parts of pages of more than 2 MiB
export const CONTEXT_KEYS = 0x1820;        // { TTBR0 i64, ASID of TTBR1 i64 } for each context
export const LARGE_BLOCKS = 0x1a00;        // 4096 bits: a TLB holds parts of a large page in the 2 MiB with this hash
export const STRUCTURE = 0x1f00;           // 64 bytes: vectors on their way to and from the core
// Vectors of what the magnitude of a native result has to be below: infinity, or 0 when the core has to do it.
export const FP_LIMITS = 0x1f40;           // f32 x 4
export const FP_LIMITS_DOUBLE = 0x1f50;    // f64 x 2
export const FP_FUSED_LIMITS = 0x1f60;     // the same for multiply-add
export const FP_FUSED_LIMITS_DOUBLE = 0x1f70;
export const FP_SMALLEST = 0x1f80;         // f32 x 4: the smallest normal number; anything larger is not tiny
export const FP_SMALLEST_DOUBLE = 0x1f90;
export const FP_PARTS = 0x1fa0;            // three unpacked operands of arithmetic in software, 32 bytes each
export const TLB_EL1 = 0x2000;             // 4096 entries
export const ITLB_EL1 = 0x22000;           // 1024 entries
export const NO_TLB = 0x26000;             // always empty: that of EL0 until it is known which
export const NO_ITLB = 0x46000;
export const CONTEXT_TABLES = 0x4a000;     // those of EL0, for each context: data, then instructions
export const CONTEXT_BYTES = 0x24000;
export const CONTEXT_ITLB = 0x20000;
export const CONTEXTS = 8;
export const CPU_STATE_BYTES = 0x2000;     // what is saved; TLBs are rebuilt

// TLB entries.
export const TLB_ENTRIES = 4096;
export const TLB_ENTRY_BYTES = 32;
export const TLB_READ = 0;                 // i64 page address, or -1
export const TLB_WRITE = 8;
export const TLB_ADDEND = 16;              // i32: linear memory address - low 32 bits of the virtual address
export const TLB_SIZE_LOG2 = 20;           // i32
export const TLB_PAGE = 24;                // i64 page address whatever the rights
export const ITLB_ENTRIES = 1024;
export const ITLB_ENTRY_BYTES = 16;        // { page i64, slot i32, sizeLog2 i32 }

// FLAG_KIND
export const FLAGS_NZCV = 0;
export const FLAGS_SUB = 1;                // of A - B
export const FLAGS_LOGIC = 2;              // of A, with B 0; C and V clear

// Why run() returned.
export const EXIT_NONE = 0;
export const EXIT_BUDGET = 1;
export const EXIT_EL2 = 2;                 // a trap to EL2: see ESR_EL2, FAR_EL2, HPFAR_EL2, ELR_EL2
export const EXIT_WFI = 3;
export const EXIT_KICK = 4;
export const EXIT_YIELD = 5;               // WFE or YIELD while CPUs run in threads
export const EXIT_PAGE = 6;                // it needs the page WANTED, which is missing; the instruction at PC is to be run again

// IRQ_LINES: what the hypervisor drives. Virtual interrupts come from the list registers.
export const LINE_VSERROR = 4;

// TIMER_MASK
export const TIMER_V = 1;
export const TIMER_P = 2;

// Sizes given to the core's load and store functions: log2 of the bytes, with these flags.
export const ACCESS_UNPRIVILEGED = 0x100;
export const ACCESS_ALIGNED = 0x200;       // fault unless aligned (exclusive, acquire, release)

// SYSREG_ROWS
export const SYSREG_ROW_BYTES = 16;
export const SYSREG_ROW_SLOT = 0;          // u16: byte offset in the CPU's block, 0 = none
export const SYSREG_ROW_READ = 2;          // u8: READ_*
export const SYSREG_ROW_WRITE = 3;         // u8: WRITE_*
export const SYSREG_ROW_READ_EL = 4;       // u8: lowest EL, 3 = never
export const SYSREG_ROW_WRITE_EL = 5;
export const SYSREG_ROW_TRAP = 6;          // u8: TRAP_*
export const SYSREG_ROW_WRITE_MASK = 8;    // i64: bits that a plain write changes
