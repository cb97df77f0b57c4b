/** A guest that goes on at the destination before its memory is there: it computes what it would have computed, whoever comes to a missing page first waits for it, and nothing hangs when it does not come. */
import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { assemble } from '../../cpu/asm/assembler.ts';
import { Driven } from '../driven-vm.ts';
import type { VmOptions } from '../vm.ts';
import { PortChannel } from './channel.ts';
import { CopierThread } from './copier-thread.ts';
import { IncomingMigration } from './incoming.ts';
import { Link } from './link.ts';
import { OutgoingMigration, type MigrationFigures, type MigrationRules } from './outgoing.ts';

const PAGES = 256, DATA = 0x4100_0000, RESULT = 0x4080_0000;
/** Goes from page to page in an order that looks random, and makes a number of all that it finds and leaves there; after so many steps it leaves that at RESULT, and waits for ever. */
const sum = (steps: number) => ['movz x1, #0x4100, lsl #16', 'mov x2, #0', 'movz x4, #0x2545', 'mov x8, #0', 'mov x7, #31', `movz x11, #${steps >> 16}, lsl #16`, 'again: add x2, x2, #1', 'mul x3, x2, x4', `and x3, x3, #${PAGES - 1}`, 'lsl x3, x3, #12', 'add x3, x3, #24',
  'ldr x6, [x1, x3]', 'mul x6, x6, x7', 'add x6, x6, x2', 'str x6, [x1, x3]', 'mul x8, x8, x7', 'add x8, x8, x6', 'movz x5, #200', 'wait: sub x5, x5, #1', 'cbnz x5, wait', 'cmp x2, x11', 'b.lo again',
  'movz x1, #0x4080, lsl #16', 'str x8, [x1]', 'end: b end'].join('\n');
const STEPS = 0x10_0000;
const FAST = { bitsPerSecond: 1e9, latencyMs: 0, loss: 0, isCut: false };
/** What is left takes a second or so, compressed. */
const SLOW = { ...FAST, bitsPerSecond: 100_000, latencyMs: 2 }, CUT = { ...SLOW, isCut: true };

const machines: Driven[] = [], channels: { close(): void }[] = [];
afterEach(async () => {
  for (const channel of channels.splice(0)) channel.close();
  for (const { vm } of machines.splice(0)) await vm.end();
});

function machine(options: Partial<VmOptions> = {}): Driven {
  const driven = new Driven({ kind: 'binary', image: () => assemble(sum(STEPS)) }, { memoryMib: 64, ...options });
  machines.push(driven);
  return driven;
}
const memory = ({ vm }: Driven) => vm.ram.view(vm.ram.base, vm.ram.sizeBytes)!;
const resultOf = ({ vm }: Driven) => Buffer.from(vm.ram.view(RESULT, 8)!).readBigUInt64LE();

/** Without waiting for it. */
const resultOfNow = ({ vm }: Driven): bigint => (vm.following === undefined ? resultOf({ vm } as Driven) : 0n);

/** What the guest computes, in JavaScript. */
function expectedSum(): bigint {
  const pages = new BigUint64Array(PAGES), wrap = (value: bigint) => BigInt.asUintN(64, value);
  let total = 0n;
  for (let n = 1n; n <= BigInt(STEPS); n++) {
    const page = Number((n * 0x2545n) & BigInt(PAGES - 1)), found = wrap(pages[page]! * 31n + n);
    pages[page] = found;
    total = wrap(total * 31n + found);
  }
  return total;
}

interface Moved { readonly source: Driven; readonly destination: Driven; readonly link: Link; readonly figures: readonly MigrationFigures[]; /** Of the source: all of its memory is there. */ readonly followed: Promise<void>; readonly outgoing: OutgoingMigration; readonly here: CopierThread }

/** The guest was given away, and its memory follows over a link as it is `then`; the destination has not run yet. */
async function moved(options: Partial<VmOptions> = {}, then = SLOW, rules: Partial<MigrationRules> = {}): Promise<Moved> {
  const source = machine(options), destination = machine({ ...options, isRestored: true }), link = new Link(), { port1, port2 } = new MessageChannel(), figures: MigrationFigures[] = [];
  link.set(FAST);
  await source.runUntil(() => source.vm.retired[0]! > 1e6);
  const here = new CopierThread(memory(source), port1, { link: link.buffer, postCopy: true }), there = new PortChannel(port2, { link });
  channels.push(here);
  const outgoing = new OutgoingMigration({ vm: source.vm, channel: here, rules: { downtimeMs: 1, postCopy: true, verify: true, ...rules }, progress: each => figures.push(each), slowDown: () => { /* it has time */ }, slowed: () => 0 });
  destination.vm.pause();
  const incoming = new IncomingMigration(destination.vm, there, link.buffer), arrival = incoming.receive().then(() => incoming.takeOver(async () => { await Promise.resolve(); }));
  arrival.catch(() => { /* awaited below */ });
  await outgoing.begin();
  const copying = outgoing.copyMemory(new AbortController().signal);
  copying.catch(() => { /* awaited below */ });
  // While it is copied, and after that, it comes to every page; and it is in the midst of it when it moves, however long copying takes.
  for (const copied of [Promise.resolve(), copying]) {
    await copied;
    const began = source.vm.retired[0]!;
    source.vm.resume();
    await source.runUntil(() => source.vm.retired[0]! > began + 5e6);
    source.vm.pause();
  }
  await outgoing.switchOver(await source.vm.save());
  await outgoing.giveAway();
  await arrival;
  link.set(then);
  const followed = outgoing.follow().finally(() => outgoing.end());
  followed.catch(() => { /* who waits for it hears */ });
  destination.vm.resume();
  return { source, destination, link, figures, followed, outgoing, here };
}

