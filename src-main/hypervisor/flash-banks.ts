/**
 * Firmware's two banks of flash, in the host's memory above the guest's RAM: code, and the variables that it keeps. While a bank shows
 * its array, stage 2 lets the guest read and run the bytes themselves; only writes, and reads of anything else, reach the device.
 */
import type { Ipa, Pa } from '../../shared/base/ids.ts';
import type { Machine } from '../cpu/core/machine.ts';
import { SECTOR_BYTES } from '../devices/flash/cfi-flash.ts';
import { FLASH } from '../firmware/board-map.ts';
import type { BoardIo } from '../host/board.ts';
import type { Stage2 } from './stage2.ts';

const ERASED = 0xff;
/** Blocks of this size make stage 2 short. */
const ALIGN = 2 ** 21;

export interface Firmware {
  readonly code: Uint8Array;
  readonly variables: Uint8Array;
  /** Whether it is given ACPI tables to offer; it is when absent. */
  readonly acpi?: boolean | undefined;
  /** Takes what changed of the variables. */
  readonly keep?: (offset: number, bytes: Uint8Array) => void;
}

const sectors = (image: Uint8Array) => Math.ceil(image.length / SECTOR_BYTES) * SECTOR_BYTES;
const aligned = (bytes: number) => Math.ceil(bytes / ALIGN) * ALIGN;

/** Where the host's memory has to end, whose RAM for the guest ends at `ramEnd`. */
export const endOfFlash = ({ code, variables }: Firmware, ramEnd: number): number => aligned(ramEnd) + aligned(sectors(code)) + sectors(variables);

export function flashBanks(machine: Machine, stage2: Stage2, { code, variables, keep }: Firmware, ramEnd: number): NonNullable<BoardIo['flash']> {
  const bank = (image: Uint8Array, ipa: number, pa: number) => {
    const contents = machine.bytes(pa as Pa, sectors(image));
    contents.fill(ERASED).set(image);
    let shown = false;
    const showsArray = (shows: boolean) => {
      if (shows === shown) return;
      shown = shows;
      machine.exclusively(() => {
        stage2.map(ipa as Ipa, pa as Pa, contents.length, shows ? 'read-only' : 'none');
        machine.flushTranslations();
      });
    };
    showsArray(true);
    return { contents, showsArray, changed: (offset: number, length: number) => machine.wrote((pa + offset) as Pa, length) };
  };
  const start = aligned(ramEnd), first = bank(code, FLASH.base, start), second = bank(variables, FLASH.base + FLASH.bankBytes, start + aligned(sectors(code)));
  return [{ ...first, readOnly: true }, {
    ...second, changed: (offset, length) => {
      second.changed(offset, length);
      keep?.(offset, second.contents.subarray(offset, offset + length));
    },
  }];
}
