/**
 * Root complexes whose configuration space is ECAM: MCFG (PCI Firmware Specification 3.3, 4.1.2), and what a bridge's device says in the DSDT, its windows by
 * `_CRS`, wires by `_PRT`, and by `_OSC` that the OS may have all of PCI Express that it asks for, but latency tolerance (ibid. 4.5.1).
 */
import { say, type Said } from '../../../shared/base/phrase.ts';
import type { TreeNode } from '../fdt-reader.ts';
import { LittleEndian } from '../little-endian.ts';
import { and, arg, device, differ, dwordField, eisaId, equal, give, integer, local0, method, named, or, otherwise, packageOf, path, store, uuid, when, type Aml } from './aml.ts';
import type { DeviceTree } from './device-tree.ts';
import type { Explanations } from './explanation.ts';
import { busNumbers, ioWindow, memory, memoryWindow, resources, type Descriptor } from './resources.ts';
import { table, type AcpiTable } from './table.ts';

const ECAM = ['pci-host-ecam-generic', 'marvell,armada8k-pcie-ecam', 'socionext,synquacer-pcie-ecam', 'snps,dw-pcie-ecam'];
const BUS_BYTES = 2n ** 20n;

export interface RootComplex { readonly node: TreeNode; readonly segment: number; readonly buses: readonly [number, number]; readonly ecam: { readonly base: bigint; readonly size: bigint } }

export function rootComplexes(tree: DeviceTree, explain: Explanations): readonly RootComplex[] {
  const complexes: RootComplex[] = [];
  for (const node of tree.compatibleWith(...ECAM)) {
    const { found: [ecam], problems } = tree.registers(node), [first = 0, last = 255] = node.cells('bus-range'), segment = (node.cell('linux,pci-domain') ?? complexes.length) & 0xffff;
    explain.note(node, ...problems);
    if (ecam === undefined || first > last || last > 255) explain.fate(node, 'left-out', say`It has no configuration space, or no numbers of buses, that can be told.`);
    else if (complexes.some(each => each.segment === segment)) explain.fate(node, 'left-out', say`Another root complex has segment ${segment}.`);
    else complexes.push({ node, segment, buses: [first, Math.min(last, first + Math.max(0, Number(ecam.size / BUS_BYTES) - 1))], ecam });
  }
  return complexes;
}

/** Nothing when there are none. An address is that of bus 0, whether or not it is there. */
export function mcfg(complexes: readonly RootComplex[], explain: Explanations): readonly AcpiTable[] {
  if (complexes.length === 0) return [];
  const body = new LittleEndian().u64(0);
  for (const { node, segment, buses: [first, last], ecam } of complexes) {
    body.u64(ecam.base - BigInt(first) * BUS_BYTES).u16(segment).u8(first, last).u32(0);
    explain.became(node, { table: 'MCFG' });
  }
  return [table('MCFG', 1, body.done())];
}

const IO = 1, MEMORY_32 = 2, MEMORY_64 = 3, PREFETCHABLE = 0x4000_0000;

function windows(tree: DeviceTree, node: TreeNode): { readonly windows: readonly Descriptor[]; readonly problems: readonly Said[] } {
  const found: Descriptor[] = [], problems: Said[] = [];
  for (const { flags, child, parent, size } of tree.rangesOf(node) ?? []) {
    const cpu = tree.translate(node.parent, parent), kind = flags >>> 24 & 3;
    if (cpu === undefined || size === 0n || child + size > 2n ** 64n) { problems.push(say`A window of ${String(size)} bytes is not at an address that CPUs see.`); continue; }
    const window = { base: child, size, translation: BigInt.asUintN(64, cpu - child) };
    if (kind === IO) found.push(ioWindow(window));
    else if (kind === MEMORY_32 || kind === MEMORY_64) found.push(memoryWindow(window, (flags & PREFETCHABLE) !== 0));
  }
  return { windows: found, problems };
}

const ALL_FUNCTIONS = 0xffff, PINS = 4;

/** Of devices that the map tells one by one; the rest of a map with a mask follows the usual swizzle, which every device has a row for. */
function routes(tree: DeviceTree, node: TreeNode): readonly Aml[] {
  if (!node.has('interrupt-map') || node.cell('#address-cells') !== 3 || node.cell('#interrupt-cells') !== 1) return [];
  const rows = tree.interruptMap(node), [mask = 0] = rows[0]?.mask ?? [], devices = new Set(rows.map(({ match: [high = 0] }) => high >>> 11 & 0x1f)), isForAll = (mask >>> 11 & 0x1f) === 0;
  return [...(isForAll ? Array.from({ length: 32 }, (_, n) => n) : [...devices])].flatMap(number => Array.from({ length: PINS }, (_, pin) => {
    const specifier = tree.mapped(node, [number << 11, 0, 0, pin + 1]), wire = specifier && tree.wired(node, specifier, 0);
    return typeof wire === 'object' && 'kind' in wire && wire.kind === 'gsi' ? [packageOf([integer(number * 0x1_0000 + ALL_FUNCTIONS), integer(pin), integer(0), integer(wire.gsi)])] : [];
  }).flat());
}

const OSC_UUID = '33DB4D5B-1FF7-401C-9657-7441C03DD766';
/** Hot plug, standard hot plug, PME, AER, and the PCI Express capability. */
const GRANTED = 0x1f;
const UNKNOWN_REVISION = 0x08, CAPABILITIES_MASKED = 0x10, UNKNOWN_UUID = 0x04;

function osc(): Aml {
  const status = path('CDW1'), control = path('CDW3');
  return method('_OSC', 4,
    dwordField(arg(3), 0, 'CDW1'),
    when(equal(arg(0), uuid(OSC_UUID)),
      dwordField(arg(3), 8, 'CDW3'),
      and(control, integer(GRANTED), local0),
      when(differ(arg(1), integer(1)), or(status, integer(UNKNOWN_REVISION), status)),
      when(differ(control, local0), or(status, integer(CAPABILITIES_MASKED), status)),
      store(local0, control)),
    otherwise(or(status, integer(UNKNOWN_UUID), status)),
    give(arg(3)));
}

/** The device, whose ECAM is reserved by one below it (PCI Firmware Specification 3.3, 4.1.2). */
export function bridge(tree: DeviceTree, { node, segment, buses: [first, last], ecam }: RootComplex, name: string, explain: Explanations): Aml {
  const { windows: found, problems } = windows(tree, node), wires = routes(tree, node);
  explain.note(node, ...problems);
  return device(name,
    named('_HID', eisaId('PNP0A08')), named('_CID', eisaId('PNP0A03')), named('_UID', integer(segment)), named('_SEG', integer(segment)), named('_BBN', integer(first)), named('_CCA', integer(Number(tree.isCoherent(node)))),
    named('_CRS', resources([busNumbers(first, last), ...found])), ...(wires.length > 0 ? [named('_PRT', packageOf(wires))] : []), osc(),
    device('RES0', named('_HID', eisaId('PNP0C02')), named('_CRS', resources([memory(ecam.base, ecam.size)]))));
}
