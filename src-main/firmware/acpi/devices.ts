/**
 * The DSDT (ACPI 6.5, 5.2.11.1): which nodes are devices, under which names and ids, with their registers, interrupts and properties. A device that has an ACPI
 * id of its own gets that; any other gets PRP0001, with which Linux finds its driver by `compatible` (Linux, firmware-guide/acpi/enumeration).
 */
import { say, type Said } from '../../../shared/base/phrase.ts';
import type { TreeNode } from '../fdt-reader.ts';
import { device, eisaId, integer, method, named, notify, path, scope, text, type Aml } from './aml.ts';
import type { DeviceTree } from './device-tree.ts';
import type { Explanations } from './explanation.ts';
import { concat } from '../little-endian.ts';
import { bridge, type RootComplex } from './pci.ts';
import type { Processor } from './processors.ts';
import { powerKeys, type PowerKey } from './power-button.ts';
import { propertiesOf } from './properties.ts';
import { gpioInterrupt, i2cBus, interrupt, memory, resources, spiBus, type Descriptor } from './resources.ts';
import { table, type AcpiTable } from './table.ts';

export interface AcpiDevice { readonly node: TreeNode; readonly path: string }

interface Identity { readonly id: string; readonly prefix: string; readonly hasProperties?: true }
/** `id` is what drivers look for: those of Arm's devices are in DEN 0093, others in the drivers and in Linux' documentation. */
const IDENTITIES: Readonly<Record<string, Identity>> = {
  'arm,pl011': { id: 'ARMH0011', prefix: 'COM' }, 'arm,sbsa-uart': { id: 'ARMH0011', prefix: 'COM' }, 'arm,pl061': { id: 'ARMH0061', prefix: 'GPI' }, 'arm,pl330': { id: 'ARMH0330', prefix: 'DMA' },
  'virtio,mmio': { id: 'LNRO0005', prefix: 'VR' }, 'qemu,fw-cfg-mmio': { id: 'QEMU0002', prefix: 'FWCF' },
  'ns16550a': { id: 'PNP0501', prefix: 'COM', hasProperties: true }, 'ns16550': { id: 'PNP0501', prefix: 'COM', hasProperties: true }, 'snps,dw-apb-uart': { id: 'APMC0D08', prefix: 'COM', hasProperties: true },
  'generic-xhci': { id: 'PNP0D10', prefix: 'XHC', hasProperties: true }, 'generic-ehci': { id: 'PNP0D20', prefix: 'EHC', hasProperties: true },
};
const PRP0001: Identity = { id: 'PRP0001', prefix: 'DEV', hasProperties: true };
const BUSES = ['simple-bus', 'simple-mfd', 'simple-pm-bus', 'arm,amba-bus', 'isa'];

/** Nodes that no table has a place for. */
const NO_PLACE: readonly { readonly is: (node: TreeNode) => boolean; readonly why: Said }[] = [
  { is: node => node.isCompatible('fixed-clock', 'fixed-factor-clock', 'gpio-gate-clock', 'gpio-mux-clock', 'pwm-clock'), why: say`ACPI has no clocks: firmware leaves them running.` },
  { is: node => node.compatible.some(each => each.startsWith('regulator-')), why: say`ACPI has no regulators: firmware leaves them on.` },
  { is: node => node.isCompatible('arm,pl031'), why: say`The date is kept by firmware, which has functions for it (EFI runtime services); the clock’s driver is on AMBA and does not bind through PRP0001.` },
  { is: node => node.isCompatible('simple-framebuffer'), why: say`Firmware hands its picture over itself (EFI GOP).` },
  { is: node => node.isCompatible('cfi-flash'), why: say`It is firmware’s own flash, which keeps its variables.` },
  { is: node => node.isCompatible('arm,smmu-v1', 'arm,smmu-v2', 'arm,mmu-400', 'arm,mmu-401', 'arm,mmu-500', 'nvidia,smmu-500', 'qcom,adreno-smmu'), why: say`SMMUs before version 3 are not converted: what is behind one uses addresses as firmware left them.` },
  { is: node => node.isCompatible('arm,primecell') && identityOf(node) === undefined, why: say`It is on AMBA, whose drivers Linux does not bind through PRP0001.` },
  { is: node => node.text('device_type') === 'pci', why: say`Its configuration space is not ECAM, the only one that MCFG can tell.` },
  { is: node => node.isCompatible('syscon') && node.compatible.length === 1, why: say`It only has registers that other devices use by phandles, which ACPI does not have.` },
  { is: node => node.has('interrupt-controller') && !node.has('gpio-controller') && node.children.length === 0 && identityOf(node) === undefined, why: say`It passes interrupts on: ACPI cannot tell controllers between devices and the GIC.` },
  { is: node => node.isCompatible('operating-points-v2') || node.compatible.some(each => each.startsWith('operating-points')), why: say`Operating points are not told: frequencies stay as firmware set them.` },
];

