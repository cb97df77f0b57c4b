/** Where things are on the board, as on QEMU's `virt`, which guests' software is made for. */

export const RAM_BASE = 0x4000_0000;

/** Two banks of flash, where there is firmware: its code, from which the first CPU starts, and its variables. */
export const FLASH = { base: 0, bankBytes: 0x400_0000 } as const;

export const GIC_DISTRIBUTOR = { base: 0x0800_0000, size: 0x10000 } as const;
export const GIC_ITS = { base: 0x0808_0000, size: 0x20000 } as const;
/** Room for the redistributors of 123 CPUs. */
export const GIC_REDISTRIBUTORS = { base: 0x080a_0000, size: 0xf6_0000 } as const;
/** `spi` is the number of its shared peripheral interrupt; the INTID is 32 more. */
export const UART = { base: 0x0900_0000, size: 0x1000, spi: 1 } as const;
export const RTC = { base: 0x0901_0000, size: 0x1000, spi: 2 } as const;
/** Where there is firmware, which is told by it what else there is. */
export const FW_CFG = { base: 0x0902_0000, size: 0x18 } as const;
export const GPIO = { base: 0x0903_0000, size: 0x1000, spi: 7 } as const;
export const POWER_BUTTON_PIN = 3, RESTART_BUTTON_PIN = 4;
export const VIRTIO_SLOTS = 32;
export const virtioSlot = (slot: number) => ({ base: 0x0a00_0000 + 0x200 * slot, size: 0x200, spi: 16 + slot });
/** Its wires are `spi` and the three after it: events, PRI, CMD_SYNC, errors. */
export const SMMU = { base: 0x0905_0000, size: 0x20000, spi: 74 } as const;
/** The Generic Watchdog's frames, of control and of refresh, each in 64 KiB of its own. */
export const WATCHDOG = { control: { base: 0x090e_0000, size: 0x1000 }, refresh: { base: 0x090f_0000, size: 0x1000 }, spi: 78 } as const;
export const PCI_WINDOW = { base: 0x1000_0000, size: 0x2eff_0000 } as const;
/** Nothing has ports; but firmware wants a window for them. */
export const PCI_IO = { base: 0x3eff_0000, size: 0x1_0000 } as const;
/** Configuration space of buses 0 to 15. */
export const PCI_ECAM = { base: 0x3f00_0000, size: 0x100_0000 } as const;
/** Where devices store their messages to the ITS. */
export const GITS_TRANSLATER = GIC_ITS.base + 0x1_0040;

/** INTIDs of private peripheral interrupts (BSA 1.0, table 5). */
export const PPI = { pmu: 23, maintenance: 25, hypervisorTimer: 26, virtualTimer: 27, secureTimer: 29, physicalTimer: 30 } as const;
