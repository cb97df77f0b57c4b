/** A copy of a guest's memory that gets the pages of the log while the guest runs in threads, and its devices write, is what the memory is once it stands still. */
import { expect, test } from 'vitest';
import { PAGE_BYTES } from '../cpu/core/dirty-log.ts';
import { assemble } from '../cpu/asm/assembler.ts';
import { Driven } from './driven-vm.ts';

const MIB = 2 ** 20, PAGES = 512, ROUNDS = 40;
/** Stores a number that goes up to one page after the other, in an order that looks random, without an end. */
const SCRIBBLE = ['movz x1, #0x4100, lsl #16', 'mov x2, #0', 'movz x4, #0x2545', 'again: add x2, x2, #1', 'mul x3, x2, x4', `and x3, x3, #${PAGES - 1}`, 'lsl x3, x3, #12', 'add x3, x3, #24', 'str x2, [x1, x3]', 'b again'].join('\n');

test.each([['in its own thread', 2, 'parallel'], ['on the VM\'s thread', 1, 'parallel']] as const)('the memory of a guest whose CPU is %s', async (_, cpus, smpMode) => {
  const { vm } = new Driven({ kind: 'binary', image: () => assemble(SCRIBBLE) }, { cpus, smpMode, memoryMib: 64 }), log = vm.dirtyLog();
  const ram = vm.ram.view(vm.ram.base, 64 * MIB)!, copy = ram.slice(), differs = () => Buffer.compare(copy, ram) !== 0;
  const take = (): number => {
    const pages = log.take();
    for (const page of pages) copy.set(ram.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), page * PAGE_BYTES);
    return pages.length;
  };
  let copied = 0;
  for (let round = 0; round < ROUNDS || copied < ROUNDS * 10; round++) {
    vm.runSlice();
    vm.ram.write(vm.ram.base + 48 * MIB + (round % 100) * PAGE_BYTES, Uint8Array.of(round));
    copied += take();
    await new Promise(resolve => { setImmediate(resolve); });
  }
  do {
    vm.runSlice();
    await new Promise(resolve => { setImmediate(resolve); });
  } while (!differs());
  vm.pause();
  expect(differs(), 'some pages were not taken yet').toBe(true);
  take();
  expect(differs()).toBe(false);
  expect(take()).toBe(0);
  log.end();
  await vm.end();
}, 60_000);