/** Nodes that are not devices, by their names in the root. */
const ROOT_NODES: Readonly<Record<string, Said>> = {
  chosen: say`It speaks to boot loaders; a command line comes from the boot loader itself.`, aliases: say`Names of other nodes: ACPI has its own.`, memory: say`Memory is told by firmware’s own map (EFI).`,
  'reserved-memory': say`Memory is told by firmware’s own map (EFI).`, __symbols__: say`Names for overlays, of which nothing is left to do.`, __fixups__: say`What is left to be done to an overlay.`, __local_fixups__: say`What is left to be done to an overlay.`,
  'thermal-zones': say`Thermal zones are not converted: temperatures are firmware’s own.`, options: say`It speaks to boot loaders.`,
};

const identityOf = (node: TreeNode): Identity | undefined => node.compatible.map(each => (Object.hasOwn(IDENTITIES, each) ? IDENTITIES[each] : undefined)).find(each => each !== undefined);

type BusKind = 'memory' | 'i2c' | 'spi';
interface Planned extends AcpiDevice { readonly name: string; readonly identity: Identity; readonly bus: BusKind; readonly uid: number; readonly power: readonly PowerKey[] }

export interface DsdtInputs { readonly processors: readonly Processor[]; readonly complexes: readonly RootComplex[]; readonly explain: Explanations }

export class Dsdt {
  private readonly tree: DeviceTree;
  private readonly inputs: DsdtInputs;
  private readonly planned: Planned[] = [];
  private readonly devicesOf = new Set<TreeNode>();
  private readonly paths = new Map<TreeNode, string>();
  private readonly names = new Set<string>();
  private readonly counts = new Map<string, number>();

  constructor(tree: DeviceTree, inputs: DsdtInputs) {
    this.tree = tree;
    this.inputs = inputs;
    for (const { node } of inputs.processors) this.nameOf(node, 'C');
    for (const { node } of inputs.complexes) this.nameOf(node, 'PCI');
    this.planAll(tree.root, 'memory');
  }

  /** All devices that the tree itself describes, but for CPUs and root complexes. */
  get devices(): readonly AcpiDevice[] { return this.planned; }
  readonly pathOf = (node: TreeNode): string | undefined => this.paths.get(node);

  table(): AcpiTable {
    const { processors, complexes, explain } = this.inputs, keys = this.planned.flatMap(({ power }) => power);
    const body = [
      ...processors.map(({ node, uid }) => {
        explain.became(node, this.became(node, 'ACPI0007'));
        return device(this.ownName(node), named('_HID', text('ACPI0007')), named('_UID', integer(uid)));
      }),
      ...complexes.map(complex => {
        explain.became(complex.node, this.became(complex.node, 'PNP0A08'));
        return bridge(this.tree, complex, this.ownName(complex.node), explain);
      }),
      ...(keys.length > 0 ? [device('PWRB', named('_HID', eisaId('PNP0C0C')), named('_UID', integer(0)))] : []),
      ...this.planned.map(planned => this.write(planned, keys)).filter(each => each !== undefined),
    ];
    return table('DSDT', 2, scope('\\_SB', concat(body)));
  }

  private became(node: TreeNode, id: string) { return { table: 'DSDT', object: this.paths.get(node) ?? '', id }; }
  private ownName(node: TreeNode): string { return (this.paths.get(node) ?? '').slice('\\_SB.'.length); }

  private nameOf(node: TreeNode, prefix: string): string {
    let name, count = this.counts.get(prefix) ?? 0;
    do {
      const digits = (count++).toString(36).toUpperCase().padStart(prefix.length < 3 ? 4 - prefix.length : 0, '0');
      name = prefix.slice(0, 4 - digits.length) + (prefix.length === 4 && count === 1 ? prefix.slice(3) : digits);
    } while (this.names.has(name));
    this.counts.set(prefix, count);
    this.names.add(name);
    this.paths.set(node, `\\_SB.${name}`);
    return name;
  }

  private planAll(bus: TreeNode, kind: BusKind): void { for (const node of bus.children) this.plan(node, kind); }

