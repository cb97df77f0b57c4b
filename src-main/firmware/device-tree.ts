/** The device tree of the board, with the nodes and names that QEMU's `virt` has. */
import { FLASH, FW_CFG, GIC_DISTRIBUTOR, GIC_ITS, GIC_REDISTRIBUTORS, GPIO, PCI_ECAM, PCI_IO, PCI_WINDOW, POWER_BUTTON_PIN, PPI, RAM_BASE, RESTART_BUTTON_PIN, RTC, SMMU, UART, virtioSlot, WATCHDOG } from './board-map.ts';
import { cells64, flatten, type FdtNode } from './fdt.ts';

/** Pixels of 32 bits, little-endian 0xXXRRGGBB, in rows from `base`. */
export interface FramebufferPlace { readonly base: number; readonly width: number; readonly height: number; readonly strideBytes: number }

export interface DeviceTreeOptions {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Virtio-mmio slots that hold a device. */
  readonly virtioSlots: readonly number[];
  readonly bootargs?: string;
  /** Guest addresses of the first byte and of the one after the last. */
  readonly initrd?: { readonly start: number; readonly end: number };
  /** Entropy for the guest's first random numbers. */
  readonly rngSeed?: Uint8Array;
  /** The virtual counter and timer are hidden: for a guest whose time is scaled. */
  readonly virtualTimerHidden?: boolean;
  /** Whether the CPUs have a PMU. */
  readonly pmu?: boolean;
  /** Whether there is PCI Express, and an SMMU between it and memory. */
  readonly pci?: { readonly iommu: boolean };
  /** RAM after `memoryBytes` that is shown. */
  readonly framebuffer?: FramebufferPlace;
  /** Sizes of the banks of flash. */
  readonly flash?: readonly number[];
  /** Whether there is a watchdog. */
  readonly watchdog?: boolean;
}

const CLOCK = 1, GIC = 2, ITS = 3, GPIO_PINS = 4, IOMMU = 5, FIRST_CPU = 0x10;

// Interrupt specifiers (arm,gic-v3 binding).
const SPI = 0, PPI_KIND = 1;
const EDGE_RISING = 1, LEVEL_HIGH = 4;
const spi = (number: number, flags: number) => [SPI, number, flags];
const ppi = (intid: number) => [PPI_KIND, intid - 16, LEVEL_HIGH];

// Linux' codes of keys.
const KEY_POWER = 116, KEY_RESTART = 408;

const reg = (...ranges: readonly { readonly base: number; readonly size: number }[]) =>
  ranges.flatMap(({ base, size }) => [...cells64(base), ...cells64(size)]);
const at = (name: string, { base }: { readonly base: number }) => `${name}@${base.toString(16)}`;

/** The blob to put into guest memory. */
export function deviceTree(options: DeviceTreeOptions): Uint8Array {
  return flatten({
    '#address-cells': [2], '#size-cells': [2],
    compatible: 'linux,dummy-virt', model: 'linux,dummy-virt', 'interrupt-parent': [GIC],
    chosen: chosen(options),
    [`memory@${RAM_BASE.toString(16)}`]: { device_type: 'memory', reg: reg({ base: RAM_BASE, size: options.memoryBytes }) },
    cpus: cpus(options.cpus),
    psci: {
      compatible: ['arm,psci-1.0', 'arm,psci-0.2', 'arm,psci'], method: 'hvc',
      cpu_suspend: [0xc400_0001], cpu_off: [0x8400_0002], cpu_on: [0xc400_0003], migrate: [0xc400_0005],
    },
    timer: {
      compatible: ['arm,armv8-timer', 'arm,armv7-timer'], 'always-on': true,
      ...(options.virtualTimerHidden
        ? { 'interrupt-names': ['sec-phys', 'phys'], interrupts: [PPI.secureTimer, PPI.physicalTimer].flatMap(ppi) }
        : { interrupts: [PPI.secureTimer, PPI.physicalTimer, PPI.virtualTimer, PPI.hypervisorTimer].flatMap(ppi) }),
    },
    ...(options.pmu ? { pmu: { compatible: 'arm,armv8-pmuv3', interrupts: ppi(PPI.pmu) } } : {}),
    'apb-pclk': { compatible: 'fixed-clock', '#clock-cells': [0], 'clock-frequency': [24_000_000], 'clock-output-names': 'clk24mhz', phandle: [CLOCK] },
    [at('intc', GIC_DISTRIBUTOR)]: interruptController(),
    ...peripherals(),
    ...(options.flash ? { [at('flash', FLASH)]: flash(options.flash), [at('fw-cfg', FW_CFG)]: { compatible: 'qemu,fw-cfg-mmio', reg: reg(FW_CFG), 'dma-coherent': true } } : {}),
    ...(options.watchdog ? { [at('watchdog', WATCHDOG.control)]: { compatible: 'arm,sbsa-gwdt', reg: reg(WATCHDOG.control, WATCHDOG.refresh), interrupts: spi(WATCHDOG.spi, LEVEL_HIGH) } } : {}),
    ...(options.pci?.iommu ? { [at('smmuv3', SMMU)]: smmu() } : {}),
    ...(options.pci ? { [at('pcie', PCI_ECAM)]: pcie(options.pci.iommu) } : {}),
    ...Object.fromEntries([...options.virtioSlots].sort((a, b) => a - b).map(virtio)),
  });
}