test.each([['on the VM’s thread', { cpus: 1 }], ['in threads', { cpus: 2 }], ['in exact turns', { cpus: 2, smpMode: 'deterministic' }]] as const)('the guest computes at the destination what it would have, its CPUs %s', async (_, options) => {
  const { destination, followed, figures } = await moved(options);
  const missing = destination.vm.following!.missingCount;
  expect(missing).toBeGreaterThan(PAGES / 2);
  await destination.runUntil(() => resultOfNow(destination) !== 0n && destination.vm.following === undefined);
  await followed;
  expect(resultOf(destination)).toBe(expectedSum());
  const last = figures.at(-1)!;
  expect(last).toMatchObject({ leftPages: 0 });
  expect(last.followed!.askedPages).toBeGreaterThan(0);
  expect(last.followed!.waitedMs).toBeGreaterThan(0);
  expect(last.round).toBe(1);
}, 120_000);


test('a page that does not come is waited for: the guest does not read zeroes, and goes on when the link is back', async () => {
  const { destination, followed, link, figures } = await moved({}, CUT), { vm } = destination, missing = vm.following!.missingCount;
  // Its next instruction is in a page that it has, and its data is not.
  await destination.runUntil(() => vm.retired[0]! > 0 && !vm.runSlice());
  const stopped = vm.retired[0]!, told = figures.length;
  await destination.runUntil(() => figures.length > told + 3);
  expect(vm.retired[0]).toBe(stopped);
  expect(vm.following!.missingCount).toBe(missing);
  // It can be paused, and goes on.
  vm.pause();
  vm.resume();
  link.set(SLOW);
  await destination.runUntil(() => resultOfNow(destination) !== 0n);
  await followed;
  expect(resultOf(destination)).toBe(expectedSum());
}, 120_000);

test.each([['on the VM’s thread', 1], ['in threads', 2]])('a VM whose CPU waits for a page is paused and turned off at once: CPUs %s', async (_, cpus) => {
  const { destination, followed, here } = await moved({ cpus }, CUT), { vm } = destination;
  await destination.runUntil(() => vm.retired[0]! > 0 && !vm.runSlice());
  vm.pause();
  await vm.end();
  // The source hears that nobody wants the rest.
  await expect(followed).rejects.toThrow('The migration network was cut.');
  here.close();
}, 60_000);

test('devices and the hypervisor wait too: what they read is what the guest wrote, and what they write stays', async () => {
  const { source, destination, followed } = await moved(), { ram } = destination.vm, page = (n: number) => DATA + 4096 * n, was = (n: number) => memory(source).subarray(page(n) - ram.base, page(n + 1) - ram.base);
  const into = new Uint8Array(8192), before = destination.vm.following!.missingCount;
  expect(ram.read(page(7) - 100, into)).toBe(true);
  expect(Buffer.compare(into, memory(source).subarray(page(7) - 100 - ram.base, page(9) - 100 - ram.base))).toBe(0);
  expect(ram.load(page(20) + 24, 4)).toBe(Buffer.from(was(20)).readUInt32LE(24));
  expect(Buffer.compare(ram.view(page(30), 4096)!, was(30))).toBe(0);
  ram.write(page(200) + 8, Uint8Array.of(1, 2, 3));
  ram.store(page(201) + 12, 2, 0x1234);
  expect(destination.vm.following!.waitedMs).toBeGreaterThan(0);
  expect(destination.vm.following!.missingCount).toBeLessThan(before);
  destination.vm.pause();
  await followed;
  const expected = Buffer.from(memory(source));
  expected.set([1, 2, 3], page(200) + 8 - ram.base);
  expected.writeUInt16LE(0x1234, page(201) + 12 - ram.base);
  expect(Buffer.compare(expected, memory(destination))).toBe(0);
}, 60_000);

test('when the source dies, who waits hears that the memory is lost', async () => {
  const { destination, here, followed } = await moved({}, CUT), { vm } = destination, { whole } = vm.following!;
  here.close();
  await expect(whole).rejects.toThrow('Its memory was lost: the host that it came from went away before all of it had followed.');
  expect(() => vm.ram.read(DATA, new Uint8Array(PAGES * 4096))).toThrow('Its memory was lost');
  await expect(followed).rejects.toThrow();
  await destination.runUntil(() => !vm.runSlice());
}, 60_000);

test('a reset needs nothing of the old memory any more, and nothing of it comes back', async () => {
  const { destination, followed } = await moved(), { vm } = destination;
  expect(vm.following!.missingCount).toBeGreaterThan(PAGES / 2);
  vm.reset();
  expect(vm.following!.missingCount).toBe(0);
  const { waitedMs } = vm.following!;
  expect(vm.ram.read(DATA, new Uint8Array(PAGES * 4096))).toBe(true);
  expect(vm.following!.waitedMs).toBe(waitedMs);
  await followed;
  await destination.runUntil(() => resultOfNow(destination) !== 0n);
  expect(resultOf(destination)).toBe(expectedSum());
}, 60_000);

test('memory that changed and is not told to be missing is found, and refused', async () => {
  await expect(moved({}, SLOW, { ignoresWrites: true }).then(() => 'moved')).rejects.toThrow('The memory that came over is not what the guest has.');
}, 60_000);
