/** The two trees of the Firmware Tables page, and how what is chosen in one leads to the other. Rows of the second are tables by signature, and `DSDT` with a path for devices. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import type { Became, FirmwareTables, NodeExplanation, NodeFate } from '../../../shared/model/firmware-tables.ts';
import type { IconName } from '../../components/icon-shapes.ts';
import type { TreeNode } from '../../components/tree.ts';
import { translate } from '../../i18n/i18n.ts';

export const FATE_TEXTS: Readonly<Record<NodeFate, Phrase>> = {
  converted: say`Converted`, part: say`Part of another node`, 'left-out': say`Left out`, disabled: say`Disabled`, structure: say`Holds other nodes`,
};
const FATE_ICONS: Readonly<Record<NodeFate, IconName>> = { converted: 'success-standard', part: 'layers', 'left-out': 'ban', disabled: 'minus', structure: 'folder' };

/** What tables are for. */
export const TABLE_TEXTS: Readonly<Record<string, Phrase>> = {
  FACP: say`Fixed hardware, and how CPUs are turned on`, DSDT: say`Devices, in ACPI’s own language`, APIC: say`CPUs and interrupt controllers`, GTDT: say`Timers and watchdogs`, SPCR: say`The serial console`, DBG2: say`The port for debuggers`,
  MCFG: say`Where PCI Express is configured`, IORT: say`How devices reach memory and interrupts`, PPTT: say`How CPUs and caches are arranged`,
};

export const rowOf = ({ table, object }: Became): string => (object === undefined ? table : `${table} ${object}`);
export const nodesIn = (node: NodeExplanation): readonly NodeExplanation[] => [node, ...node.children.flatMap(nodesIn)];

export const sourceTree = (node: NodeExplanation): TreeNode => ({
  id: node.path, label: node.name, icon: FATE_ICONS[node.fate], status: node.fate === 'converted' ? 'success' : undefined, note: translate(FATE_TEXTS[node.fate]),
  detail: [...new Set(node.became.map(({ table }) => table))].join(' ') || undefined, children: node.children.map(sourceTree),
});

export function tablesTree({ tables, explanation }: FirmwareTables): readonly TreeNode[] {
  const nodes = explanation.kind === 'converted' ? nodesIn(explanation.root) : [];
  return tables.map(({ signature, bytes }) => {
    const devices = new Map(nodes.flatMap(({ became }) => became).filter(({ table, object }) => table === signature && object !== undefined).map(each => [rowOf(each), each]));
    return {
      id: signature, label: signature, icon: 'file', note: TABLE_TEXTS[signature] && translate(TABLE_TEXTS[signature]), detail: String(bytes.length),
      children: [...devices].map(([id, { object = '', id: hid }]) => ({ id, label: object, icon: 'cog' as const, detail: hid })),
    };
  });
}

/** The node that a row was made of: one that is it, rather than one that is only part of it. */
export const nodeOfRow = (root: NodeExplanation, row: string): NodeExplanation | undefined => {
  const made = nodesIn(root).filter(({ became }) => became.some(each => rowOf(each) === row));
  return made.find(({ fate }) => fate === 'converted') ?? made[0];
};