function chosen({ bootargs, initrd, rngSeed, framebuffer }: DeviceTreeOptions): FdtNode {
  return {
    'stdout-path': `/${at('pl011', UART)}`,
    ...(bootargs === undefined ? {} : { bootargs }),
    ...(initrd === undefined ? {} : { 'linux,initrd-start': cells64(initrd.start), 'linux,initrd-end': cells64(initrd.end) }),
    ...(rngSeed === undefined ? {} : { 'rng-seed': rngSeed }),
    ...(framebuffer === undefined ? {} : { '#address-cells': [2], '#size-cells': [2], ranges: true, [at('framebuffer', framebuffer)]: simpleFramebuffer(framebuffer) }),
  };
}

function simpleFramebuffer({ base, width, height, strideBytes }: FramebufferPlace): FdtNode {
  return { compatible: 'simple-framebuffer', reg: reg({ base, size: strideBytes * height }), width: [width], height: [height], stride: [strideBytes], format: 'x8r8g8b8' };
}

function cpus(count: number): FdtNode {
  const numbers = Array.from({ length: count }, (_, cpu) => cpu);
  const cores = numbers.map((cpu) => [`core${cpu}`, { cpu: [FIRST_CPU + cpu] }] as const);
  const nodes = numbers.map((cpu) => [
    `cpu@${cpu.toString(16)}`,
    { device_type: 'cpu', compatible: 'arm,armv8', reg: [cpu], 'enable-method': 'psci', phandle: [FIRST_CPU + cpu] },
  ] as const);
  return { '#address-cells': [1], '#size-cells': [0], 'cpu-map': { socket0: { cluster0: Object.fromEntries(cores) } }, ...Object.fromEntries(nodes) };
}

function interruptController(): FdtNode {
  return {
    compatible: 'arm,gic-v3', 'interrupt-controller': true, '#interrupt-cells': [3],
    reg: reg(GIC_DISTRIBUTOR, GIC_REDISTRIBUTORS), '#redistributor-regions': [1],
    '#address-cells': [2], '#size-cells': [2], ranges: true, phandle: [GIC],
    [at('its', GIC_ITS)]: { compatible: 'arm,gic-v3-its', 'msi-controller': true, '#msi-cells': [1], reg: reg(GIC_ITS), phandle: [ITS] },
  };
}

function peripherals(): FdtNode {
  const primecell = (name: string, { base, size, spi: number }: typeof UART | typeof RTC | typeof GPIO): FdtNode =>
    ({ compatible: [`arm,${name}`, 'arm,primecell'], reg: reg({ base, size }), interrupts: spi(number, LEVEL_HIGH) });
  const clock: FdtNode = { clocks: [CLOCK], 'clock-names': 'apb_pclk' };
  return {
    [at('pl011', UART)]: { ...primecell('pl011', UART), clocks: [CLOCK, CLOCK], 'clock-names': ['uartclk', 'apb_pclk'] },
    [at('pl031', RTC)]: { ...primecell('pl031', RTC), ...clock },
    [at('pl061', GPIO)]: { ...primecell('pl061', GPIO), ...clock, 'gpio-controller': true, '#gpio-cells': [2], phandle: [GPIO_PINS] },
    'gpio-keys': {
      compatible: 'gpio-keys',
      poweroff: { label: 'GPIO Key Poweroff', 'linux,code': [KEY_POWER], gpios: [GPIO_PINS, POWER_BUTTON_PIN, 0] },
      restart: { label: 'GPIO Key Restart', 'linux,code': [KEY_RESTART], gpios: [GPIO_PINS, RESTART_BUTTON_PIN, 0] },
    },
  };
}

function flash(sizes: readonly number[]): FdtNode {
  return { compatible: 'cfi-flash', reg: reg(...sizes.map((size, bank) => ({ base: FLASH.base + bank * FLASH.bankBytes, size }))), 'bank-width': [4] };
}

function smmu(): FdtNode {
  return {
    compatible: 'arm,smmu-v3', reg: reg(SMMU), interrupts: [0, 1, 2, 3].flatMap((wire) => spi(SMMU.spi + wire, EDGE_RISING)),
    'interrupt-names': ['eventq', 'priq', 'cmdq-sync', 'gerror'], 'dma-coherent': true, '#iommu-cells': [1], phandle: [IOMMU],
  };
}

/** Requester ids are stream ids and device ids. */
function pcie(iommu: boolean): FdtNode {
  const io = 0x0100_0000, memory32 = 0x0200_0000, ids = 0x10000;
  return {
    compatible: 'pci-host-ecam-generic', device_type: 'pci', '#address-cells': [3], '#size-cells': [2], reg: reg(PCI_ECAM),
    ranges: [io, ...cells64(0), ...cells64(PCI_IO.base), ...cells64(PCI_IO.size), memory32, ...cells64(PCI_WINDOW.base), ...cells64(PCI_WINDOW.base), ...cells64(PCI_WINDOW.size)],
    'bus-range': [0, PCI_ECAM.size / 2 ** 20 - 1], 'linux,pci-domain': [0], 'dma-coherent': true, 'msi-map': [0, ITS, 0, ids],
    ...(iommu ? { 'iommu-map': [0, IOMMU, 0, ids] } : {}),
  };
}

function virtio(slot: number): readonly [string, FdtNode] {
  const device = virtioSlot(slot);
  return [at('virtio_mmio', device), { compatible: 'virtio,mmio', reg: reg(device), interrupts: spi(device.spi, EDGE_RISING), 'dma-coherent': true }];
}
