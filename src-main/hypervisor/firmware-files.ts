/** The files behind firmware's flash: its code, read once, and its variables, written as they change. */
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { SECTOR_BYTES } from '../devices/flash/cfi-flash.ts';
import { FLASH } from '../firmware/board-map.ts';
import type { Firmware } from './flash-banks.ts';

/** What EDK2 keeps is in the first 768 KiB. */
const NEW_VARIABLES_BYTES = 4 * SECTOR_BYTES;
const ERASED = 0xff;

export function firmwareOf({ firmwarePath, variablesPath }: { readonly firmwarePath: string; readonly variablesPath?: string | undefined }): Firmware {
  const code = bankAt(firmwarePath, 'firmware'), erased = new Uint8Array(NEW_VARIABLES_BYTES).fill(ERASED);
  if (variablesPath === undefined) return { code, variables: erased };
  if (!existsSync(variablesPath)) orSentence(variablesPath, 'made', () => writeFileSync(variablesPath, erased, { flag: 'wx' }));
  const variables = bankAt(variablesPath, 'file of firmware variables');
  return { code, variables, keep: (offset, bytes) => writeAt(variablesPath, offset, bytes) };
}

function bankAt(path: string, what: string): Uint8Array {
  let image;
  try { image = readFileSync(path); } catch (error) { throw new EngineError('image.unreadable', `The ${what} ${path} cannot be read: ${messageOf(error)}.`); }
  if (image.length === 0) throw new EngineError('image.empty', `The ${what} ${path} is empty.`);
  if (image.length > FLASH.bankBytes) throw new EngineError('image.tooLarge', `The ${what} ${path} does not fit into flash: it has more than ${FLASH.bankBytes / 2 ** 20} MiB.`);
  return image;
}

function writeAt(path: string, offset: number, bytes: Uint8Array): void {
  orSentence(path, 'written', () => {
    const file = openSync(path, 'r+');
    try { writeSync(file, bytes, 0, bytes.length, offset); } finally { closeSync(file); }
  });
}

function orSentence(path: string, verb: string, work: () => void): void {
  try { work(); } catch (error) { throw new EngineError('firmware.variables', `The file of firmware variables ${path} could not be ${verb}: ${messageOf(error)}.`); }
}
