import { describe, expect, test } from 'vitest';
import { deviceTree } from '../device-tree.ts';
import { acpiTables } from './convert.ts';
import { loaderFiles } from './loader.ts';
import { placeTables } from './place.ts';

const { tables } = acpiTables({ deviceTree: deviceTree({ cpus: 2, memoryBytes: 2 ** 30, virtioSlots: [0], pci: { iommu: true } }) });
const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => total + byte, 0) & 0xff;
const text = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes).replace(/\0.*/s, '');

/** What an OS finds that is told the root pointer's address, each sum checked. */
function found(memory: Uint8Array, base: number, root: number): readonly string[] {
  const view = new DataView(memory.buffer, memory.byteOffset), pointer = memory.subarray(root - base, root - base + 36);
  expect([text(pointer.subarray(0, 8)), sum(pointer.subarray(0, 20)), sum(pointer)]).toEqual(['RSD PTR ', 0, 0]);
  const tableAt = (address: number) => {
    const at = address - base, bytes = memory.subarray(at, at + view.getUint32(at + 4, true));
    expect(sum(bytes)).toBe(0);
    return bytes;
  };
  const entries = (bytes: Uint8Array, from: number, to = bytes.length) => Array.from({ length: (to - from) / 8 }, (_, n) => Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(from + 8 * n, true)));
  const xsdt = tableAt(entries(pointer, 24, 32)[0]!);
  return entries(xsdt, 36).flatMap(address => {
    const bytes = tableAt(address), signature = text(bytes.subarray(0, 4));
    return signature === 'FACP' ? [signature, text(tableAt(entries(bytes, 140, 148)[0]!).subarray(0, 4))] : [signature];
  });
}

const ALL = ['FACP', 'DSDT', 'APIC', 'GTDT', 'SPCR', 'DBG2', 'MCFG', 'IORT', 'PPTT'];

test.each([0x4000_0000, 0x1_0000_0000])('tables at %i are found from the root pointer on', base => {
  const { bytes, rsdpAddress } = placeTables(tables, base);
  expect(found(bytes, base, rsdpAddress)).toEqual(ALL);
});

describe('files for firmware', () => {
  test('after its steps, tables are found wherever it put them', () => {
    const files = new Map(loaderFiles(tables).map(({ name, bytes }) => [name, bytes])), steps = files.get('etc/table-loader')!, bases = new Map<string, number>(), memory = new Uint8Array(0x10000), base = 0x5000_0000;
    const view = new DataView(memory.buffer);
    let next = base + 0x100;
    for (let at = 0; at < steps.length; at += 128) {
      const step = steps.subarray(at, at + 128), fields = new DataView(step.buffer, step.byteOffset), name = text(step.subarray(4, 60)), start = bases.get(name)! - base;
      switch (fields.getUint32(0, true)) {
        case 1:
          bases.set(name, next);
          memory.set(files.get(name)!, next - base);
          next += Math.ceil(files.get(name)!.length / 64) * 64;
          break;
        case 2: {
          const into = start + fields.getUint32(116, true);
          view.setBigUint64(into, view.getBigUint64(into, true) + BigInt(bases.get(text(step.subarray(60, 116)))!), true);
          break;
        }
        case 3: {
          const from = start + fields.getUint32(64, true);
          memory[start + fields.getUint32(60, true)] = -memory.subarray(from, from + fields.getUint32(68, true)).reduce((total, byte) => total + byte, 0) & 0xff;
          break;
        }
        default: throw new Error('no such step');
      }
    }
    expect(found(memory, base, bases.get('etc/acpi/rsdp')!)).toEqual(ALL);
  });
});

test('without a FADT there is nothing to place', () => {
  expect(() => placeTables(tables.filter(({ signature }) => signature !== 'FACP'), 0)).toThrow('ACPI tables need one named FACP.');
  expect(() => placeTables([{ signature: 'FACP', bytes: new Uint8Array(40) }, { signature: 'DSDT', bytes: new Uint8Array(40) }], 0)).toThrow('The FADT is too short to point to a DSDT.');
});
