import { expect, test } from 'vitest';
import { treeMove, treeRows, type TreeNode } from './tree.ts';

const tree: readonly TreeNode[] = [{
  id: 'dc', label: 'Datacenter', icon: 'building', children: [
    { id: 'a', label: 'host-a', icon: 'host', children: [{ id: 'web', label: 'web', icon: 'vm' }, { id: 'db', label: 'db', icon: 'vm' }] },
    { id: 'b', label: 'host-b', icon: 'host' },
  ],
}];
const open = treeRows(tree, new Set());

test('rows know their level, their place and whether they are open', () => {
  expect(open.map(row => [row.node.id, row.level, row.position, row.setSize, row.expanded])).toEqual([
    ['dc', 1, 1, 1, true], ['a', 2, 1, 2, true], ['web', 3, 1, 2, undefined], ['db', 3, 2, 2, undefined], ['b', 2, 2, 2, undefined],
  ]);
  expect(treeRows(tree, new Set(['a'])).map(row => row.node.id)).toEqual(['dc', 'a', 'b']);
});

test('left closes an open node, then goes to the parent; right opens, then goes in', () => {
  expect(treeMove(open, 1, 'ArrowLeft')).toEqual({ toggle: 'a' });
  expect(treeMove(open, 3, 'ArrowLeft')).toEqual({ focus: 1 });
  expect(treeMove(treeRows(tree, new Set(['a'])), 1, 'ArrowRight')).toEqual({ toggle: 'a' });
  expect(treeMove(open, 1, 'ArrowRight')).toEqual({ focus: 2 });
});

test('up and down stop at the ends, and a letter finds the next name', () => {
  expect([treeMove(open, 0, 'ArrowUp'), treeMove(open, 4, 'ArrowDown')]).toEqual([{ focus: 0 }, { focus: 4 }]);
  expect([treeMove(open, 1, 'h'), treeMove(open, 4, 'h'), treeMove(open, 0, 'x')]).toEqual([{ focus: 4 }, { focus: 1 }, {}]);
});
