/** A copy of RAM that gets the pages of the log, and no others, stays what RAM is, whatever writes to it. */
import { expect, test } from 'vitest';
import type { Pa } from '../../../shared/base/ids.ts';
import { DirtyLog, PAGE_BYTES } from './dirty-log.ts';
import { DATA, machineFor } from './random-loops.ts';
import type { TestMachine } from './test-machine.ts';

const TURN = 4000, PROGRAMS = 60;

class Copy {
  readonly log: DirtyLog;
  readonly bytes: Uint8Array;
  copied = 0;
  private readonly ram: Uint8Array;

  constructor({ machine }: TestMachine) {
    this.log = new DirtyLog(machine);
    this.ram = machine.bytes(0 as Pa, machine.ramBytes);
    this.bytes = this.ram.slice();
  }

  take(): void {
    for (const page of this.log.take()) {
      const at = page * PAGE_BYTES;
      this.bytes.set(this.ram.subarray(at, at + PAGE_BYTES), at);
      this.copied++;
    }
  }

  /** Of the pages that differ. */
  get differences(): number[] {
    return Array.from({ length: this.ram.length / PAGE_BYTES }, (_, page) => page).filter(page => Buffer.compare(this.bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), this.ram.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)) !== 0);
  }
}

test.each([['interpreted', false], ['translated', true]])('what CPUs write is in the log, %s', (_, translated) => {
  let untaken = 0;
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const m = machineFor(seed, translated), copy = new Copy(m);
    while (m.cpu.run(TURN) === 'budget') {
      m.machine.translator.request();
      copy.take();
    }
    untaken += copy.differences.length;
    copy.take();
    expect(copy.differences, `seed ${seed}`).toEqual([]);
  }
  // Without the last pages some copies were old.
  expect(untaken).toBeGreaterThan(0);
}, 120_000);

test('a page is in the log once for each time that it is taken, and what devices write is in it too', () => {
  const m = machineFor(1, false), copy = new Copy(m);
  m.put(DATA + 5, Uint8Array.of(1));
  m.put(DATA + 9, Uint8Array.of(2));
  m.put(DATA + 3 * PAGE_BYTES - 1, Uint8Array.of(3, 4));
  expect([...copy.log.take()]).toEqual([DATA / PAGE_BYTES, DATA / PAGE_BYTES + 2, DATA / PAGE_BYTES + 3]);
  expect(copy.log.take()).toHaveLength(0);
  copy.log.end();
  expect(new DirtyLog(m.machine).take()).toHaveLength(0);
});
