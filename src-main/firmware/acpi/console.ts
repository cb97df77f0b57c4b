/**
 * SPCR (Microsoft's Serial Port Console Redirection Table, revision 2) and DBG2 (Debug Port Table 2) for the UART that `stdout-path` names: its registers,
 * interrupt and speed.
 */
import { say } from '../../../shared/base/phrase.ts';
import { LittleEndian } from '../little-endian.ts';
import type { DeviceTree } from './device-tree.ts';
import type { Explanations } from './explanation.ts';
import { wireOf } from './processors.ts';
import type { TreeNode } from '../fdt-reader.ts';
import { table, type AcpiTable } from './table.ts';

/** SPCR's interface types are DBG2's subtypes. */
const PORTS: readonly { readonly compatible: readonly string[]; readonly type: number }[] = [
  { compatible: ['arm,pl011'], type: 3 }, { compatible: ['arm,sbsa-uart'], type: 0xe }, { compatible: ['ns16550a', 'ns16550', 'snps,dw-apb-uart'], type: 1 },
  { compatible: ['brcm,bcm2835-aux-uart'], type: 0x10 },
];
const SERIAL_PORT = 0x8000;
const GIC_INTERRUPT = 8;
/** SPCR's numbers of speeds; 0 is as it is. */
const SPEEDS: Readonly<Record<string, number>> = { 9600: 3, 19200: 4, 57600: 6, 115200: 7 };
const DEBUG_INFO_AT = 44, DEBUG_INFO_BYTES = 22, GENERIC_ADDRESS_BYTES = 12;

export function consoleTables(tree: DeviceTree, pathOf: (node: TreeNode) => string | undefined, explain: Explanations): readonly AcpiTable[] {
  const chosen = tree.root.child('chosen'), [where = '', options = ''] = (chosen?.text('stdout-path') ?? chosen?.text('linux,stdout-path') ?? '').split(':'), node = where === '' ? undefined : tree.find(where);
  if (chosen === undefined || node === undefined || !tree.isEnabled(node)) return [];
  const port = PORTS.find(({ compatible }) => node.isCompatible(...compatible)), { found: [registers] } = tree.registers(node), wire = wireOf(tree, node);
  if (port === undefined || registers === undefined) {
    explain.note(node, say`It is the console, but SPCR does not know a UART of its kind.`);
    return [];
  }
  const is32 = port.type !== 1, width = is32 ? 32 : 8 * (1 << Math.min(2, node.cell('reg-shift') ?? 0)), access = is32 || node.cell('reg-io-width') === 4 ? 3 : 1;
  const address = new LittleEndian().u8(0, width, 0, access).u64(registers.base).done(), path = pathOf(node) ?? '.';
  const spcr = new LittleEndian().u8(port.type, 0, 0, 0).append(address).u8(wire === undefined ? 0 : GIC_INTERRUPT, 0).u32(wire?.gsi ?? 0)
    .u8(SPEEDS[/^\d+/.exec(options)?.[0] ?? ''] ?? 0, 0, 1, 0, 3, 0).u16(0xffff, 0xffff).u8(0, 0, 0).u32(0).u8(0).u32(0);
  const name = new TextEncoder().encode(`${path}\0`), nameAt = DEBUG_INFO_BYTES + GENERIC_ADDRESS_BYTES + 4;
  const debug = new LittleEndian().u32(DEBUG_INFO_AT, 1).u8(0).u16(nameAt + name.length).u8(1).u16(name.length, nameAt, 0, 0, SERIAL_PORT, port.type, 0, DEBUG_INFO_BYTES, DEBUG_INFO_BYTES + GENERIC_ADDRESS_BYTES)
    .append(address).u32(Number(registers.size & 0xffff_ffffn)).append(name);
  for (const each of ['SPCR', 'DBG2']) { explain.became(node, { table: each }); explain.partOf(chosen, { table: each }); }
  return [table('SPCR', 2, spcr.done()), table('DBG2', 0, debug.done())];
}

