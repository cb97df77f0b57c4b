/** One interrupt of a GICv3, whatever its kind: SGI 0-15, PPI 16-31, SPI 32 and up, LPI 8192 and up. */

export const NOBODY = -1;
export const FIRST_LPI = 8192;
/** Five bits of priority, the rest read as zero. */
export const PRIORITY_MASK = 0xf8;

export interface Interrupt {
  readonly intid: number;
  enabled: boolean;
  group: 0 | 1;
  priority: number;
  /** Edge-triggered; otherwise level-sensitive. */
  edge: boolean;
  /** The level of its wire. */
  line: boolean;
  /** An edge, a message or a write to GICD_ISPENDR that was not taken yet. */
  latch: boolean;
  active: boolean;
  /** Number of the CPU that it goes to, or NOBODY. */
  target: number;
  /** Number of the CPU that took it, while active: a new target waits until it is done. */
  activeOn: number;
}

export const newInterrupt = (intid: number, target: number): Interrupt => ({
  intid, target, enabled: false, group: 0, priority: 0, edge: intid < 16 || intid >= FIRST_LPI, line: false, latch: false,
  active: false, activeOn: NOBODY,
});

export const isPending = (irq: Interrupt): boolean => irq.latch || (!irq.edge && irq.line);
export const ownerOf = (irq: Interrupt): number => (irq.active ? irq.activeOn : irq.target);
