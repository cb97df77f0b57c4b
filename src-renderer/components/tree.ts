import type { IconName } from './icon-shapes.ts';

export interface TreeNode {
  readonly id: string;
  readonly label: string;
  readonly icon: IconName;
  readonly status?: 'success' | 'danger' | undefined;
  /** Read after the label by assistive technology, for example the power state. */
  readonly note?: string | undefined;
  /** Shown at the end of the row. */
  readonly detail?: string | undefined;
  readonly children?: readonly TreeNode[];
  /** Can be dragged, and cut and pasted. */
  readonly movable?: boolean;
}

/** What is said of the row that something is held over. */
export interface DropHint { readonly over: string; readonly text: string; readonly allowed: boolean }

/** A node where it stands among the rows now shown; positions are those of ARIA's tree. */
export interface TreeRow { readonly node: TreeNode; readonly level: number; readonly position: number; readonly setSize: number; readonly expanded: boolean | undefined }

/** The rows shown when the nodes in `collapsed` are closed and all others are open. */
export function treeRows(nodes: readonly TreeNode[], collapsed: ReadonlySet<string>): readonly TreeRow[] {
  const rows: TreeRow[] = [];
  const add = (siblings: readonly TreeNode[], level: number) => siblings.forEach((node, index) => {
    const expanded = node.children !== undefined && node.children.length > 0 ? !collapsed.has(node.id) : undefined;
    rows.push({ node, level, position: index + 1, setSize: siblings.length, expanded });
    if (expanded && node.children) add(node.children, level + 1);
  });
  add(nodes, 1);
  return rows;
}

/** What a key does to a tree: where the focus goes, and which node opens or closes. */
export interface TreeMove { readonly focus?: number; readonly toggle?: string }

/** The keys of ARIA's tree pattern. */
export function treeMove(rows: readonly TreeRow[], index: number, key: string): TreeMove | undefined {
  const row = rows[index];
  if (!row) return rows.length > 0 ? { focus: 0 } : undefined;
  const parent = rows.findLastIndex((each, at) => at < index && each.level < row.level);
  switch (key) {
    case 'ArrowDown': return { focus: Math.min(index + 1, rows.length - 1) };
    case 'ArrowUp': return { focus: Math.max(index - 1, 0) };
    case 'Home': return { focus: 0 };
    case 'End': return { focus: rows.length - 1 };
    case 'ArrowRight': return row.expanded === undefined ? {} : row.expanded ? { focus: index + 1 } : { toggle: row.node.id };
    case 'ArrowLeft': return row.expanded ? { toggle: row.node.id } : { focus: parent < 0 ? index : parent };
    default: return key.length === 1 && key !== ' ' ? typeAhead(rows, index, key) : undefined;
  }
}

function typeAhead(rows: readonly TreeRow[], index: number, key: string): TreeMove {
  const order = [...rows.keys()].map(step => (index + 1 + step) % rows.length);
  const found = order.find(at => rows[at]?.node.label.toLowerCase().startsWith(key.toLowerCase()));
  return found === undefined ? {} : { focus: found };
}
