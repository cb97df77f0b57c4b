/** A file of the variables that a built-in UEFI keeps, for VMs that no inventory has: JSON, replaced whole with each change. */
import { existsSync } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import * as v from 'valibot';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import { EfiVariable } from '../../shared/model/efi.ts';

const File = v.array(EfiVariable);

/** None of a file that is not there yet. */
export async function readVariables(path: string): Promise<readonly EfiVariable[]> {
  if (!existsSync(path)) return [];
  let json: unknown;
  try { json = JSON.parse(await readFile(path, 'utf8')); } catch (error) { throw new EngineError('efi.variables', say`The file of EFI variables ${path} cannot be read: ${messageOf(error)}.`); }
  const result = v.safeParse(File, json);
  if (!result.success) throw new EngineError('efi.variables', say`The file ${path} does not hold EFI variables.`);
  return result.output;
}

export async function writeVariables(path: string, variables: readonly EfiVariable[]): Promise<void> {
  const next = `${path}.new`, file = await open(next, 'w');
  try {
    await file.writeFile(`${JSON.stringify(variables, undefined, 1)}\n`);
    await file.sync();
  } finally { await file.close(); }
  await rename(next, path);
}
