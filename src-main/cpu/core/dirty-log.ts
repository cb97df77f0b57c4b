/**
 * Which pages of a machine's RAM are written to: by its CPUs, whatever runs them, and by all that tells `Machine.wrote`. A page that
 * is marked clean has no write tag in any TLB; the first store to it takes the slow path, where its mark goes, and the next ones
 * cost nothing. Without a log no page is marked, and nothing is slower. One log at a time.
 */
import type { Pa } from '../../../shared/base/ids.ts';
import { PAGE_CLEAN, PAGE_TABLE } from '../layout.ts';
import type { Machine } from './machine.ts';

export const PAGE_BYTES = 4096;

export class DirtyLog {
  private readonly machine: Machine;
  /** { slot, flags } of each page. */
  private readonly table: Uint16Array;
  private readonly first: Pa;
  private readonly bytes: number;

  /** Of the RAM from `first` on, whole pages. All of them are clean from now on. */
  constructor(machine: Machine, first = 0 as Pa, bytes = machine.ramBytes - first) {
    this.machine = machine;
    this.first = first;
    this.bytes = bytes;
    this.table = new Uint16Array(machine.memory.buffer, PAGE_TABLE + 4 * first / PAGE_BYTES, 2 * bytes / PAGE_BYTES);
    machine.exclusively(() => {
      machine.markClean(first, bytes, true);
      machine.dropWrites();
    });
  }

  /** Numbers of the pages that were written to since the last time, from `first` on and in order; they are clean again. At no moment is a store in neither this answer nor the next. */
  take(): Uint32Array {
    const { table, machine } = this, dirty: number[] = [];
    machine.exclusively(() => {
      for (let at = 1; at < table.length; at += 2) {
        if ((table[at]! & PAGE_CLEAN) !== 0) continue;
        dirty.push(at >> 1);
        Atomics.or(table, at, PAGE_CLEAN);
      }
      machine.dropWrites();
    });
    return Uint32Array.from(dirty);
  }

  /** Nothing is logged any more. */
  end(): void { this.machine.exclusively(() => this.machine.markClean(this.first, this.bytes, false)); }
}
