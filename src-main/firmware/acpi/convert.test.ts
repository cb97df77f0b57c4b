import { describe, expect, test } from 'vitest';
import type { NodeExplanation } from '../../../shared/model/firmware-tables.ts';
import { deviceTree, type DeviceTreeOptions } from '../device-tree.ts';
import { flatten, type FdtNode } from '../fdt.ts';
import { acpiTables } from './convert.ts';
import { recompiled } from './iasl.ts';
import type { AcpiTable } from './table.ts';

const OWN: DeviceTreeOptions = { cpus: 2, memoryBytes: 2 ** 30, virtioSlots: [0, 1], pmu: true, pci: { iommu: true }, flash: [2 ** 21, 2 ** 20] };
const BOARDS: readonly (readonly [string, DeviceTreeOptions])[] = [
  ...[1, 2, 3, 4, 5, 6, 7, 8].map(cpus => [`${cpus} CPUs`, { ...OWN, cpus }] as const),
  ['no SMMU', { ...OWN, pci: { iommu: false } }], ['no PCI', { cpus: 1, memoryBytes: 2 ** 27, virtioSlots: [] }], ['32 virtio slots', { ...OWN, virtioSlots: Array.from({ length: 32 }, (_, n) => n) }],
  ['a framebuffer', { ...OWN, framebuffer: { base: 0x7fc0_0000, width: 1000, height: 600, strideBytes: 4000 } }], ['a hidden timer', { ...OWN, virtualTimerHidden: true }], ['no firmware', { cpus: 1, memoryBytes: 2 ** 30, virtioSlots: [0], pci: { iommu: true } }],
];

