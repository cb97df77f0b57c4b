/**
 * Tables on CPUs and their interrupt controllers: FADT (ACPI 6.5, 5.2.9), MADT (5.2.12) and PPTT (5.2.30). Numbers of processors are those of enabled and
 * disabled CPUs in the tree's order, which are their UIDs everywhere; MPIDR is the CPU's `reg`.
 */
import { say } from '../../../shared/base/phrase.ts';
import type { TreeNode } from '../fdt-reader.ts';
import { LittleEndian } from '../little-endian.ts';
import { GICV2, GICV3, type DeviceTree, type Interrupt } from './device-tree.ts';
import type { Explanations } from './explanation.ts';
import { table, type AcpiTable } from './table.ts';

export interface Processor { readonly node: TreeNode; readonly uid: number; readonly mpidr: bigint }
export interface Its { readonly node: TreeNode; readonly id: number; readonly base: bigint }

const MPIDR_AFFINITY = 0xff_00ff_ffffn;
/** More than GICv3's affinity levels 0 and 1 have, and than any machine of one system. */
const MOST_PROCESSORS = 4096;

export function processorsOf(tree: DeviceTree, explain: Explanations): readonly Processor[] {
  const processors: Processor[] = [];
  for (const node of tree.root.child('cpus')?.children ?? []) {
    if (node.text('device_type') !== 'cpu' && node.kind !== 'cpu') continue;
    const [cell, low] = node.cells('reg'), mpidr = cell === undefined ? undefined : low === undefined ? BigInt(cell) : BigInt(cell) << 32n | BigInt(low);
    if (mpidr === undefined) explain.fate(node, 'left-out', say`It has no number (reg).`);
    else if ((mpidr & ~MPIDR_AFFINITY) !== 0n) explain.fate(node, 'left-out', say`Its number (reg) is not an affinity as in MPIDR_EL1.`);
    else if (processors.some(each => each.mpidr === mpidr)) explain.fate(node, 'left-out', say`Another CPU has its number (reg).`);
    else if (processors.length >= MOST_PROCESSORS) explain.fate(node, 'left-out', say`There are more than ${MOST_PROCESSORS} CPUs.`);
    else processors.push({ node, uid: processors.length, mpidr });
  }
  return processors;
}

const REDUCED_HARDWARE = 1 << 20;
const PSCI_COMPLIANT = 1, PSCI_BY_HVC = 2;
const FADT_BYTES = 276, FADT_MINOR = 3;

/** Its address of the DSDT is for whoever places the tables. */
export const FADT_DSDT_AT = 140;

export function fadt(tree: DeviceTree, explain: Explanations): AcpiTable {
  const psci = tree.compatibleWith('arm,psci', 'arm,psci-0.2', 'arm,psci-1.0')[0], isSeen = psci !== undefined && !(psci.compatible.length === 1 && psci.isCompatible('arm,psci'));
  if (psci !== undefined && isSeen) explain.became(psci, { table: 'FACP' });
  else if (psci !== undefined) explain.fate(psci, 'left-out', say`PSCI before 0.2 has functions whose numbers ACPI cannot tell.`);
  const boot = isSeen ? PSCI_COMPLIANT | (psci.text('method') === 'hvc' ? PSCI_BY_HVC : 0) : 0, body = new LittleEndian();
  const enterpriseServer = 4;
  body.zeros(45 - 36).u8(enterpriseServer).zeros(112 - 46).u32(REDUCED_HARDWARE).zeros(129 - 116).u16(boot).u8(FADT_MINOR).zeros(FADT_BYTES - 132);
  return table('FACP', 6, body.done());
}

const GICC = 0x0b, GICD = 0x0c, MSI_FRAME = 0x0d, GICR = 0x0e, ITS = 0x0f;
const ENABLED = 1, PERFORMANCE_EDGE = 2, MAINTENANCE_EDGE = 4;
const V2 = 2, V3 = 3;

type Wire = Extract<Interrupt, { kind: 'gsi' }>;
/** The first interrupt of a node that is at the GIC. */
export const wireOf = (tree: DeviceTree, node: TreeNode | undefined, index = 0): Wire | undefined => {
  const found = node && tree.interrupts(node).found[index];
  return found?.kind === 'gsi' ? found : undefined;
};
const PMUS = /^arm,.*-pmu(v3)?$|^apple,.*-pmu$|^nvidia,.*-pmu$|^cavium,.*-pmu$|^brcm,.*-pmu$/;
const SPE = 'arm,statistical-profiling-extension-v1';

interface Interrupts { readonly pmuOf: (cpu: TreeNode) => Wire | undefined; readonly spe: Wire | undefined }

function interruptsOf(tree: DeviceTree, explain: Explanations, count: number): Interrupts {
  const pmus = tree.nodes.filter(node => node.parent === tree.root && node.compatible.some(each => PMUS.test(each)) && tree.isEnabled(node)), [spe] = tree.compatibleWith(SPE);
  const byCpu = new Map<TreeNode, Wire>();
  let forAll: Wire | undefined;
  for (const pmu of pmus) {
    const { found } = tree.interrupts(pmu), wires = found.filter((each): each is Wire => each.kind === 'gsi'), cpus = pmu.cells('interrupt-affinity').map(handle => tree.target(handle));
    if (wires.length === 0) { explain.fate(pmu, 'left-out', say`It has no interrupt at the GIC.`); continue; }
    if (wires.length === 1 && cpus.length === 0) forAll ??= wires[0];
    else wires.slice(0, count).forEach((wire, at) => {
      const cpu = cpus[at];
      if (cpu !== undefined) byCpu.set(cpu, wire);
    });
    explain.became(pmu, { table: 'APIC' });
  }
  const overflow = wireOf(tree, spe);
  if (spe !== undefined) if (overflow === undefined) explain.fate(spe, 'left-out', say`It has no interrupt at the GIC.`); else explain.became(spe, { table: 'APIC' });
  return { pmuOf: cpu => byCpu.get(cpu) ?? forAll, spe: overflow };
}

