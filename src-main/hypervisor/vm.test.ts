import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SMP_MODES } from '../../shared/model/vm.ts';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { Driven } from './driven-vm.ts';
import type { BootImage } from './vm.ts';

const COMMAND = 'for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero bs=64k count=16 2>/dev/null | sha256sum; sleep 0.05; done; poweroff -f\r';
const MEGABYTE_OF_ZEROES = '30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58';

test.each([...SMP_MODES.map(smpMode => ({ cpus: 4, smpMode })), { cpus: 1, smpMode: 'parallel' as const }])('Linux with $cpus $smpMode CPUs goes on as if nothing had happened when it is moved again and again', async options => {
  const guest = await fetchGuests('cloud');
  const boot: BootImage = { kind: 'linux', kernel: () => readFileSync(guest.kernel), initrd: () => readFileSync(guest.initrd), commandLine: 'console=ttyAMA0 quiet' };
  let machine = new Driven(boot, options);
  await machine.runUntil(() => machine.printed.endsWith('# ') || machine.printed.endsWith('# \x1b[6n'));
  machine.vm.board.type(new TextEncoder().encode(COMMAND));
  for (let moves = 1; moves <= 6; moves++) {
    const hashes = () => machine.printed.split(MEGABYTE_OF_ZEROES).length - 1;
    await machine.runUntil(() => hashes() >= moves || machine.vm.powerRequest !== 'none');
    machine = await machine.moveTo(boot, options);
  }
  await machine.runUntil(() => machine.vm.powerRequest !== 'none');
  expect(machine.vm.powerRequest).toBe('off');
  expect(machine.printed.split(MEGABYTE_OF_ZEROES)).toHaveLength(9);
  await machine.vm.end();
}, 120_000);

/** Boots, types a command at the first prompt, and runs to power-off. With `translated`, hot code is translated meanwhile, at whatever pace; with `moved`, it goes on in another machine after the prompt. */
async function countedRun(boot: BootImage, { translated = false, moved = false, seed = 'one' } = {}) {
  const options = { cpus: 4, smpMode: 'deterministic', counted: { seed } } as const;
  let machine = new Driven(boot, options), typed = false;
  for (let slices = 0; machine.vm.powerRequest === 'none'; slices++) {
    machine.vm.runSlice();
    if (translated && slices % 64 === 0) await new Promise(resolve => { setImmediate(resolve); });
    if (typed || !machine.printed.endsWith('# \x1b[6n')) continue;
    machine.vm.type(new TextEncoder().encode('for i in 1 2 3; do (head -c 100000 /dev/urandom | sha256sum) & done; wait; date; poweroff -f\r'));
    typed = true;
    if (moved) machine = await machine.moveTo(boot, options);
  }
  const { vm } = machine;
  return { printed: machine.printed, retired: vm.retired, clockNs: vm.clock.nowNs, ram: createHash('sha256').update(vm.ram.view(vm.ram.base, vm.ram.sizeBytes) as Uint8Array).digest('hex') };
}

test('a deterministic VM with four CPUs does the same again, whatever was translated when, and when it is moved', async () => {
  const guest = await fetchGuests('cloud');
  const boot: BootImage = { kind: 'linux', kernel: () => readFileSync(guest.kernel), initrd: () => readFileSync(guest.initrd), commandLine: 'console=ttyAMA0' };
  const first = await countedRun(boot, { translated: true }), again = await countedRun(boot, { translated: true }), moved = await countedRun(boot, { moved: true }), seeded = await countedRun(boot, { seed: 'another' });
  expect(again).toEqual(first);
  expect(moved).toEqual(first);
  expect(first.printed.match(/^[0-9a-f]{64} /gm)).toHaveLength(3);
  expect(seeded.printed.match(/^[0-9a-f]{64} /gm)).not.toEqual(first.printed.match(/^[0-9a-f]{64} /gm));
}, 300_000);
