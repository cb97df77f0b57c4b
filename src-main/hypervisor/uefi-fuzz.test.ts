/** Guests that call the built-in UEFI with anything: every call has an answer, the firmware's own books stay in order, and the machine can still be saved. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { USUAL_DISPLAY } from '../../shared/model/display.ts';
import { fuzzRandom } from '../devices/fuzz-random.ts';
import { FIRST_FUNCTION, RETURNED } from '../firmware/uefi/tables.ts';
import { FUNCTIONS } from '../firmware/uefi/functions.ts';
import { openImage } from '../storage/open-image.ts';
import { Driven } from './driven-vm.ts';

const folder = mkdtempSync(join(tmpdir(), 'quarterdeck-uefi-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));
const MIB = 2 ** 20, CALLS = 500;
/** They end the firmware, or the test. */
const LEFT_OUT = new Set(['ExitBootServices', 'ResetSystem', 'Stall', 'WaitForEvent']);

test.each([1, 2, 3])('seed %i', async seed => {
  const path = join(folder, `${seed}.img`);
  writeFileSync(path, new Uint8Array(4 * MIB));
  const medium = await openImage(path, { readOnly: false }), random = fuzzRandom(seed);
  const { vm } = new Driven({ kind: 'uefi', settings: { delayMs: 0, showMenu: true } }, { memoryMib: 64, display: USUAL_DISPLAY, disks: [{ medium, bus: 'virtio' }] });
  const { uefi } = vm.builtIn!, { cpu } = uefi.io, names = Object.keys(FUNCTIONS), sp = cpu.sp;
  await uefi.idle();
  const addresses = () => [0n, 1n, BigInt(vm.ram.base), BigInt(vm.ram.end) - 4n, sp - 64n, uefi.tables.system, uefi.console.input, uefi.console.output, (1n << 64n) - 8n, 0x900_0000n, ...uefi.handles.all.flatMap(({ id, protocols }) => [id, ...protocols.map(each => each.interface)]), ...uefi.files.keys()];
  const argument = () => (random.below(3) === 0 ? BigInt(random.below(64)) : random.below(4) === 0 ? BigInt(random.below(2 ** 31)) << BigInt(random.below(33)) : addresses()[random.below(addresses().length)]!);
  for (let n = 0; n < CALLS; n++) {
    const name = names[random.below(names.length)]!;
    if (LEFT_OUT.has(name)) continue;
    for (let register = 0; register < 8; register++) cpu.setX(register, argument());
    cpu.sp = sp - BigInt(16 * random.below(64));
    uefi.call(cpu, random.below(50) === 0 ? RETURNED : FIRST_FUNCTION + names.indexOf(name));
    await uefi.idle();
    cpu.held = false;
  }
  const { descriptors } = uefi.map;
  expect(descriptors.every(({ start, pages }, at) => pages > 0 && (at === 0 || start === descriptors[at - 1]!.start + descriptors[at - 1]!.pages * 4096))).toBe(true);
  vm.pause();
  const state = await vm.save();
  vm.restore(structuredClone(state));
  expect(structuredClone(await vm.save()).uefi).toEqual(structuredClone(state).uefi);
  await vm.end();
  await medium.close();
}, 60_000);