  private plan(node: TreeNode, bus: BusKind): void {
    const { explain } = this.inputs, { tree } = this;
    if (node.isDisabled && node.parent?.name !== 'cpus') return this.disable(node);
    if (this.paths.has(node) || explain.isSaid(node)) return this.planBelow(node);
    const atRoot = node.parent === tree.root && Object.hasOwn(ROOT_NODES, node.kind) ? ROOT_NODES[node.kind] : undefined;
    if (atRoot !== undefined) return this.leave(node, atRoot);
    if (node.parent === tree.root && node.name === 'cpus') return this.planCpus(node);
    if (node.compatible.length === 0) return this.planNameless(node, bus);
    const noPlace = NO_PLACE.find(({ is }) => is(node));
    if (noPlace !== undefined) return this.leave(node, noPlace.why);
    if (isPlainBus(node)) {
      explain.fate(node, 'structure');
      return this.planAll(node, 'memory');
    }
    this.planDevice(node, bus);
  }

  private planDevice(node: TreeNode, bus: BusKind): void {
    const identity = identityOf(node) ?? PRP0001, power = powerKeys(this.tree, node), name = this.nameOf(node, identity.prefix);
    this.devicesOf.add(node);
    this.planned.push({ node, path: `\\_SB.${name}`, name, identity, bus, uid: this.counts.get(identity.prefix)! - 1, power });
    this.planBelow(node);
  }

  /** Devices on a bus that the device drives, or on the same bus where the device only groups others. */
  private planBelow(node: TreeNode): void {
    const below = busBelow(node);
    if (below !== undefined) this.planAll(node, below);
    else if (node.isCompatible(...BUSES)) this.planAll(node, 'memory');
    else if (!this.devicesOf.has(node)) for (const child of node.children) this.withTable(child);
  }

  /** Below a node that a table other than the DSDT has. */
  private withTable(node: TreeNode): void {
    if (node.isDisabled) this.disable(node);
    else if (!this.inputs.explain.isSaid(node)) this.leave(node, say`It belongs to a node whose tables have no place for it.`);
    else for (const child of node.children) this.withTable(child);
  }

  private planCpus(cpus: TreeNode): void {
    const { explain } = this.inputs;
    explain.fate(cpus, 'structure');
    for (const node of cpus.children) for (const child of node.children) if (this.paths.has(node)) this.withTable(child);
    for (const node of cpus.children) if (node.name !== 'cpu-map' && !explain.isSaid(node) && !this.paths.has(node)) this.leave(node, say`Idle states are not converted: CPUs wait in the way that they always can (WFI).`);
  }

  private planNameless(node: TreeNode, bus: BusKind): void {
    const isBus = node.has('ranges') || node.children.some(({ compatible }) => compatible.length > 0);
    this.inputs.explain.fate(node, isBus ? 'structure' : 'left-out', ...(isBus ? [] : [say`It names no device (compatible).`]));
    if (isBus) this.planAll(node, bus);
    else for (const child of node.children) this.leave(child, say`It belongs to a node that is left out.`);
  }

  private leave(node: TreeNode, why: Said): void {
    this.inputs.explain.fate(node, 'left-out', why);
    for (const child of node.children) this.leave(child, say`It belongs to a node that is left out.`);
  }

  private disable(node: TreeNode): void {
    this.inputs.explain.fate(node, 'disabled', say`Its status is ${node.text('status') ?? ''}.`);
    for (const child of node.children) this.disable(child);
  }

  private write(planned: Planned, keys: readonly PowerKey[]): Aml | undefined {
    const { node, name, identity, uid, power } = planned, { explain } = this.inputs, { descriptors, notes } = this.crs(planned), isPower = new Set(power.map(({ node: key }) => key));
    for (const key of isPower) explain.became(key, { table: 'DSDT', object: '\\_SB.PWRB', id: 'PNP0C0C' });
    // Nothing is left of keys that are the power button, which is told by its own device.
    if (isPower.size > 0 && node.children.every(child => isPower.has(child))) {
      explain.became(node, { table: 'DSDT', object: '\\_SB.PWRB', id: 'PNP0C0C' });
      return undefined;
    }
    const properties = identity.hasProperties && propertiesOf(node, { tree: this.tree, device: planned.path, pathOf: this.pathOf, extra: this.clockOf(node), isElsewhere: child => this.paths.has(child) || isPower.has(child) });
    explain.became(node, this.became(node, identity.id));
    explain.note(node, ...notes, ...(properties ? properties.notes : []));
    for (const below of properties ? properties.nodes : []) explain.partOf(below, this.became(node, identity.id));
    for (const child of node.children) this.partsOf(child, node, identity.id);
    // GPIO pins that properties refer to by number come first.
    const all = [...properties ? properties.descriptors : [], ...descriptors];
    return device(name,
      named('_HID', /^PNP/.test(identity.id) ? eisaId(identity.id) : text(identity.id)), named('_UID', integer(uid)), ...(planned.bus === 'memory' ? [named('_CCA', integer(Number(this.tree.isCoherent(node))))] : []),
      ...(all.length > 0 ? [named('_CRS', resources(all))] : []), ...(properties ? properties.objects : []), ...this.events(node, keys));
  }

