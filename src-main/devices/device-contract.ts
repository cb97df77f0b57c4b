/** What every device owes the machine, checked by one script of guest actions for each device. For tests only. */
import { expect, test } from 'vitest';
import { TestClock } from '../time/test-clock.ts';
import type { AccessSize } from '../memory/region.ts';
import type { Device } from './device.ts';

export interface Rig {
  readonly device: Device<unknown>;
  readonly clock: TestClock;
  /** Guest memory that the device works on; it moves with the machine. */
  readonly memory?: Uint8Array;
  /** All that the outside sees; what was sent since the last call is told once. */
  outputs(): unknown;
}
export type Step = (rig: Rig) => void | Promise<void>;
export type BuildRig = (clock: TestClock) => Rig;

export const later = (ns: number): Step => (rig) => rig.clock.runTo(rig.clock.nowNs + ns);
export const write = (region: string, offset: number, value: number, size: AccessSize = 4): Step =>
  (rig) => rig.device.regions[region]!.write(offset, size, value);
export const read = (region: string, offset: number, size: AccessSize = 4): Step =>
  (rig) => { rig.device.regions[region]!.read(offset, size); };

export function deviceContract(name: string, build: BuildRig, script: readonly Step[]): void {
  test(`${name}: moved to a fresh machine at any point, it behaves as if it had not moved`, async () => {
    for (let cut = 0; cut <= script.length; cut++) {
      const stay = build(new TestClock());
      await trace(stay, script.slice(0, cut));
      const move = successor(stay, build);
      const state = structuredClone(stay.device.save());
      const expected = await trace(stay, script.slice(cut));
      move.device.restore(state);
      expect(await trace(move, script.slice(cut)), `moved after step ${cut}`).toEqual(expected);
    }
  });

  test(`${name}: after reset, it behaves like a new one`, async () => {
    const used = build(new TestClock());
    await trace(used, script);
    used.device.reset();
    const fresh = successor(used, build);
    expect(await trace(used, script)).toEqual(await trace(fresh, script));
  });
}

function successor(old: Rig, build: BuildRig): Rig {
  const rig = build(new TestClock(old.clock.nowNs));
  if (old.memory !== undefined) rig.memory!.set(old.memory);
  return rig;
}

async function trace(rig: Rig, script: readonly Step[]) {
  const seen = [structuredClone(rig.outputs())];
  for (const step of script) { await step(rig); seen.push(structuredClone(rig.outputs())); }
  return seen;
}