const GIC = 1, ITS = 2, IOMMU = 3, PINS = 4, CLOCK = 5, I2C = 6;
/** Much that boards have, and that ours does not. */
const OTHER: FdtNode = {
  '#address-cells': [2], '#size-cells': [2], 'interrupt-parent': [GIC], compatible: 'maker,board',
  aliases: { serial0: '/soc/serial@1000' }, chosen: { 'stdout-path': 'serial0:115200n8' },
  cpus: {
    '#address-cells': [2], '#size-cells': [0],
    'cpu-map': { socket0: { cluster0: { core0: { cpu: [0x10] }, core1: { cpu: [0x11] } } } },
    'cpu@0': { device_type: 'cpu', reg: [0, 0], 'enable-method': 'psci', phandle: [0x10], 'next-level-cache': [0x20], 'd-cache-size': [0x8000], 'd-cache-sets': [128], 'd-cache-line-size': [64], 'i-cache-size': [0xc000], 'capacity-dmips-mhz': [500] },
    'cpu@100000100': { device_type: 'cpu', reg: [1, 0x100], 'enable-method': 'spin-table', phandle: [0x11], 'next-level-cache': [0x20], 'd-cache-size': [0x8000], 'capacity-dmips-mhz': [1000] },
    'cpu@200': { device_type: 'cpu', reg: [0, 0x200], status: 'disabled' }, 'cpu@300': { device_type: 'cpu' },
    'l2-cache': { compatible: 'cache', 'cache-size': [0x10_0000], 'cache-unified': true, phandle: [0x20] },
  },
  timer: { compatible: 'arm,armv8-timer', interrupts: [1, 13, 8, 1, 14, 8, 1, 11, 8, 1, 10, 8] },
  'watchdog@2a440000': { compatible: 'arm,sbsa-gwdt', reg: [0, 0x2a44_0000, 0, 0x1000, 0, 0x2a45_0000, 0, 0x1000], interrupts: [0, 27, 4] },
  'timer@2a810000': { compatible: 'arm,armv7-timer-mem', '#address-cells': [1], '#size-cells': [1], ranges: [0, 0, 0x2a80_0000, 0x10_0000], reg: [0, 0x2a81_0000, 0, 0x1000], 'frame@30000': { reg: [0x30000, 0x1000], 'frame-number': [1], interrupts: [0, 60, 4] } },
  'gic@2f000000': {
    compatible: 'arm,gic-v3', 'interrupt-controller': true, '#interrupt-cells': [3], '#address-cells': [2], '#size-cells': [2], ranges: true, reg: [0, 0x2f00_0000, 0, 0x10000, 0, 0x2f10_0000, 0, 0x20_0000], phandle: [GIC],
    'its@2f020000': { compatible: 'arm,gic-v3-its', reg: [0, 0x2f02_0000, 0, 0x20000], phandle: [ITS] },
  },
  'smmu@2b400000': { compatible: 'arm,smmu-v3', reg: [0, 0x2b40_0000, 0, 0x20000], 'interrupt-names': ['eventq', 'gerror'], interrupts: [0, 74, 1, 0, 79, 1], phandle: [IOMMU], '#iommu-cells': [1], 'msi-parent': [ITS] },
  'pcie@40000000': {
    compatible: 'pci-host-ecam-generic', device_type: 'pci', '#address-cells': [3], '#size-cells': [2], '#interrupt-cells': [1], reg: [0, 0x4000_0000, 0, 0x1000_0000], 'bus-range': [16, 255],
    ranges: [0x0100_0000, 0, 0, 0, 0x5f80_0000, 0, 0x80_0000, 0x0200_0000, 0, 0x5000_0000, 0, 0x5000_0000, 0, 0x800_0000, 0x4300_0000, 8, 0, 8, 0, 1, 0],
    'interrupt-map-mask': [0, 0, 0, 7], 'interrupt-map': [1, 2, 3, 4].flatMap(pin => [0, 0, 0, pin, GIC, 0, 0, 0, 168 + pin, 4]), 'iommu-map': [0, IOMMU, 0x1000, 0x8000], 'msi-map': [0, ITS, 0, 0x10000],
  },
  osc: { compatible: 'fixed-clock', 'clock-frequency': [24_000_000], phandle: [CLOCK] },
  soc: {
    compatible: 'simple-bus', '#address-cells': [1], '#size-cells': [1], ranges: [0, 1, 0x1000_0000, 0x1000_0000],
    'serial@1000': { compatible: 'ns16550a', reg: [0x1000, 0x100], interrupts: [0, 5, 4], clocks: [CLOCK], 'reg-shift': [2], 'reg-io-width': [4] },
    'gpio@2000': { compatible: 'maker,gpio', reg: [0x2000, 0x100], 'gpio-controller': true, '#gpio-cells': [2], 'interrupt-controller': true, '#interrupt-cells': [2], interrupts: [0, 6, 4], phandle: [PINS] },
    'dma@3000': { compatible: 'maker,dma', reg: [0x3000, 0x100], 'dma-coherent': true, iommus: [IOMMU, 7], interrupts: [0, 8, 1], 'maker,names': ['one', 'two "quoted" \\ backslash'], 'maker,bytes': Uint8Array.of(1, 2, 3), 'maker,cells': [1, 2, 0xffff_ffff], 'reset-gpios': [PINS, 3, 1], clocks: [CLOCK] },
    'i2c@4000': { compatible: 'maker,i2c', reg: [0x4000, 0x100], '#address-cells': [1], '#size-cells': [0], 'clock-frequency': [400_000], phandle: [I2C], 'rtc@68': { compatible: 'maker,rtc', reg: [0x68], 'interrupt-parent': [PINS], interrupts: [4, 2] } },
    'spi@5000': { compatible: 'maker,spi', reg: [0x5000, 0x100], '#address-cells': [1], '#size-cells': [0], 'flash@0': { compatible: 'jedec,spi-nor', reg: [0], 'spi-max-frequency': [50_000_000], 'spi-cpha': true } },
    'amba@6000': { compatible: ['arm,pl999', 'arm,primecell'], reg: [0x6000, 0x1000] }, 'wrong@20000000': { compatible: 'maker,outside', reg: [0x2000_0000, 0x100], interrupts: [9, 9, 9] }, 'off@7000': { compatible: 'maker,off', status: 'disabled', below: {} },
    keys: { compatible: 'gpio-keys', back: { label: 'Back', 'linux,code': [158], gpios: [PINS, 5, 1] } },
  },
};

const converted = (tree: FdtNode | Uint8Array) => {
  const { tables, explanation } = acpiTables({ deviceTree: tree instanceof Uint8Array ? tree : flatten(tree) });
  if (explanation.kind !== 'converted') throw new Error('skipped');
  return { tables, root: explanation.root };
};
const find = (root: NodeExplanation, name: string): NodeExplanation | undefined => (root.name === name ? root : root.children.map(child => find(child, name)).find(each => each !== undefined));
const sourceOf = async (tables: readonly AcpiTable[], signature: string) => (await recompiled(tables.find(table => table.signature === signature)!)).source.replaceAll(/\[\w+h \d+ +\d+\]/g, '').replaceAll(/\s+/g, ' ');

