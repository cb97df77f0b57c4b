/**
 * What a device tree means: phandles, addresses as CPUs see them, and interrupts at the GIC (Devicetree Specification 0.4, 2.3 and 2.4; Linux'
 * bindings of GICs and GPIOs). Addresses are bytes, as bigint of 64 bits. What a node says wrongly is a `problem` of that node, and no error; only a
 * tree whose look-ups have no end in sight is refused.
 */
import { EngineError } from '../../../shared/base/errors.ts';
import { say, type Phrase, type Said } from '../../../shared/base/phrase.ts';
import { readTree, type TreeNode } from '../fdt-reader.ts';

export interface Range { readonly base: bigint; readonly size: bigint }
/** A global system interrupt is the GIC's INTID. */
export type Interrupt =
  | { readonly kind: 'gsi'; readonly gsi: number; readonly isEdge: boolean; readonly isLow: boolean }
  | { readonly kind: 'gpio'; readonly controller: TreeNode; readonly pin: number; readonly isEdge: boolean; readonly isLow: boolean; readonly isBoth: boolean };
/** What could be read of a property, and what of it could not. */
export interface Found<T> { readonly found: readonly T[]; readonly problems: readonly Said[] }
/** One entry of `ranges`. `flags` is the first of three cells, on PCI. */
export interface BusRange { readonly flags: number; readonly child: bigint; readonly parent: bigint; readonly size: bigint }
export interface Specifier { readonly controller: TreeNode; readonly cells: readonly number[] }

export const GICV3 = ['arm,gic-v3'], GICV2 = ['arm,gic-400', 'arm,cortex-a15-gic', 'arm,cortex-a9-gic', 'arm,cortex-a7-gic', 'arm,gic-v2', 'qcom,msm-qgic2', 'arm,eb11mp-gic', 'arm,pl390'];
const GICS = [...GICV3, ...GICV2];
const LIMIT_64 = 2n ** 64n;
const MOST_CELLS = 4, MOST_RANGES = 512, MOST_REGIONS = 64, MOST_INTERRUPTS = 128, MOST_NEXUSES = 8;
/** Steps of look-ups. What a real board takes is a thousandth of it. */
const MOST_STEPS = 5e6;

// Trigger types in interrupt specifiers.
const FALLING = 2, BOTH = 3, LOW = 8;

export class DeviceTree {
  readonly root: TreeNode;
  /** Every node, each after its parent. */
  readonly nodes: readonly TreeNode[];
  private readonly byPhandle = new Map<number, TreeNode>();
  private readonly busRanges = new Map<TreeNode, readonly BusRange[] | undefined>();
  private steps = 0;

  constructor(blob: Uint8Array) {
    this.root = readTree(blob);
    const nodes = [this.root];
    for (const node of nodes) for (const child of node.children) nodes.push(child);
    this.nodes = nodes;
    for (const node of this.nodes) {
      const handle = node.cell('phandle') ?? node.cell('linux,phandle');
      if (handle !== undefined && !this.byPhandle.has(handle)) this.byPhandle.set(handle, node);
    }
  }

  target(phandle: number | undefined): TreeNode | undefined { return phandle === undefined ? undefined : this.byPhandle.get(phandle); }

  /** By a path, or by an alias for one. */
  find(path: string): TreeNode | undefined {
    const [first = '', ...rest] = path.split('/'), start = first === '' ? '' : this.root.child('aliases')?.text(first);
    if (start === undefined || start.startsWith('/') && first === '') return undefined;
    const names = [...start.split('/'), ...rest].filter(name => name !== '');
    return names.length > MOST_RANGES ? undefined : names.reduce<TreeNode | undefined>((node, name) => node?.child(name), this.root);
  }

  /** Enabled nodes that are compatible with one of these. */
  compatibleWith(...with_: readonly string[]): readonly TreeNode[] { return this.nodes.filter(node => node.isCompatible(...with_) && this.isEnabled(node)); }

  isEnabled(node: TreeNode): boolean {
    for (let each: TreeNode | undefined = node; each !== undefined; each = each.parent) if (each.isDisabled) return false;
    return true;
  }

  /** A device is, or its bus. */
  isCoherent(node: TreeNode): boolean {
    for (let each: TreeNode | undefined = node; each !== undefined; each = each.parent) {
      if (each.has('dma-noncoherent')) return false;
      if (each.has('dma-coherent')) return true;
    }
    return false;
  }

  cellsOf(bus: TreeNode | undefined, property: '#address-cells' | '#size-cells'): number { return bus?.cell(property) ?? (property === '#address-cells' ? 2 : 1); }

