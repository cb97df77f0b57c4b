/** The two halves of a live migration, over a port between them: a guest that writes all the time goes on where it was, and never in two places. */
import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { assemble } from '../../cpu/asm/assembler.ts';
import { Driven } from '../driven-vm.ts';
import type { VmOptions } from '../vm.ts';
import { PortChannel } from './channel.ts';
import { CopierThread } from './copier-thread.ts';
import { IncomingMigration } from './incoming.ts';
import { hashOf, OutgoingMigration, type MigrationFigures, type MigrationRules } from './outgoing.ts';

const MIB = 2 ** 20, PAGES = 256;
/** As long as this machine lets it take. */
const ANY = 60_000;
/** Counts in X2, and stores the count to one page after the other, in an order that looks random. */
const SCRIBBLE = ['movz x1, #0x4100, lsl #16', 'mov x2, #0', 'movz x4, #0x2545', 'again: add x2, x2, #1', 'mul x3, x2, x4', `and x3, x3, #${PAGES - 1}`, 'lsl x3, x3, #12', 'add x3, x3, #24', 'str x2, [x1, x3]',
  'movz x5, #4000', 'wait: sub x5, x5, #1', 'cbnz x5, wait', 'b again'].join('\n');
const boot = { kind: 'binary', image: () => assemble(SCRIBBLE) } as const;

const machines: Driven[] = [], channels: { close(): void }[] = [];
afterEach(async () => {
  for (const channel of channels.splice(0)) channel.close();
  for (const { vm } of machines.splice(0)) await vm.end();
});

function machine(options: Partial<VmOptions> = {}): Driven {
  const driven = new Driven(boot, { memoryMib: 64, ...options });
  machines.push(driven);
  return driven;
}
function link(source: Driven, bytesPerSecond?: number): readonly [CopierThread, PortChannel] {
  const { port1, port2 } = new MessageChannel(), both = [new CopierThread(memory(source), port1, { bytesPerSecond }), new PortChannel(port2)] as const;
  channels.push(...both);
  return both;
}
const memory = ({ vm }: Driven) => vm.ram.view(vm.ram.base, vm.ram.sizeBytes)!;

/** The destination is paused until the guest is its own. */
async function migrate(source: Driven, destination: Driven, rules: MigrationRules): Promise<{ readonly figures: readonly MigrationFigures[] }> {
  const [here, there] = link(source), figures: MigrationFigures[] = [], outgoing = new OutgoingMigration({ vm: source.vm, channel: here, rules, progress: each => figures.push(each), slowDown: () => { /* it has time */ }, slowed: () => 0 });
  destination.vm.pause();
  const incoming = new IncomingMigration(destination.vm, there), arrival = incoming.receive().then(() => incoming.takeOver(async () => { destination.vm.resume(); await Promise.resolve(); }));
  arrival.catch(() => { /* the source hears of it */ });
  let isCopied = false;
  try {
    await outgoing.begin();
    const copying = outgoing.copyMemory(new AbortController().signal).finally(() => { isCopied = true; });
    copying.catch(() => { /* awaited below */ });
    await source.runUntil(() => isCopied);
    await copying;
    source.vm.pause();
    await outgoing.switchOver(await source.vm.save());
    await outgoing.giveAway();
    await arrival;
  } finally { outgoing.end(); }
  return { figures };
}

test.each([['on the VM\'s thread', 1], ['in threads', 2]])('a guest that writes goes on at the destination with all its memory, its CPUs %s', async (_, cpus) => {
  const source = machine({ cpus }), destination = machine({ cpus });
  await source.runUntil(() => source.vm.retired[0]! > 1e6);
  const { figures } = await migrate(source, destination, { downtimeMs: ANY, verify: true }), last = figures.at(-1)!;
  expect(hashOf(memory(source))).toBe(hashOf(memory(destination)));
  expect(last.sentPages).toBeGreaterThanOrEqual(64 * MIB / 4096);
  expect(last.zeroPages).toBeGreaterThan(60 * MIB / 4096);
  expect(last.sentBytes).toBeLessThan(4 * MIB);
  const before = destination.vm.retired[0]!;
  await destination.runUntil(() => destination.vm.retired[0]! > before + 1e6);
  expect(Buffer.compare(memory(source), memory(destination))).not.toBe(0);
}, 60_000);

test('without the log of what is written to, the destination has other memory, and refuses; the source goes on', async () => {
  const source = machine(), destination = machine();
  await source.runUntil(() => source.vm.retired[0]! > 1e6);
  await expect(migrate(source, destination, { downtimeMs: ANY, verify: true, ignoresWrites: true })).rejects.toThrow('The memory that came over is not what the guest has.');
  source.vm.resume();
  const before = source.vm.retired[0]!;
  await source.runUntil(() => source.vm.retired[0]! > before + 1e6);
}, 60_000);

test('another machine is refused before anything is copied, and a link that is cut ends both halves', async () => {
  const source = machine(), other = machine({ memoryMib: 128 });
  await expect(migrate(source, other, { downtimeMs: ANY })).rejects.toThrow('The machine at the destination is another one: its memory in MiB is 128, and the source\'s 64.');
  const [here, there] = link(source, 1000), destination = machine(), incoming = new IncomingMigration(destination.vm, there), outgoing = new OutgoingMigration({ vm: source.vm, channel: here, rules: { downtimeMs: 1 }, progress: () => { /* nobody looks */ }, slowDown: () => { /* nobody looks */ }, slowed: () => 0 });
  destination.vm.pause();
  const arrival = incoming.receive();
  arrival.catch(() => { /* awaited below */ });
  await outgoing.begin();
  const copying = outgoing.copyMemory(new AbortController().signal);
  copying.catch(() => { /* awaited below */ });
  there.close();
  await expect(copying).rejects.toThrow('The migration network was cut.');
  await expect(arrival).rejects.toThrow('The migration network was cut.');
  outgoing.end();
}, 60_000);

test('a guest that writes faster than it is copied is slowed down until what is left is little', async () => {
  const source = machine(), [here, there] = link(source, 300_000), destination = machine(), incoming = new IncomingMigration(destination.vm, there), figures: MigrationFigures[] = [];
  let isSlow = false, isCopied = false;
  const outgoing = new OutgoingMigration({ vm: source.vm, channel: here, rules: { downtimeMs: 16 }, progress: each => figures.push(each), slowDown: () => { isSlow = true; }, slowed: () => 0 });
  destination.vm.pause();
  const arrival = incoming.receive();
  arrival.catch(() => { /* it is cut */ });
  await outgoing.begin();
  const copying = outgoing.copyMemory(new AbortController().signal).finally(() => { isCopied = true; });
  copying.catch(() => { /* awaited below */ });
  await source.runUntil(() => isSlow || isCopied);
  source.vm.pause();
  await copying;
  expect(isSlow).toBe(true);
  expect(figures.at(-1)?.leftPages).toBe(0);
  outgoing.end();
}, 60_000);