test.each(BOARDS)('ACPICA\'s compiler takes our board\'s tables apart and puts the same together: %s', async (_, options) => {
  for (const table of converted(deviceTree(options)).tables) expect((await recompiled(table)).complaints).toEqual([]);
});

test('it does so with a board that has everything', async () => {
  for (const table of converted(OTHER).tables) expect((await recompiled(table)).complaints).toEqual([]);
});

test('what is in a table with a form of its own is there', async () => {
  const { tables } = converted(OTHER), seen = new Map(await Promise.all(tables.map(async ({ signature }) => [signature, await sourceOf(tables, signature)] as const)));
  const parts: Readonly<Record<string, readonly string[]>> = {
    APIC: ['MPIDR : 0000000100000100', 'Efficiency Class : 01', 'Processor Enabled : 0', 'Base Address : 000000002F000000', 'Base Address : 000000002F100000', 'Base Address : 000000002F020000'],
    GTDT: ['Virtual Timer Interrupt : 0000001B', 'Polarity : 1', 'Refresh Frame Address : 000000002A450000', 'Control Frame Address : 000000002A440000', 'Timer Interrupt : 0000003B', 'Block Address : 000000002A810000', 'Base Address : 000000002A830000'],
    SPCR: ['Interface Type : 01', 'Address : 0000000110001000', 'Interrupt : 00000025', 'Baud Rate : 07'], MCFG: ['Base Address : 000000003F000000', 'Start Bus Number : 10', 'End Bus Number : FF'],
    IORT: ['Event GSIV : 0000006A', 'GERR GSIV : 0000006F', 'ID Count : 00007FFF Output Base : 00001000', 'Input base : 00001000', 'Input base : 00008000', 'Device Name : "\\_SB.DEV1"', 'Output Base : 00000007'],
    PPTT: ['Size : 00008000', 'Size : 00100000', 'Number of Sets : 00000080', 'Private Resource Number : 00000002'],
  };
  for (const [signature, all] of Object.entries(parts)) for (const part of all) expect(seen.get(signature), `${signature}: ${part}`).toContain(part);
});

test('devices have their ids, registers, interrupts, buses and properties', async () => {
  const source = await sourceOf(converted(OTHER).tables, 'DSDT');
  for (const part of [
    'Name (_HID, EisaId ("PNP0501")', 'Package (0x02) { "clock-frequency", 0x016E3600 }', 'Name (_HID, "PRP0001")', 'Package (0x02) { "compatible", "maker,dma" }', '"two \\"quoted\\" \\\\ backslash"', '"maker,cells", Package (0x03) { One, 0x02, 0xFFFFFFFF }',
    '"maker,bytes", Package (0x03) { One, 0x02, 0x03 }', '"reset-gpios", Package (0x04) { \\_SB.DEV1, Zero, Zero, One }', 'GpioIo (Exclusive, PullNone, 0x0000, 0x0000, IoRestrictionNone, "\\\\_SB.DEV0"', '0x0000000110003000, // Range Minimum',
    'I2cSerialBusV2 (0x0068, ControllerInitiated, 0x00061A80', 'GpioInt (Edge, ActiveLow, Exclusive, PullDefault, 0x0000, "\\\\_SB.DEV0"', 'SpiSerialBusV2 (0x0000, PolarityLow, FourWireMode, 0x08, ControllerInitiated, 0x02FAF080, ClockPolarityLow, ClockPhaseSecond',
    'Package (0x02) { "back", "N000" }', '"linux,code", 0x9E', 'Package (0x04) { 0xFFFF, Zero, Zero, 0xC9 }', 'Package (0x04) { 0x001FFFFF, 0x03, Zero, 0xCC }', 'Prefetchable, ReadWrite, 0x0000000000000000, // Granularity 0x0000000800000000',
    '0x000000005F800000, // Translation Offset', '_BBN, 0x10)',
  ]) expect(source).toContain(part);
});