  /** The node's registers, as CPUs see them. */
  registers(node: TreeNode): Found<Range> {
    const found: Range[] = [], problems: Said[] = [], bus = node.parent, addressCells = this.cellsOf(bus, '#address-cells'), sizeCells = this.cellsOf(bus, '#size-cells');
    const cells = node.cells('reg'), each = addressCells + sizeCells;
    if (cells.length === 0) return { found, problems };
    if (addressCells > MOST_CELLS || sizeCells > MOST_CELLS || each === 0 || cells.length % each !== 0) return { found, problems: [say`Its registers (reg) do not have the lengths that its bus tells.`] };
    for (let at = 0; at < cells.length && at < each * MOST_REGIONS; at += each) {
      const size = numberOf(cells.slice(at + addressCells, at + each)), local = numberOf(cells.slice(at, at + addressCells)), base = this.translate(bus, local);
      if (base === undefined) problems.push(say`Its address ${hexOf(local)} is not one that CPUs see: a bus above it does not pass it on.`);
      else if (size === 0n) problems.push(say`At ${hexOf(base)} it has a register without a size.`);
      else if (base + size > LIMIT_64) problems.push(say`Its registers at ${hexOf(base)} end after the last address.`);
      else found.push({ base, size });
    }
    if (cells.length > each * MOST_REGIONS) problems.push(say`Of its registers only the first ${MOST_REGIONS} were looked at.`);
    return { found, problems };
  }

  /** What a bus's address is at the CPUs. */
  translate(bus: TreeNode | undefined, address: bigint): bigint | undefined {
    let at = address;
    for (let each = bus; each?.parent !== undefined; each = each.parent) {
      const ranges = this.rangesOf(each);
      this.spend(1 + (ranges?.length ?? 0));
      if (ranges === undefined) return undefined;
      if (ranges.length === 0) continue;
      const range = ranges.find(({ child, size }) => at >= child && at - child < size);
      if (range === undefined) return undefined;
      at = BigInt.asUintN(64, at - range.child + range.parent);
    }
    return at;
  }

  /** None for a bus whose addresses are its parent's own; undefined for one that has none of them. */
  rangesOf(bus: TreeNode): readonly BusRange[] | undefined {
    if (!this.busRanges.has(bus)) this.busRanges.set(bus, this.readRanges(bus));
    return this.busRanges.get(bus);
  }

  private readRanges(bus: TreeNode): readonly BusRange[] | undefined {
    if (!bus.has('ranges')) return undefined;
    const cells = bus.cells('ranges'), childCells = this.cellsOf(bus, '#address-cells'), parentCells = this.cellsOf(bus.parent, '#address-cells'), sizeCells = this.cellsOf(bus, '#size-cells'), each = childCells + parentCells + sizeCells;
    if (cells.length === 0) return [];
    if (each === 0 || [childCells, parentCells, sizeCells].some(count => count > MOST_CELLS)) return undefined;
    return Array.from({ length: Math.min(MOST_RANGES, Math.floor(cells.length / each)) }, (_, n) => {
      const entry = cells.slice(n * each, (n + 1) * each);
      return { flags: childCells === 3 ? entry[0]! : 0, child: numberOf(entry.slice(0, childCells)), parent: numberOf(entry.slice(childCells, childCells + parentCells)), size: numberOf(entry.slice(childCells + parentCells)) };
    });
  }

  interrupts(node: TreeNode): Found<Interrupt> {
    const found: Interrupt[] = [], problems: Said[] = [];
    for (const one of this.interruptSpecifiers(node)) {
      const wired = 'text' in one ? one : this.wired(node, one, 0);
      if (typeof wired === 'object' && 'kind' in wired) found.push(wired);
      else problems.push(wired);
      if (found.length + problems.length >= MOST_INTERRUPTS) break;
    }
    return { found, problems };
  }

  private *interruptSpecifiers(node: TreeNode): Generator<Specifier | Phrase> {
    if (node.has('interrupts-extended')) {
      for (const one of this.specifiers(node, 'interrupts-extended', '#interrupt-cells')) yield one ?? say`One of its interrupts names a controller that is not there.`;
      return;
    }
    const cells = node.cells('interrupts');
    if (cells.length === 0) return;
    const controller = this.interruptParent(node), count = controller?.cell('#interrupt-cells') ?? 0;
    if (controller === undefined || count === 0) { yield say`Its interrupts have no controller.`; return; }
    for (let at = 0; at + count <= cells.length; at += count) yield { controller, cells: cells.slice(at, at + count) };
  }

  private interruptParent(node: TreeNode): TreeNode | undefined {
    for (let each: TreeNode | undefined = node; each !== undefined; each = each.parent) {
      const named = each.cell('interrupt-parent');
      if (named !== undefined) return this.target(named);
      if (each !== node && (each.has('interrupt-controller') || each.has('interrupt-map'))) return each;
    }
    return undefined;
  }

