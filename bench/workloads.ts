/** The rows of the bench: what is measured, and what is to be reached. */

export interface Row {
  readonly name: string;
  readonly title: string;
  /** More is better of MiB/s, less of all else. */
  readonly unit: 's' | 'ms' | 'MiB' | 'MiB/s';
  /** QEMU's figure by ours, or ours by QEMU's where more is better, is to be at least this. */
  readonly ratio?: number;
  /** Our figure is to be at most this. */
  readonly limit?: number;
}

/** Run by the guest program, in this order; the names are those of guest/bench.c. */
export const WORKLOADS: readonly Row[] = [
  { name: 'integer', title: '64-bit integer loop', unit: 's', ratio: 1.2 },
  { name: 'chase', title: 'pointer chase', unit: 's', ratio: 1 },
  { name: 'copy', title: 'memory copy', unit: 's', ratio: 1 },
  { name: 'recursion', title: 'call-heavy recursion', unit: 's', ratio: 1 },
  { name: 'mix', title: 'CoreMark-like mix', unit: 's', ratio: 1 },
  { name: 'indirect', title: 'indirect calls', unit: 's', ratio: 1 },
  { name: 'nbody', title: 'double FP (n-body)', unit: 's', ratio: 2 },
  { name: 'neon', title: 'NEON', unit: 's', ratio: 2 },
  { name: 'sha256', title: 'SHA-256 in C', unit: 's', ratio: 1 },
  { name: 'syscall', title: 'system call loop', unit: 's', ratio: 0.8 },
  { name: 'fork', title: 'fork and exec loop', unit: 's', ratio: 0.7 },
  { name: 'faults', title: 'page faults', unit: 's', ratio: 0.8 },
  { name: 'selfmod', title: 'self-modifying code', unit: 's', ratio: 0.5 },
  { name: 'shell', title: 'shell loop', unit: 's', ratio: 0.8 },
  { name: 'shell-on', title: 'shell loop, going on', unit: 's' },
  { name: 'gzip', title: 'gzip', unit: 's', ratio: 0.9 },
];

export const BOOT: Row = { name: 'boot', title: 'boot to init', unit: 's', ratio: 0.7 };
export const START_UP: Row = { name: 'start-up', title: 'start-up to first instruction', unit: 'ms' };
export const MEMORY: Row = { name: 'memory', title: 'memory beyond guest RAM', unit: 'MiB', limit: 250 };

/** Streams of the guest program (guest/network.c), by name. */
export const TCP_OUT: Row = { name: 'tcp-out', title: 'TCP to the host through NAT', unit: 'MiB/s', ratio: 1 };
export const TCP_IN: Row = { name: 'tcp-in', title: 'TCP from the host through NAT', unit: 'MiB/s', ratio: 1 };
export const TCP_SWITCH: Row = { name: 'tcp-switch', title: 'TCP between guests on a switch', unit: 'MiB/s', ratio: 1 };
export const STREAMS = [TCP_OUT, TCP_IN, TCP_SWITCH] as const;

export const ROWS: readonly Row[] = [BOOT, ...WORKLOADS, ...STREAMS, START_UP, MEMORY];
