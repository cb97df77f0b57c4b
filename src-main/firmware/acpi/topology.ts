/**
 * PPTT (ACPI 6.5, 5.2.30), from `cpu-map` and the caches of CPU nodes. A node of the hierarchy has the caches that its CPUs share and no larger node's do;
 * without `cpu-map` all CPUs are in one package.
 */
import { say } from '../../../shared/base/phrase.ts';
import type { TreeNode } from '../fdt-reader.ts';
import { LittleEndian } from '../little-endian.ts';
import type { DeviceTree } from './device-tree.ts';
import type { Explanations } from './explanation.ts';
import type { Processor } from './processors.ts';
import { HEADER_BYTES, table, type AcpiTable } from './table.ts';

const PACKAGE = 1, UID_VALID = 2, THREAD = 4, LEAF = 8;

interface Group { readonly flags: number; readonly uid: number; readonly parent: Group | undefined; readonly below: Group[]; readonly caches: CacheNode[] }
interface CacheNode { readonly type: number; readonly sizeBytes: number; readonly sets: number; readonly ways: number; readonly lineBytes: number; readonly next: CacheNode | undefined; readonly users: Set<Group> }

const DATA = 0, INSTRUCTIONS = 1, UNIFIED = 2;

export function pptt(tree: DeviceTree, processors: readonly Processor[], explain: Explanations): AcpiTable {
  const map = tree.root.child('cpus')?.child('cpu-map'), byCpu = new Map(processors.map(processor => [processor.node, processor])), leaves = new Map<TreeNode, Group>(), roots: Group[] = [];
  const add = (parent: Group | undefined, flags: number, uid = 0): Group => {
    const group: Group = { flags, uid, parent, below: [], caches: [] };
    (parent?.below ?? roots).push(group);
    return group;
  };
  const leaf = (parent: Group, cpu: TreeNode | undefined, flags: number) => {
    const processor = cpu && byCpu.get(cpu);
    if (processor !== undefined && !leaves.has(processor.node)) leaves.set(processor.node, add(parent, flags | LEAF | UID_VALID, processor.uid));
  };
  const walk = (node: TreeNode, group: Group) => {
    explain.partOf(node, { table: 'PPTT' });
    for (const child of node.children) {
      const cpu = tree.target(child.cell('cpu'));
      if (cpu !== undefined) { explain.partOf(child, { table: 'PPTT' }); leaf(group, cpu, node.kind.startsWith('core') ? THREAD : 0); } else walk(child, add(group, 0));
    }
  };
  const sockets = map?.children.filter(({ kind }) => kind.startsWith('socket')) ?? [];
  if (map !== undefined) explain.partOf(map, { table: 'PPTT' });
  for (const socket of sockets) walk(socket, add(undefined, PACKAGE));
  if (map !== undefined && sockets.length === 0) walk(map, add(undefined, PACKAGE));
  for (const { node } of processors) if (!leaves.has(node)) leaf(roots[0] ?? add(undefined, PACKAGE), node, 0);
  placeCaches(tree, leaves, explain);
  return table('PPTT', 2, written(roots.map(root => pruned(root)).filter(root => root !== undefined)));
}

/** Without groups that have no CPU. */
function pruned(group: Group): Group | undefined {
  const below = group.below.map(pruned).filter(each => each !== undefined);
  group.below.splice(0, group.below.length, ...below);
  return below.length > 0 || (group.flags & LEAF) !== 0 ? group : undefined;
}

const MOST_LEVELS = 6;

