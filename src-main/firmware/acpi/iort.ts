/**
 * IORT (Arm DEN 0049, I/O Remapping Table, revision 0): ITS groups, SMMUv3s, root complexes, and devices on other buses that have an SMMU. A root complex's
 * requester ids lead through `iommu-map` to stream ids of an SMMU, and those, as `msi-map` says of the same requesters, to device ids of an ITS.
 */
import { say } from '../../../shared/base/phrase.ts';
import type { TreeNode } from '../fdt-reader.ts';
import { LittleEndian } from '../little-endian.ts';
import type { DeviceTree } from './device-tree.ts';
import type { Explanations } from './explanation.ts';
import type { RootComplex } from './pci.ts';
import { wireOf, type Its } from './processors.ts';
import { table, type AcpiTable } from './table.ts';

/** `count` ids from `input` on become those from `output` on. */
interface Mapping { readonly input: number; readonly count: number; readonly output: number; readonly to: TreeNode; readonly isSingle?: boolean }
interface IortNode { readonly of: TreeNode; readonly type: number; readonly revision: number; readonly body: Uint8Array; readonly mappings: Mapping[] }

const ITS_GROUP = 0, NAMED_COMPONENT = 1, ROOT_COMPLEX = 2, SMMU_V3 = 4;
const NODE_HEADER = 16, MAPPING_BYTES = 20, IDS_BEFORE_NODES = 48;
const COHERENT_OVERRIDE = 1, COHERENT_MEMORY = 0x0300_0000_0000_0001n;
const ALL_REQUESTERS = 0x1_0000, MOST_MAPPINGS = 256, ADDRESS_BITS = 64;
const SINGLE = 1;

export interface IortInputs { readonly complexes: readonly RootComplex[]; readonly itses: readonly Its[]; readonly devices: readonly { readonly node: TreeNode; readonly path: string }[] }

/** Nothing when there are neither ITSs nor SMMUs. */
export function iort(tree: DeviceTree, { complexes, itses, devices }: IortInputs, explain: Explanations): readonly AcpiTable[] {
  const nodes: IortNode[] = itses.map(({ node, id }) => ({ of: node, type: ITS_GROUP, revision: 0, body: new LittleEndian().u32(1, id).done(), mappings: [] }));
  const smmus = tree.compatibleWith('arm,smmu-v3').flatMap(node => smmu(tree, node, explain)), targets = new Map([...nodes, ...smmus].map(each => [each.of, each]));
  nodes.push(...smmus, ...complexes.map(complex => rootComplex(tree, complex, targets)), ...devices.flatMap(each => component(tree, each, targets)));
  if (itses.length === 0 && smmus.length === 0) return [];
  const used = nodes.filter(({ type, mappings }) => type !== NAMED_COMPONENT || mappings.length > 0);
  for (const { of } of used) explain.became(of, { table: 'IORT' });
  return [table('IORT', 0, written(used))];
}

function smmu(tree: DeviceTree, node: TreeNode, explain: Explanations): readonly IortNode[] {
  const { found: [registers], problems } = tree.registers(node), names = node.texts('interrupt-names');
  explain.note(node, ...problems);
  if (registers === undefined) { explain.fate(node, 'left-out', say`It has no registers that can be told.`); return []; }
  const wire = (name: string) => (names.includes(name) ? wireOf(tree, node, names.indexOf(name))?.gsi ?? 0 : 0), model = node.isCompatible('hisilicon,hip06-smmu-v3') ? 1 : node.isCompatible('cavium,thunderx2-smmu-v3') ? 2 : 0;
  const body = new LittleEndian().u64(registers.base).u32(tree.isCoherent(node) ? COHERENT_OVERRIDE : 0, 0).u64(0).u32(model, wire('eventq'), wire('priq'), wire('gerror'), wire('cmdq-sync'), 0, 0).done();
  return [{ of: node, type: SMMU_V3, revision: 1, body, mappings: [] }];
}

function rootComplex(tree: DeviceTree, { node, segment }: RootComplex, targets: ReadonlyMap<TreeNode, IortNode>): IortNode {
  const isCoherent = tree.isCoherent(node), streams = idMap(tree, node, 'iommu-map').filter(({ to }) => targets.get(to)?.type === SMMU_V3), devices = messageMap(tree, node).filter(({ to }) => targets.get(to)?.type === ITS_GROUP);
  const body = new LittleEndian().u64(isCoherent ? COHERENT_MEMORY : 0).u32(0, segment).u8(ADDRESS_BITS, 0, 0, 0).done();
  for (const stream of streams) for (const device of devices) addComposed(stream, device, targets.get(stream.to)!.mappings);
  return { of: node, type: ROOT_COMPLEX, revision: 1, body, mappings: [...streams, ...without(devices, streams)].slice(0, MOST_MAPPINGS) };
}

