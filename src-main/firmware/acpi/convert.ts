/**
 * Makes ACPI tables (ACPI 6.3's forms of them) of any flattened device tree, and says of each of its nodes what became of it. A node that says something wrong, or that
 * ACPI has no place for, is left out by itself; only bytes that are no device tree are refused (`EngineError`). The same tree gives the same bytes.
 *
 * Where a board brings tables of its own, those are what it has: nothing is converted, and they stay as they are.
 */
import { say } from '../../../shared/base/phrase.ts';
import type { TablesExplanation } from '../../../shared/model/firmware-tables.ts';
import { consoleTables } from './console.ts';
import { DeviceTree } from './device-tree.ts';
import { Dsdt } from './devices.ts';
import { Explanations } from './explanation.ts';
import { iort } from './iort.ts';
import { mcfg, rootComplexes } from './pci.ts';
import { fadt, madt, processorsOf } from './processors.ts';
import type { AcpiTable } from './table.ts';
import { gtdt } from './timers.ts';
import { pptt } from './topology.ts';

export interface AcpiTables {
  /** FACP and DSDT among them, but neither RSDP nor XSDT: those come with a place in memory (`placeTables`) or in files (`loaderFiles`). */
  readonly tables: readonly AcpiTable[];
  readonly explanation: TablesExplanation;
}

export interface AcpiInputs {
  /** Tables that the board brings; none, or an empty list, for those of its device tree. */
  readonly native?: readonly AcpiTable[];
  /** The blob. */
  readonly deviceTree: Uint8Array;
}

export function acpiTables({ native = [], deviceTree }: AcpiInputs): AcpiTables {
  if (native.length > 0) return { tables: native, explanation: { kind: 'skipped', why: say`The board has ACPI tables of its own (${native.map(({ signature }) => signature).join(', ')}): its device tree is not converted.` } };
  const tree = new DeviceTree(deviceTree), explain = new Explanations(), processors = processorsOf(tree, explain), complexes = rootComplexes(tree, explain);
  const interrupts = madt(tree, processors, explain), fixed = fadt(tree, explain), timers = gtdt(tree, explain), topology = pptt(tree, processors, explain);
  const smmus = tree.compatibleWith('arm,smmu-v3');
  // They are not devices of the DSDT, though their tables are made after it.
  for (const node of smmus) explain.partOf(node);
  const dsdt = new Dsdt(tree, { processors, complexes, explain }), system = dsdt.table();
  const tables = [
    fixed, system, interrupts.table, timers, ...consoleTables(tree, dsdt.pathOf, explain), ...mcfg(complexes, explain),
    ...iort(tree, { complexes, itses: interrupts.itses, devices: dsdt.devices }, explain), topology,
  ];
  explain.fate(tree.root, 'structure');
  return { tables, explanation: { kind: 'converted', root: explain.tree(tree.root) } };
}
