/** What every device is, and how it answers a guest. */
import { hex, type AccessSize, type GuestErrorSink, type Region } from '../memory/region.ts';

/**
 * Three verbs. State is one plain object, deadlines included, and all that the outside sees follows from it:
 * `restore` on another machine, or `reset`, leaves nothing of what was before.
 */
export interface Device<State> {
  readonly name: string;
  readonly regions: Readonly<Record<string, Region>>;
  reset(): void;
  save(): State;
  restore(state: State): void;
}

/** A wire. Setting it to the level that it has does nothing. */
export interface Line { set(level: boolean): void }

/** A 32-bit register, or `count` of them in a row, by its name in the manual. */
export interface Register<D> {
  readonly at: number;
  readonly name: string;
  readonly count?: number;
  /** The bytes of this register can be reached one by one; otherwise narrow accesses move its lowest bits. */
  readonly byLane?: true;
  readonly read?: (device: D, index: number) => number;
  readonly write?: (device: D, value: number, index: number) => void;
}

/** A register that is there, reads as `value` and ignores writes. */
export const constant = <D>(at: number, name: string, value = 0, count = 1): Register<D> =>
  ({ at, name, count, read: () => value, write: () => {} });

/** Primecell and CoreSight identification: one byte in each of a row of registers. */
export const identification = <D>(at: number, name: string, bytes: readonly number[]): Register<D> =>
  ({ at, name, count: bytes.length, read: (_, index) => bytes[index]! });

/** Serves a table of registers. What it does not name reads as zero, ignores writes and counts as a guest error. */
export function registerFrame<D extends { readonly name: string }>(
  device: D, table: readonly Register<D>[], guestError: GuestErrorSink,
): Region {
  const rows = new Map<number, { readonly row: Register<D>; readonly index: number }>();
  for (const row of table) for (let index = 0; index < (row.count ?? 1); index++) rows.set(row.at + 4 * index, { row, index });
  const refuse = (verb: string, offset: number) => guestError(`${device.name}: ${verb} at ${hex(offset)}`);

  return {
    read(offset, size) {
      const found = rows.get(offset & ~3);
      const shift = laneShift(found?.row, offset);
      if (found?.row.read === undefined || shift === undefined) { refuse('read', offset); return 0; }
      return (found.row.read(device, found.index) >>> shift & maskOf(size)) >>> 0;
    },
    write(offset, size, value) {
      const found = rows.get(offset & ~3);
      const shift = laneShift(found?.row, offset);
      if (found?.row.write === undefined || shift === undefined) return refuse('write', offset);
      const { row, index } = found;
      if (!row.byLane || size === 4) return row.write!(device, value, index);
      const mask = maskOf(size) << shift;
      row.write!(device, (row.read!(device, index) & ~mask | value << shift) >>> 0, index);
    },
  };
}

const maskOf = (size: AccessSize) => (size === 4 ? 0xffff_ffff : (1 << 8 * size) - 1);

const laneShift = (row: Register<never> | undefined, offset: number) =>
  (row?.byLane ? 8 * (offset & 3) : (offset & 3) === 0 ? 0 : undefined);