  private partsOf(child: TreeNode, of: TreeNode, id: string): void {
    if (this.paths.has(child)) return;
    if (child.isDisabled) { this.disable(child); return; }
    this.inputs.explain.partOf(child, ...(this.inputs.explain.isSaid(child) ? [] : [this.became(of, id)]));
    for (const below of child.children) this.partsOf(below, of, id);
  }

  /** What a GPIO controller tells the OS by itself (ACPI 6.5, 5.6.5.3). */
  private events(node: TreeNode, keys: readonly PowerKey[]): readonly Aml[] {
    const own = keys.filter(({ controller }) => controller === node), source = this.paths.get(node)!;
    if (own.length === 0) return [];
    return [named('_AEI', resources(own.map(({ pin, isLow }) => gpioInterrupt({ source, pin }, { isEdge: true, isLow })))), ...own.map(({ pin }) => method(`_E${pin.toString(16).toUpperCase().padStart(2, '0')}`, 0, notify(path('\\_SB.PWRB'), 0x80)))];
  }

  private crs({ node, bus }: Planned): { readonly descriptors: readonly Descriptor[]; readonly notes: readonly Said[] } {
    const { tree } = this, registers = bus === 'memory' ? tree.registers(node) : { found: [], problems: [] }, interrupts = tree.interrupts(node), problems: Said[] = [...registers.problems, ...interrupts.problems];
    const wires = interrupts.found.flatMap(each => {
      if (each.kind === 'gsi') return [interrupt(each.gsi, each)];
      const source = this.paths.get(each.controller);
      if (source === undefined || each.pin > 0xffff) { problems.push(say`One of its interrupts is a pin of ${each.controller.path}, which is not told.`); return []; }
      return [gpioInterrupt({ source, pin: each.pin }, each)];
    });
    return { descriptors: [...this.serial(node, bus), ...registers.found.map(({ base, size }) => memory(base, size)), ...wires], notes: problems };
  }

  private serial(node: TreeNode, bus: BusKind): readonly Descriptor[] {
    const source = node.parent && this.paths.get(node.parent), [address = 0] = node.cells('reg'), controller = node.parent;
    if (bus === 'memory' || source === undefined) return [];
    if (bus === 'i2c') return [i2cBus(address & 0x3ff, controller?.cell('clock-frequency') ?? 100_000, source)];
    return [spiBus({
      hertz: node.cell('spi-max-frequency') ?? 1_000_000, phase: node.has('spi-cpha'), polarity: node.has('spi-cpol'), select: address & 0xffff, highSelect: node.has('spi-cs-high'), threeWire: node.has('spi-3wire'),
    }, source)];
  }

  /** Where its first clock is a fixed one, drivers take its frequency as a property. */
  private clockOf(node: TreeNode): ReadonlyMap<string, number> | undefined {
    const clock = this.tree.target(node.cell('clocks')), frequency = clock?.isCompatible('fixed-clock') ? clock.cell('clock-frequency') : undefined;
    return frequency === undefined || node.has('clock-frequency') ? undefined : new Map([['clock-frequency', frequency]]);
  }
}

/** Only groups other devices: nothing is said of it but that it is a bus. */
const isPlainBus = (node: TreeNode): boolean => node.isCompatible('simple-bus', 'simple-pm-bus', 'arm,amba-bus', 'isa') && !node.compatible.some(each => !BUSES.includes(each)) || node.isCompatible('simple-bus');

function busBelow(node: TreeNode): BusKind | undefined {
  if (node.cell('#address-cells') !== 1 || node.cell('#size-cells') !== 0) return undefined;
  return /^i2c/.test(node.kind) ? 'i2c' : /^spi$/.test(node.kind) ? 'spi' : undefined;
}
