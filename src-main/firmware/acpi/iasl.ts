/** For tests: what ACPICA's compiler makes of a table that it took apart. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AcpiTable } from './table.ts';

const run = promisify(execFile);
const CHECKSUM_AT = 9, CREATOR_AT = 28, CREATOR_END = 36;

/** The table disassembled, and complaints: those of the disassembler and of the compiler, and `differs` where the same bytes do not come back. The compiler names itself as creator. */
export async function recompiled({ signature, bytes }: AcpiTable): Promise<{ readonly source: string; readonly complaints: readonly string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-iasl-')), file = join(folder, `${signature}.aml`), source = join(folder, 'again.dsl');
  try {
    await writeFile(file, bytes);
    const apart = await run('iasl', ['-p', join(folder, 'again'), '-d', file]), text = await readFile(source, 'latin1');
    const together = await run('iasl', ['-p', join(folder, 'again'), '-oa', source]).catch((error: unknown) => error as { stdout: string; stderr: string });
    const complaints = [...linesIn(apart, /error|warning|invalid|unknown/i), ...linesIn(together, /^(Error|Warning)|error:/)], again = await readFile(join(folder, 'again.aml')).catch(() => new Uint8Array());
    return { source: text, complaints: [...complaints, ...(Buffer.compare(compared(bytes), compared(again)) === 0 ? [] : [`${signature} differs`])] };
  } finally { await rm(folder, { recursive: true }); }
}

const linesIn = ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }, what: RegExp) => `${stdout}\n${stderr}`.split('\n').filter(line => what.test(line));
const compared = (table: Uint8Array): Uint8Array => Uint8Array.from(table).fill(0, CHECKSUM_AT, CHECKSUM_AT + 1).fill(0, CREATOR_AT, CREATOR_END);
