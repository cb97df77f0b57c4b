import { expect, test } from 'vitest';
import type { FirmwareTables, NodeExplanation } from '../../../shared/model/firmware-tables.ts';
import { nodeOfRow, sourceTree, tablesTree } from './firmware-trees.ts';

const node = (path: string, more: Partial<NodeExplanation>): NodeExplanation => ({ path, name: path.split('/').at(-1) || '/', compatible: [], fate: 'left-out', became: [], notes: [], children: [], ...more });
const key = node('/keys/one', { fate: 'part', became: [{ table: 'DSDT', object: '\\_SB.DEV0', id: 'PRP0001' }] });
const keys = node('/keys', { fate: 'converted', became: [{ table: 'DSDT', object: '\\_SB.DEV0', id: 'PRP0001' }], children: [key] });
const uart = node('/uart', { fate: 'converted', became: [{ table: 'DSDT', object: '\\_SB.COM0', id: 'ARMH0011' }, { table: 'SPCR' }] });
const root = node('/', { fate: 'structure', children: [keys, uart, node('/clock', {})] });
const tables: FirmwareTables = { deviceTree: new Uint8Array(), tables: ['DSDT', 'SPCR'].map(signature => ({ signature, bytes: new Uint8Array(5) })), explanation: { kind: 'converted', root }, offersAcpi: true };

test('a device is one row, whatever is part of it, and leads to the node that it was made of', () => {
  expect(tablesTree(tables)).toMatchObject([{ id: 'DSDT', detail: '5', children: [{ id: 'DSDT \\_SB.DEV0', label: '\\_SB.DEV0', detail: 'PRP0001' }, { id: 'DSDT \\_SB.COM0' }] }, { id: 'SPCR', children: [] }]);
  expect([nodeOfRow(root, 'DSDT \\_SB.DEV0'), nodeOfRow(root, 'SPCR'), nodeOfRow(root, 'GTDT')]).toEqual([keys, uart, undefined]);
});

test('a node tells its tables, and its fate to who does not see it', () => {
  expect(sourceTree(root).children).toMatchObject([{ id: '/keys', detail: 'DSDT', note: 'Converted' }, { id: '/uart', detail: 'DSDT SPCR' }, { id: '/clock', detail: undefined, note: 'Left out' }]);
});
