import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { deviceTree, type DeviceTreeOptions } from './device-tree.ts';
import { flatten } from './fdt.ts';

/** What the device tree compiler reads in a blob, and what it complains about. */
function decompile(blob: Uint8Array): string {
  return execFileSync('dtc', ['-I', 'dtb', '-O', 'dts', '-q', '-'], { input: blob, encoding: 'utf8' });
}
const warnings = (blob: Uint8Array) =>
  execFileSync('sh', ['-c', 'dtc -I dtb -O dtb -o /dev/null - 2>&1'], { input: blob, encoding: 'utf8' }).split('\n').filter((line) => line !== '');

const OPTIONS: DeviceTreeOptions = {
  cpus: 2, memoryBytes: 3 * 2 ** 30, virtioSlots: [1, 0], bootargs: 'console=ttyAMA0 rdinit=/init',
  initrd: { start: 0x4800_0000, end: 0x4812_3456 }, rngSeed: Uint8Array.from({ length: 32 }, (_, n) => n),
};

test('every kind of value is written as the specification says', () => {
  const blob = flatten({ '#address-cells': [1], '#size-cells': [0], word: [0xdeadbeef, 1], text: 'abc', list: ['a', 'bc'], flag: true, raw: Uint8Array.of(1, 2, 3), node: { inner: {} } });
  expect(decompile(blob).replace(/\s+/g, ' ').trim()).toBe(
    '/dts-v1/; / { #address-cells = <0x01>; #size-cells = <0x00>; word = <0xdeadbeef 0x01>; text = "abc"; list = "a\\0bc"; flag; raw = [01 02 03]; node { inner { }; }; };');
});

test('the compiler accepts the tree of the board', () => {
  expect(warnings(deviceTree({ ...OPTIONS, pmu: true, watchdog: true }))).toEqual([]);
});

test('guests find what QEMU\'s board has, where it has it', () => {
  const source = decompile(deviceTree({ ...OPTIONS, watchdog: true })).replace(/\s+/g, ' ');
  for (const part of [
    'memory@40000000 { device_type = "memory"; reg = <0x00 0x40000000 0x00 0xc0000000>; }',
    'cpu@1 { device_type = "cpu"; compatible = "arm,armv8"; reg = <0x01>; enable-method = "psci";',
    'interrupts = <0x01 0x0d 0x04 0x01 0x0e 0x04 0x01 0x0b 0x04 0x01 0x0a 0x04>',
    'reg = <0x00 0x8000000 0x00 0x10000 0x00 0x80a0000 0x00 0xf60000>',
    'its@8080000 { compatible = "arm,gic-v3-its";',
    'pl011@9000000 { compatible = "arm,pl011\\0arm,primecell"; reg = <0x00 0x9000000 0x00 0x1000>; interrupts = <0x00 0x01 0x04>;',
    'virtio_mmio@a000200 { compatible = "virtio,mmio"; reg = <0x00 0xa000200 0x00 0x200>; interrupts = <0x00 0x11 0x01>;',
    'watchdog@90e0000 { compatible = "arm,sbsa-gwdt"; reg = <0x00 0x90e0000 0x00 0x1000 0x00 0x90f0000 0x00 0x1000>; interrupts = <0x00 0x4e 0x04>; }',
    'gpios = <0x04 0x03 0x00>', 'linux,code = <0x74>',
    'bootargs = "console=ttyAMA0 rdinit=/init"', 'linux,initrd-start = <0x00 0x48000000>', 'linux,initrd-end = <0x00 0x48123456>',
    'stdout-path = "/pl011@9000000"', 'rng-seed = ',
  ]) expect(source).toContain(part);
  expect(source).not.toContain('kaslr-seed');
});

test('a framebuffer is told as one that is there already, in RAM after the memory', () => {
  const blob = deviceTree({ ...OPTIONS, framebuffer: { base: 0xffc0_0000, width: 1000, height: 600, strideBytes: 4000 } });
  expect(decompile(blob).replace(/\s+/g, ' ')).toContain('framebuffer@ffc00000 { compatible = "simple-framebuffer"; reg = <0x00 0xffc00000 0x00 0x249f00>; width = <0x3e8>; height = <0x258>; stride = <0xfa0>; format = "x8r8g8b8"; }');
  expect(warnings(blob)).toEqual([]);
});

test('what a machine does not have is not in its tree', () => {
  const source = decompile(deviceTree({ cpus: 1, memoryBytes: 2 ** 27, virtioSlots: [] }));
  for (const absent of ['initrd', 'bootargs', 'virtio_mmio', 'pmu', 'cpu@1', 'rng-seed', 'framebuffer', 'watchdog']) expect(source).not.toContain(absent);
});