function placeCaches(tree: DeviceTree, leaves: ReadonlyMap<TreeNode, Group>, explain: Explanations): void {
  const shared = new Map<TreeNode, CacheNode>(), all = new Set<CacheNode>();
  const cacheOf = (node: TreeNode, prefix: string, type: number, next: CacheNode | undefined): CacheNode | undefined => {
    const sizeBytes = node.cell(`${prefix}cache-size`) ?? 0, sets = node.cell(`${prefix}cache-sets`) ?? 0, lineBytes = node.cell(`${prefix}cache-line-size`) ?? node.cell(`${prefix}cache-block-size`) ?? 0;
    if (sizeBytes === 0 && sets === 0 && lineBytes === 0) return undefined;
    const cache = { type, sizeBytes, sets, lineBytes, ways: sets > 0 && lineBytes > 0 ? Math.floor(sizeBytes / sets / lineBytes) & 0xff : 0, next, users: new Set<Group>() };
    all.add(cache);
    return cache;
  };
  const level = (node: TreeNode | undefined, depth: number): CacheNode | undefined => {
    if (node === undefined || depth > MOST_LEVELS || leaves.has(node)) return undefined;
    const known = shared.get(node);
    if (known !== undefined) return known;
    const next = level(tree.target(node.cell('next-level-cache')), depth + 1), cache = cacheOf(node, '', UNIFIED, next);
    if (cache === undefined) { explain.fate(node, 'part', say`Of this cache the tree tells neither size nor lines.`); return next; }
    explain.became(node, { table: 'PPTT' });
    shared.set(node, cache);
    return cache;
  };
  for (const [cpu, group] of leaves) {
    const next = level(tree.target(cpu.cell('next-level-cache') ?? cpu.cell('l2-cache')), 0), own = [cacheOf(cpu, 'd-', DATA, next), cacheOf(cpu, 'i-', INSTRUCTIONS, next)].filter(cache => cache !== undefined);
    for (const cache of own.length > 0 ? own : [next]) for (let each = cache; each !== undefined; each = each.next) each.users.add(group);
    explain.partOf(cpu, { table: 'PPTT' });
    explain.became(cpu, { table: 'PPTT' });
  }
  for (const cache of all) if (cache.users.size > 0) commonGroup(cache.users)?.caches.push(cache);
}

function commonGroup(users: ReadonlySet<Group>): Group | undefined {
  const [first, ...others] = [...users].map(chainOf);
  const chains = others.map(chain => new Set(chain));
  return first?.find(group => chains.every(chain => chain.has(group)));
}

function chainOf(group: Group): Group[] {
  const chain = [];
  for (let each: Group | undefined = group; each !== undefined; each = each.parent) chain.push(each);
  return chain;
}

const SIZE = 1, SETS = 2, WAYS = 4, TYPE = 16, LINE = 64;

/** Caches of the outermost level first, then groups, each after what it refers to. */
function written(roots: readonly Group[]): Uint8Array {
  const out = new LittleEndian(), cacheAt = new Map<CacheNode, number>(), groupAt = new Map<Group, number>(), here = () => HEADER_BYTES + out.size;
  const putCache = (cache: CacheNode): number => {
    const known = cacheAt.get(cache);
    if (known !== undefined) return known;
    const next = cache.next === undefined ? 0 : putCache(cache.next), at = here(), { sizeBytes, sets, ways, lineBytes, type } = cache;
    cacheAt.set(cache, at);
    const flags = TYPE | (sizeBytes > 0 ? SIZE : 0) | (sets > 0 ? SETS : 0) | (ways > 0 ? WAYS : 0) | (lineBytes > 0 ? LINE : 0);
    out.u8(1, 24).u16(0).u32(flags, next, sizeBytes, sets).u8(ways, type << 2).u16(lineBytes);
    return at;
  };
  const put = (group: Group): void => {
    const caches = group.caches.slice(0, 32).map(putCache), at = here();
    groupAt.set(group, at);
    out.u8(0, 20 + 4 * caches.length).u16(0).u32(group.flags, group.parent === undefined ? 0 : groupAt.get(group.parent) ?? 0, group.uid, caches.length).u32(...caches);
    for (const below of group.below) put(below);
  };
  for (const root of roots) put(root);
  return out.done();
}
