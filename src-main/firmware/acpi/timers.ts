/** GTDT (ACPI 6.5, 5.2.25): the CPUs' own timers, timers in memory (`arm,armv7-timer-mem`), and watchdogs as in SBSA (`arm,sbsa-gwdt`). */
import { say } from '../../../shared/base/phrase.ts';
import type { TreeNode } from '../fdt-reader.ts';
import { LittleEndian } from '../little-endian.ts';
import type { DeviceTree, Interrupt } from './device-tree.ts';
import type { Explanations } from './explanation.ts';
import { wireOf } from './processors.ts';
import { HEADER_BYTES, table, type AcpiTable } from './table.ts';

const EDGE = 1, ACTIVE_LOW = 2, ALWAYS_ON = 4;
const NO_ADDRESS = 2n ** 64n - 1n;
/** In the order in which a tree without names has them. */
const NAMES = ['sec-phys', 'phys', 'virt', 'hyp-phys', 'hyp-virt'] as const;
const MOST_FRAMES = 8;

type Wire = Extract<Interrupt, { kind: 'gsi' }> | undefined;
const flagsOf = (wire: Wire, isAlwaysOn = false): number => (wire === undefined ? 0 : (wire.isEdge ? EDGE : 0) | (wire.isLow ? ACTIVE_LOW : 0) | (isAlwaysOn ? ALWAYS_ON : 0));
const gsiOf = (wire: Wire): number => wire?.gsi ?? 0;

export function gtdt(tree: DeviceTree, explain: Explanations): AcpiTable {
  const [timer] = tree.compatibleWith('arm,armv8-timer', 'arm,armv7-timer'), names = timer?.texts('interrupt-names') ?? [], order = names.length > 0 ? names : NAMES, body = new LittleEndian();
  const wires = NAMES.map(name => (timer !== undefined && order.includes(name) ? wireOf(tree, timer, order.indexOf(name)) : undefined)), isAlwaysOn = timer?.has('always-on') === true;
  if (timer !== undefined) {
    explain.became(timer, { table: 'GTDT' });
    if (wires[2] === undefined) explain.note(timer, say`It has no virtual timer, without which Linux does not run at EL1 with ACPI.`);
  }
  const [secure, physical, virtual, hypervisor, hypervisorVirtual] = wires, platform = [...blocks(tree, explain), ...watchdogs(tree, explain)];
  body.u64(NO_ADDRESS).u32(0);
  for (const wire of [secure, physical, virtual, hypervisor]) body.u32(gsiOf(wire), flagsOf(wire, isAlwaysOn));
  body.u64(NO_ADDRESS).u32(platform.length, platform.length > 0 ? HEADER_BYTES + 68 : 0, gsiOf(hypervisorVirtual), flagsOf(hypervisorVirtual));
  for (const each of platform) body.append(each);
  return table('GTDT', 3, body.done());
}

/** The tree has the control frame first, GTDT the refresh frame. */
function watchdogs(tree: DeviceTree, explain: Explanations): readonly Uint8Array[] {
  return tree.compatibleWith('arm,sbsa-gwdt').flatMap(node => {
    const { found: [control, refresh] } = tree.registers(node), wire = wireOf(tree, node);
    if (control === undefined || refresh === undefined || wire === undefined) {
      explain.fate(node, 'left-out', say`A watchdog needs two frames of registers and an interrupt at the GIC.`);
      return [];
    }
    explain.became(node, { table: 'GTDT' });
    return [new LittleEndian().u8(1).u16(28).u8(0).u64(refresh.base, control.base).u32(wire.gsi, flagsOf(wire)).done()];
  });
}

function blocks(tree: DeviceTree, explain: Explanations): readonly Uint8Array[] {
  return tree.compatibleWith('arm,armv7-timer-mem').flatMap(node => {
    const { found: [control] } = tree.registers(node), frames = node.children.filter(child => child.kind === 'frame' && !child.isDisabled).slice(0, MOST_FRAMES).flatMap(child => frame(tree, child, explain));
    if (control === undefined || frames.length === 0) {
      explain.fate(node, 'left-out', say`A timer in memory needs registers, and a frame with an interrupt at the GIC.`);
      return [];
    }
    explain.became(node, { table: 'GTDT' });
    const body = new LittleEndian().u64(control.base).u32(frames.length, 20);
    for (const each of frames) body.append(each);
    return [new LittleEndian().u8(0).u16(4 + body.size).u8(0).append(body.done()).done()];
  });
}

function frame(tree: DeviceTree, node: TreeNode, explain: Explanations): readonly Uint8Array[] {
  const { found: [base, el0] } = tree.registers(node), physical = wireOf(tree, node), virtual = wireOf(tree, node, 1), number = node.cell('frame-number');
  if (base === undefined || physical === undefined || number === undefined || number >= MOST_FRAMES) return [];
  explain.became(node, { table: 'GTDT' });
  return [new LittleEndian().u8(number, 0, 0, 0).u64(base.base, el0?.base ?? NO_ADDRESS).u32(physical.gsi, flagsOf(physical), gsiOf(virtual), flagsOf(virtual), 0).done()];
}
