import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { TablesExplanation } from '../../shared/model/firmware-tables.ts';
import { deviceTree } from '../firmware/device-tree.ts';

const folder = mkdtempSync(join(tmpdir(), 'quarterdeck-acpi-')), blob = join(folder, 'board.dtb');
writeFileSync(blob, deviceTree({ cpus: 2, memoryBytes: 2 ** 30, virtioSlots: [0], pci: { iommu: true } }));
afterAll(() => rmSync(folder, { recursive: true }));

const quarterdeck = (...args: readonly string[]) => spawnSync(process.execPath, ['src-main/cli/quarterdeck.ts', 'acpi', ...args], { encoding: 'utf8' });

test('convert writes a file for each table, which ACPICA\'s disassembler reads', () => {
  const out = join(folder, 'tables'), { status, stdout } = quarterdeck('convert', blob, '--out', out);
  expect([status, readdirSync(out).sort()]).toEqual([0, ['APIC.aml', 'DBG2.aml', 'DSDT.aml', 'FACP.aml', 'GTDT.aml', 'IORT.aml', 'MCFG.aml', 'PPTT.aml', 'SPCR.aml']]);
  expect(stdout).toContain(`${join(out, 'FACP.aml')}: 276 bytes\n`);
  execFileSync('iasl', ['-d', join(out, 'DSDT.aml')], { stdio: 'ignore' });
  expect(readFileSync(join(out, 'DSDT.dsl'), 'utf8')).toContain('Device (VR00)');
});

test('explain prints the tree for people, and as JSON', () => {
  expect(quarterdeck('explain', blob).stdout).toContain('  pl011@9000000 (arm,pl011, arm,primecell): DSDT \\_SB.COM0 (ARMH0011), SPCR, DBG2\n');
  const explanation = JSON.parse(quarterdeck('explain', blob, '--json').stdout) as TablesExplanation;
  expect(explanation).toMatchObject({ kind: 'converted', root: { path: '/', fate: 'structure' } });
});

test('what is no device tree, or not there, is refused in one sentence', () => {
  writeFileSync(join(folder, 'text'), 'hello');
  const text = quarterdeck('explain', join(folder, 'text')), absent = quarterdeck('explain', join(folder, 'absent'));
  expect([text.status, text.stderr]).toEqual([1, 'quarterdeck: This is not a flattened device tree: it does not begin as one.\n']);
  expect([absent.status, absent.stderr]).toEqual([1, expect.stringMatching(/^quarterdeck: The device tree .*absent cannot be read: .*\.\n$/)]);
});