/** The stream ids of requesters that both maps have, to their device ids. */
function addComposed(stream: Mapping, device: Mapping, into: Mapping[]): void {
  const input = Math.max(stream.input, device.input), end = Math.min(stream.input + stream.count, device.input + device.count);
  if (input < end && into.length < MOST_MAPPINGS) into.push({ input: input - stream.input + stream.output, count: end - input, output: input - device.input + device.output, to: device.to });
}

/** Requesters that go around the SMMU have their messages straight at the ITS. */
function without(mappings: readonly Mapping[], taken: readonly Mapping[]): readonly Mapping[] {
  return taken.slice(0, MOST_MAPPINGS).reduce((left, { input: from, count }) => left.flatMap(each => {
    const end = each.input + each.count, to = from + count;
    if (end <= from || each.input >= to) return [each];
    return [
      ...(each.input < from ? [{ ...each, count: from - each.input }] : []),
      ...(end > to ? [{ ...each, input: to, count: end - to, output: each.output + to - each.input }] : []),
    ];
  }).slice(0, MOST_MAPPINGS), mappings);
}

/** Rows of requester id, target, id there, count; the masked bits are all of them, as ACPI has no mask. */
function idMap(tree: DeviceTree, node: TreeNode, property: string): Mapping[] {
  const cells = node.cells(property), found: Mapping[] = [];
  for (let at = 0; at + 3 < cells.length && found.length < MOST_MAPPINGS; at += 4) {
    const [input = 0, handle, output = 0, count = 0] = cells.slice(at, at + 4), to = tree.target(handle);
    if (to !== undefined && count > 0 && input + count <= 2 ** 32 && output + count <= 2 ** 32) found.push({ input, count, output, to });
  }
  return found;
}

function messageMap(tree: DeviceTree, node: TreeNode): Mapping[] {
  if (node.has('msi-map')) return idMap(tree, node, 'msi-map');
  const to = tree.target(node.cell('msi-parent'));
  return to === undefined ? [] : [{ input: 0, count: ALL_REQUESTERS, output: 0, to }];
}

function component(tree: DeviceTree, { node, path }: { readonly node: TreeNode; readonly path: string }, targets: ReadonlyMap<TreeNode, IortNode>): readonly IortNode[] {
  const single = (property: string, cells: string): Mapping[] => [...tree.specifiers(node, property, cells)].flatMap(one =>
    (one !== undefined && targets.has(one.controller) ? [{ input: 0, count: 1, output: one.cells[0] ?? 0, to: one.controller, isSingle: true }] : []));
  const streams = single('iommus', '#iommu-cells').filter(({ to }) => targets.get(to)?.type === SMMU_V3), messages = single('msi-parent', '#msi-cells').filter(({ to }) => targets.get(to)?.type === ITS_GROUP), mappings = streams.length > 0 ? streams : messages;
  if (mappings.length === 0) return [];
  for (const { to, output } of streams) for (const message of messages.slice(0, 1)) {
    const into = targets.get(to)!.mappings;
    if (into.length < MOST_MAPPINGS) into.push({ input: output, count: 1, output: message.output, to: message.to });
  }
  const body = new LittleEndian().u32(0).u64(tree.isCoherent(node) ? COHERENT_MEMORY : 0).u8(ADDRESS_BITS).append(new TextEncoder().encode(`${path}\0`)).align(4).done();
  return [{ of: node, type: NAMED_COMPONENT, revision: 2, body, mappings: mappings.slice(0, MOST_MAPPINGS) }];
}

function written(nodes: readonly IortNode[]): Uint8Array {
  const at = new Map<TreeNode, number>(), out = new LittleEndian();
  let next = IDS_BEFORE_NODES;
  for (const { of, body, mappings } of nodes) {
    at.set(of, next);
    next += NODE_HEADER + body.length + MAPPING_BYTES * mappings.length;
  }
  out.u32(nodes.length, IDS_BEFORE_NODES, 0);
  for (const { type, revision, body, mappings } of nodes) {
    out.u8(type).u16(NODE_HEADER + body.length + MAPPING_BYTES * mappings.length).u8(revision).u32(0, mappings.length, mappings.length > 0 ? NODE_HEADER + body.length : 0).append(body);
    for (const { input, count, output, to, isSingle } of mappings) out.u32(isSingle ? 0 : input, count - 1, output, at.get(to) ?? 0, isSingle ? SINGLE : 0);
  }
  return out.done();
}

