/** The boot watchdog under the built-in UEFI: its stages, and kernels that do not come up. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { fetchGuests, type Guest } from '../../scripts/fetch-guests.ts';
import { NO_BOOTS, stageOf, USUAL_WATCHDOG, type BootDrill, type BootRecord } from '../../shared/model/boot-watchdog.ts';
import { Driven } from './driven-vm.ts';

const MINUTES = 60_000;
let cloud: Guest;
beforeAll(async () => { cloud = await fetchGuests('cloud'); }, 10 * MINUTES);

/** A machine whose record is kept, and which is reset as its worker would. */
async function boots(drill: BootDrill | undefined, done: (record: BootRecord) => boolean): Promise<{ readonly record: BootRecord; readonly printed: string }> {
  let record: BootRecord = { ...NO_BOOTS, ...(drill && { drill }) };
  const machine = new Driven({ kind: 'uefi', settings: { delayMs: 0, showMenu: false }, direct: { kernel: () => readFileSync(cloud.kernel), initrd: () => readFileSync(cloud.initrd), commandLine: 'console=ttyAMA0' } }, {
    smpMode: 'deterministic', memoryMib: 256, bootWatchdog: { ...USUAL_WATCHDOG, mode: 'boot', timeoutS: 5, goodAfterS: 2, failures: 3 }, boots: record, booted: next => { record = next; },
  }), { vm } = machine;
  await machine.runUntil(() => {
    if (vm.powerRequest === 'watchdog') vm.reset('watchdog');
    return done(record) || vm.clock.nowNs > 300e9;
  });
  await vm.end();
  return { record, printed: machine.printed };
}

const isUp = ({ attempts }: BootRecord) => attempts.length > 0 && stageOf(attempts.at(-1)!) === 'up';

test('it is installed at power-on, enabled for what is started, refreshed last when boot services end, and Linux finds it so', async () => {
  const { record, printed } = await boots(undefined, isUp);
  expect(record.attempts.map(({ stages }) => stages.map(({ stage }) => stage))).toEqual([['powerOn', 'installed', 'enabled', 'handedOver', 'tookOver', 'up']]);
  expect(printed).toMatch(/sbsa-gwdt .*\[enabled\]/);
}, 5 * MINUTES);

test.each<{ drill: BootDrill; stage: string; says: RegExp }>([
  { drill: 'corruptKernel', stage: 'enabled', says: /An exception that nobody handles/ },
  { drill: 'badInit', stage: 'handedOver', says: /Requested init \/dev failed/ },
])('the drill $drill ends in a reset, and the next boot is good', async ({ drill, stage, says }) => {
  const { record, printed } = await boots(drill, now => now.attempts.length > 1 && isUp(now)), [first] = record.attempts;
  expect([first?.end?.cause, first && stageOf(first), record.attempts.length]).toEqual(['watchdog', stage, 2]);
  expect(printed).toMatch(says);
  expect(printed).toContain('System reset by WDT.');
}, 5 * MINUTES);