test('each node says what it became, or why not', () => {
  const { root } = converted(OTHER), told = (name: string) => {
    const { fate, became, notes } = find(root, name)!;
    return [fate, became.map(({ table, object, id }) => [table, object, id].filter(each => each !== undefined).join(' ')), notes.map(note => (typeof note === 'string' ? note : note.text))];
  };
  expect(told('cpu@0')).toEqual(['converted', ['APIC', 'PPTT', 'DSDT \\_SB.C000 ACPI0007'], []]);
  expect(told('cpu@100000100')[2]).toEqual(['It is turned on by {0}, which ACPI cannot tell.']);
  expect(told('cpu@300')).toEqual(['left-out', [], ['It has no number (reg).']]);
  expect(told('dma@3000')).toEqual(['converted', ['DSDT \\_SB.DEV1 PRP0001', 'IORT'], ['ACPI has no clocks: a driver that wants them does not start.']]);
  expect(told('amba@6000')).toEqual(['left-out', [], ['It is on AMBA, whose drivers Linux does not bind through PRP0001.']]);
  expect(told('wrong@20000000')[2]).toEqual(['Its address {0} is not one that CPUs see: a bus above it does not pass it on.', 'The GIC has no interrupt {0} of kind {1}.']);
  expect([told('off@7000')[0], told('below')[0], told('soc')[0], told('osc')[0], told('chosen')[0], told('back')[0]]).toEqual(['disabled', 'disabled', 'structure', 'left-out', 'part', 'part']);
});

test('our power key is ACPI\'s power button, and the SMMU is before the ITS', async () => {
  const { tables, root } = converted(deviceTree(OWN)), dsdt = await sourceOf(tables, 'DSDT');
  for (const part of ['Device (PWRB)', 'Name (_AEI', 'Method (_E03, 0, Serialized)', 'Notify (\\_SB.PWRB, 0x80)']) expect(dsdt).toContain(part);
  expect(dsdt).toContain('"linux,code", 0x0198');
  expect(find(root, 'poweroff')?.became).toEqual([{ table: 'DSDT', object: '\\_SB.PWRB', id: 'PNP0C0C' }]);
});

test('the same tree gives the same bytes, and every table\'s bytes sum to zero', () => {
  const blob = flatten(OTHER), once = converted(blob).tables;
  expect(converted(blob).tables).toEqual(once);
  for (const { bytes } of once) expect(bytes.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0);
});

test('a board\'s own tables stay as they are, and nothing is converted, not even a tree that is none', () => {
  const native = converted(deviceTree(OWN)).tables;
  const { tables, explanation } = acpiTables({ native, deviceTree: Uint8Array.of(1, 2, 3) });
  expect([tables, explanation]).toEqual([native, { kind: 'skipped', why: expect.objectContaining({ text: 'The board has ACPI tables of its own ({0}): its device tree is not converted.' }) as unknown }]);
});

describe('GICv2', () => {
  const tree: FdtNode = {
    '#address-cells': [1], '#size-cells': [1], 'interrupt-parent': [GIC], cpus: { '#address-cells': [1], '#size-cells': [0], 'cpu@0': { device_type: 'cpu', reg: [0] } },
    'gic@1000': {
      compatible: 'arm,gic-400', 'interrupt-controller': true, '#interrupt-cells': [3], '#address-cells': [1], '#size-cells': [1], ranges: true, phandle: [GIC], reg: [0x1000, 0x1000, 0x2000, 0x2000, 0x4000, 0x2000, 0x6000, 0x2000], interrupts: [1, 9, 4],
      'v2m@8000': { compatible: 'arm,gic-v2m-frame', reg: [0x8000, 0x1000], 'arm,msi-base-spi': [64], 'arm,msi-num-spis': [32] },
    },
  };
  test('CPU interfaces and message frames are in the MADT', async () => {
    const source = await sourceOf(converted(tree).tables, 'APIC');
    for (const part of ['Base Address : 0000000000002000', 'Virtual GIC Base Address : 0000000000006000', 'Hypervisor GIC Base Address : 0000000000004000', 'Virtual GIC Interrupt : 00000019', 'Version : 02', 'Generic MSI Frame', 'SPI Count : 0020', 'SPI Base : 0040']) expect(source).toContain(part);
  });
});
