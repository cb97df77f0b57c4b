/**
 * Divides a host's CPU among its resource pools and VMs, down their tree: each has at least what is reserved for it, at most
 * what it wants and its limit, and in between as its shares stand to those of its siblings. All amounts in one unit.
 */

interface Terms {
  readonly shares: number;
  readonly reservation: number;
  readonly limit: number;
}
/** One that uses CPU itself. */
export interface Claim extends Terms { readonly demand: number }
export interface Group extends Terms { readonly children: readonly Division[] }
export type Division = Claim | Group;

/** What a node gets at least and at most, whatever its siblings do. */
interface Bounds { readonly node: Division; readonly shares: number; readonly least: number; readonly most: number }

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** What is guaranteed below a group is guaranteed to the group. */
function boundsOf(node: Division): Bounds {
  const { shares, reservation, limit } = node, below = 'children' in node ? node.children.map(boundsOf) : undefined;
  const wanted = below === undefined ? (node as Claim).demand : sum(below.map(each => each.most)), most = Math.min(wanted, limit);
  return { node, shares, most, least: Math.min(most, Math.max(reservation, below === undefined ? 0 : sum(below.map(each => each.least)))) };
}

const at = (level: number, { shares, least, most }: Bounds): number => Math.min(most, Math.max(least, level * shares));
const filled = (level: number, siblings: readonly Bounds[]): number => sum(siblings.map(each => at(level, each)));

/** How much each share is worth, so that the siblings together take up the capacity. Between two points where one of them begins or ceases to rise it is linear. */
function levelFor(siblings: readonly Bounds[], capacity: number): number {
  const points = [0, ...siblings.flatMap(({ shares, least, most }) => [least / shares, most / shares])].sort((a, b) => a - b);
  let low = 0, high = points.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (filled(points[middle] ?? 0, siblings) <= capacity) low = middle; else high = middle;
  }
  const level = points[low] ?? 0, rising = sum(siblings.filter(({ shares, least, most }) => least / shares <= level && level < most / shares).map(({ shares }) => shares));
  return rising === 0 ? level : level + (capacity - filled(level, siblings)) / rising;
}

function share(siblings: readonly Bounds[], capacity: number, result: Map<Division, number>): void {
  const promised = sum(siblings.map(({ least }) => least)), level = levelFor(siblings, capacity);
  for (const each of siblings) {
    // A host that has less than it promised keeps the same part of every promise.
    const amount = promised > capacity ? each.least * capacity / promised : at(level, each);
    result.set(each.node, amount);
    if ('children' in each.node) share(each.node.children.map(boundsOf), amount, result);
  }
}

/** What each node of the trees gets of the capacity. */
export function divide(capacity: number, roots: readonly Division[]): ReadonlyMap<Division, number> {
  const result = new Map<Division, number>();
  share(roots.map(boundsOf), capacity, result);
  return result;
}
