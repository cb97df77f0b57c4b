/**
 * What firmware tells a VM's guest of its board, without turning the VM on: the same board is built, with nothing behind it. Of firmware's own files only the sizes
 * matter, which are those of its flash.
 */
import { statSync } from 'node:fs';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import { USUAL_WATCHDOG } from '../../shared/model/boot-watchdog.ts';
import { offersAcpi, type FirmwareTables } from '../../shared/model/firmware-tables.ts';
import type { GuestSource } from '../../shared/model/vm.ts';
import { SECTOR_BYTES } from '../devices/flash/cfi-flash.ts';
import { acpiTables } from '../firmware/acpi/convert.ts';
import { FLASH, RAM_BASE } from '../firmware/board-map.ts';
import { Board } from '../host/board.ts';
import { GuestRam } from '../memory/guest-ram.ts';
import { VmClock } from '../time/vm-clock.ts';
import { NEW_VARIABLES_BYTES } from './firmware-files.ts';
import type { VmLaunch } from './vm-launch.ts';

const MIB = 2 ** 20;
const nothing = (): void => { /* nobody runs the board */ };

type Described = Pick<VmLaunch, 'cpus' | 'maxCpus' | 'memoryMib' | 'guest' | 'iommu' | 'virtioBus' | 'display' | 'time' | 'bootWatchdog'>;

export function firmwareTablesOf(described: Described): FirmwareTables {
  const deviceTree = boardOf(described).plainTree({ virtualTimerHidden: described.time?.scaling === true });
  return { deviceTree, ...acpiTables({ deviceTree }), offersAcpi: offersAcpi(described) };
}

function boardOf({ cpus, maxCpus = cpus, memoryMib, guest, iommu = false, virtioBus, display, bootWatchdog = USUAL_WATCHDOG }: Described): Board {
  const sizeBytes = memoryMib * MIB, flash = flashOf(guest);
  return new Board({
    // The host gives memory only to what is written, which is none of it.
    ram: new GuestRam({ buffer: new SharedArrayBuffer(sizeBytes), byteOffset: 0, sizeBytes, base: RAM_BASE }), clock: new VmClock(() => 0), cpus: maxCpus, disks: [], iommu,
    ...(virtioBus && { virtioBus }), ...(display && { display }), ...(flash && { flash }), ...(bootWatchdog.mode !== 'none' && { watchdog: { counter: { hz: 1, count: 0n, nsAt: Number }, ws1: { set: nothing } } }),
    wallMs: () => 0, random: length => new Uint8Array(length), consoleOutput: nothing, virtioConsoleOutput: nothing, kick: nothing,
  });
}

function flashOf(guest: GuestSource) {
  if (guest.kind !== 'firmware') return undefined;
  const { firmwarePath, variablesPath } = guest;
  return [sizeOf(firmwarePath), variablesPath === undefined ? NEW_VARIABLES_BYTES : sizeOf(variablesPath, NEW_VARIABLES_BYTES)].map(bytes => (
    { contents: new Uint8Array(Math.min(FLASH.bankBytes, Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES)), showsArray: nothing, changed: nothing }));
}

function sizeOf(path: string, otherwise?: number): number {
  try { return statSync(path).size; } catch (error) {
    if (otherwise !== undefined) return otherwise;
    throw new EngineError('image.unreadable', say`The firmware ${path} cannot be read: ${messageOf(error)}.`);
  }
}