/** Also says which ITS is which. */
export function madt(tree: DeviceTree, processors: readonly Processor[], explain: Explanations): { readonly table: AcpiTable; readonly itses: readonly Its[] } {
  const body = new LittleEndian().u32(0, 0), [gic, ...others] = tree.compatibleWith(...GICV3, ...GICV2), isV3 = gic?.isCompatible(...GICV3) === true;
  const { found: regions, problems } = gic === undefined ? { found: [], problems: [] } : tree.registers(gic), interrupts = interruptsOf(tree, explain, processors.length);
  for (const other of others) explain.fate(other, 'left-out', say`Of several GICs only the first can be told.`);
  if (gic !== undefined) explain.note(gic, ...problems);
  const [distributor, second, third, fourth] = regions, classes = efficiencyClasses(processors), maintenance = wireOf(tree, gic);
  for (const { node, uid, mpidr } of processors) {
    const pmu = interrupts.pmuOf(node), isEnabled = !node.isDisabled, flags = (isEnabled ? ENABLED : 0) | (pmu?.isEdge ? PERFORMANCE_EDGE : 0) | (maintenance?.isEdge ? MAINTENANCE_EDGE : 0);
    body.u8(GICC, 80).u16(0).u32(uid, uid, flags, 0, pmu?.gsi ?? 0).u64(0, isV3 ? 0 : second?.base ?? 0, isV3 ? 0 : fourth?.base ?? 0, isV3 ? 0 : third?.base ?? 0)
      .u32(maintenance?.gsi ?? 0).u64(0, mpidr).u8(classes.get(node) ?? 0, 0).u16(interrupts.spe?.gsi ?? 0);
    explain.became(node, { table: 'APIC' });
    explainMethod(node, explain);
  }
  if (gic !== undefined && distributor !== undefined) {
    body.u8(GICD, 24).u16(0).u32(0).u64(distributor.base).u32(0).u8(isV3 ? V3 : V2, 0, 0, 0);
    explain.became(gic, { table: 'APIC' });
  }
  const redistributors = isV3 ? regions.slice(1, 1 + Math.max(1, Math.min(regions.length, gic?.cell('#redistributor-regions') ?? 1))) : [];
  for (const { base, size } of redistributors) body.u8(GICR, 16).u16(0).u64(base).u32(Number(size & 0xffff_ffffn));
  const itses = isV3 ? itsesOf(tree, explain) : [];
  for (const { id, base } of itses) body.u8(ITS, 20).u16(0).u32(id).u64(base).u32(0);
  messageFrames(tree, body, explain);
  return { table: table('APIC', 5, body.done()), itses };
}

function explainMethod(cpu: TreeNode, explain: Explanations): void {
  const method = cpu.text('enable-method');
  if (cpu.isDisabled) explain.note(cpu, say`It is told as one that is not enabled.`);
  if (method !== undefined && method !== 'psci') explain.note(cpu, say`It is turned on by ${method}, which ACPI cannot tell.`);
}

/** The fewer its instructions in a cycle, the more efficient; all the same when the tree does not say. */
function efficiencyClasses(processors: readonly Processor[]): ReadonlyMap<TreeNode, number> {
  const capacities = [...new Set(processors.map(({ node }) => node.cell('capacity-dmips-mhz') ?? 0))].sort((a, b) => a - b);
  return new Map(processors.map(({ node }) => [node, Math.min(255, capacities.indexOf(node.cell('capacity-dmips-mhz') ?? 0))]));
}

function itsesOf(tree: DeviceTree, explain: Explanations): readonly Its[] {
  return tree.compatibleWith('arm,gic-v3-its').flatMap((node, id) => {
    const { found: [first], problems } = tree.registers(node);
    explain.note(node, ...problems);
    if (first === undefined) { explain.fate(node, 'left-out', say`It has no registers that can be told.`); return []; }
    explain.became(node, { table: 'APIC' });
    return [{ node, id, base: first.base }];
  });
}

function messageFrames(tree: DeviceTree, body: LittleEndian, explain: Explanations): void {
  tree.compatibleWith('arm,gic-v2m-frame').forEach((node, id) => {
    const { found: [first], problems } = tree.registers(node), base = node.cell('arm,msi-base-spi'), count = node.cell('arm,msi-num-spis'), isSet = base !== undefined && count !== undefined;
    explain.note(node, ...problems);
    if (first === undefined) { explain.fate(node, 'left-out', say`It has no registers that can be told.`); return; }
    body.u8(MSI_FRAME, 24).u16(0).u32(id).u64(first.base).u32(isSet ? 1 : 0).u16(isSet ? count : 0, isSet ? base : 0);
    explain.became(node, { table: 'APIC' });
  });
}
