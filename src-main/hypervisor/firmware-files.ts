/** The files behind firmware's flash: its code, read once, and its variables, written as they change. */
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import { SECTOR_BYTES } from '../devices/flash/cfi-flash.ts';
import { FLASH } from '../firmware/board-map.ts';
import type { Firmware } from './flash-banks.ts';

/** What EDK2 keeps is in the first 768 KiB. */
export const NEW_VARIABLES_BYTES = 4 * SECTOR_BYTES;
const ERASED = 0xff;

export function firmwareOf({ firmwarePath, variablesPath, acpi }: { readonly firmwarePath: string; readonly variablesPath?: string | undefined; readonly acpi?: boolean | undefined }): Firmware {
  const code = bankAt(firmwarePath, CODE_TEXTS), erased = new Uint8Array(NEW_VARIABLES_BYTES).fill(ERASED);
  if (variablesPath === undefined) return { code, variables: erased, acpi };
  if (!existsSync(variablesPath)) orSentence(why => say`The file of firmware variables ${variablesPath} could not be made: ${why}.`, () => writeFileSync(variablesPath, erased, { flag: 'wx' }));
  const variables = bankAt(variablesPath, VARIABLES_TEXTS);
  return { code, variables, acpi, keep: (offset, bytes) => writeAt(variablesPath, offset, bytes) };
}

interface BankTexts { readonly unreadable: (path: string, why: string) => Phrase; readonly empty: (path: string) => Phrase; readonly tooLarge: (path: string, mib: number) => Phrase }
const CODE_TEXTS: BankTexts = {
  unreadable: (path, why) => say`The firmware ${path} cannot be read: ${why}.`, empty: path => say`The firmware ${path} is empty.`,
  tooLarge: (path, mib) => say`The firmware ${path} does not fit into flash: it has more than ${mib} MiB.`,
};
const VARIABLES_TEXTS: BankTexts = {
  unreadable: (path, why) => say`The file of firmware variables ${path} cannot be read: ${why}.`, empty: path => say`The file of firmware variables ${path} is empty.`,
  tooLarge: (path, mib) => say`The file of firmware variables ${path} does not fit into flash: it has more than ${mib} MiB.`,
};

function bankAt(path: string, texts: BankTexts): Uint8Array {
  let image;
  try { image = readFileSync(path); } catch (error) { throw new EngineError('image.unreadable', texts.unreadable(path, messageOf(error))); }
  if (image.length === 0) throw new EngineError('image.empty', texts.empty(path));
  if (image.length > FLASH.bankBytes) throw new EngineError('image.tooLarge', texts.tooLarge(path, FLASH.bankBytes / 2 ** 20));
  return image;
}

function writeAt(path: string, offset: number, bytes: Uint8Array): void {
  orSentence(why => say`The file of firmware variables ${path} could not be written: ${why}.`, () => {
    const file = openSync(path, 'r+');
    try { writeSync(file, bytes, 0, bytes.length, offset); } finally { closeSync(file); }
  });
}

function orSentence(sentence: (why: string) => Phrase, work: () => void): void {
  try { work(); } catch (error) { throw new EngineError('firmware.variables', sentence(messageOf(error))); }
}