  /** A property that is phandles, each with as many cells as its target says; ends at the first that makes no sense, with undefined. */
  *specifiers(node: TreeNode, property: string, count: string): Generator<Specifier | undefined> {
    const cells = node.cells(property);
    for (let at = 0; at < cells.length;) {
      this.spend(1);
      const controller = this.target(cells[at]), width = controller?.cell(count) ?? (count === '#msi-cells' ? 0 : undefined);
      if (controller === undefined || width === undefined || at + 1 + width > cells.length) { yield undefined; return; }
      yield { controller, cells: cells.slice(at + 1, at + 1 + width) };
      at += 1 + width;
    }
  }

  /** Where an interrupt ends: at the GIC, or at a pin. */
  wired(node: TreeNode, { controller, cells }: Specifier, nexuses: number): Interrupt | Said {
    if (controller.isCompatible(...GICS)) return gicInterrupt(cells);
    if (controller.has('interrupt-map') && !controller.has('interrupt-controller')) {
      const next = nexuses < MOST_NEXUSES ? this.mapped(controller, [...this.unitAddress(node, controller), ...cells]) : undefined;
      return next === undefined ? say`One of its interrupts is not in the interrupt map of ${controller.path}.` : this.wired(controller, next, nexuses + 1);
    }
    if (controller.has('gpio-controller') && cells.length === 2) return { kind: 'gpio', controller, pin: cells[0]!, ...triggerOf(cells[1]!) };
    return say`One of its interrupts goes through ${controller.path}, a controller that ACPI cannot describe.`;
  }

  /** What an entry of the map leads to; the child's address and specifier are in one row. */
  mapped(nexus: TreeNode, wanted: readonly number[]): Specifier | undefined {
    return this.interruptMap(nexus).find(({ match, mask }) => match.length === wanted.length && match.every((cell, at) => (cell & mask[at]!) === (wanted[at]! & mask[at]!)))?.to;
  }

  interruptMap(nexus: TreeNode): readonly { readonly match: readonly number[]; readonly mask: readonly number[]; readonly to: Specifier }[] {
    const cells = nexus.cells('interrupt-map'), width = (nexus.cell('#address-cells') ?? 2) + (nexus.cell('#interrupt-cells') ?? 1);
    if (width > 2 * MOST_CELLS) return [];
    const given = nexus.cells('interrupt-map-mask'), mask = Array.from({ length: width }, (_, at) => given[at] ?? 0xffff_ffff), rows = [];
    for (let at = 0; at + width < cells.length;) {
      this.spend(1);
      const controller = this.target(cells[at + width]);
      if (controller === undefined) break;
      const addressCells = controller.cell('#address-cells') ?? 0, start = at + width + 1 + addressCells, end = start + (controller.cell('#interrupt-cells') ?? 0);
      if (addressCells > MOST_CELLS || end > cells.length || end === start) break;
      rows.push({ match: cells.slice(at, at + width), mask, to: { controller, cells: cells.slice(start, end) } });
      at = end;
    }
    return rows;
  }

  private unitAddress(node: TreeNode, nexus: TreeNode): readonly number[] {
    const width = nexus.cell('#address-cells') ?? 2;
    return Array.from({ length: Math.min(width, MOST_CELLS) }, (_, at) => node.cells('reg')[at] ?? 0);
  }

  private spend(steps: number): void {
    this.steps += steps;
    if (this.steps > MOST_STEPS) throw new EngineError('device-tree.endless', 'The device tree refers to itself too often to be converted.');
  }
}

/** Of one to four cells; only the lower 64 bits count. */
const numberOf = (cells: readonly number[]): bigint => cells.slice(-2).reduce((value, cell) => value << 32n | BigInt(cell), 0n);
export const hexOf = (value: bigint | number): string => `0x${value.toString(16)}`;

const triggerOf = (flags: number) => ({ isEdge: (flags & BOTH) !== 0, isLow: (flags & 0xf) === FALLING || (flags & 0xf) === LOW, isBoth: (flags & 0xf) === BOTH });

/** By the kind of interrupt in the first cell: where its INTIDs begin, and how many there are. */
const GIC_KINDS: readonly { readonly first: number; readonly count: number }[] = [{ first: 32, count: 988 }, { first: 16, count: 16 }, { first: 4096, count: 1024 }, { first: 1056, count: 64 }];

function gicInterrupt([kind = -1, number = -1, flags = 0]: readonly number[]): Interrupt | Said {
  const range = GIC_KINDS[kind];
  if (range === undefined || number < 0 || number >= range.count) return say`The GIC has no interrupt ${number} of kind ${kind}.`;
  const { isEdge, isLow } = triggerOf(flags);
  return { kind: 'gsi', gsi: range.first + number, isEdge, isLow };
}
