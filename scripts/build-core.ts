/**
 * Builds the CPU's WebAssembly into dist/core: the AssemblyScript core, and the interpreter generated from the
 * instruction table, with the decode and system register tables as its data.
 */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import asc from 'assemblyscript/asc';
import { A64, isHot } from '../src-main/cpu/a64/index.ts';
import { systemRegisterTables } from '../src-main/cpu/a64/system-registers.ts';
import * as L from '../src-main/cpu/layout.ts';
import { generateInterpreter } from '../src-main/cpu/translate/interpreter.ts';

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, 'dist/core');

/** Does nothing when dist/core is newer than every source of it. */
export async function buildCore(): Promise<void> {
  if (newest(join(ROOT, 'src-main/cpu')) < modified(join(OUT, 'handlers.json'))) return;
  mkdirSync(OUT, { recursive: true });
  await compileCore();
  const registers = systemRegisterTables();
  const image = generateInterpreter(A64, isHot, [{ at: L.SYSREG_INDEX, bytes: new Uint8Array(registers.index.buffer) }, { at: L.SYSREG_ROWS, bytes: registers.rows }]);
  writeFileSync(join(OUT, 'interpreter.wasm'), image.module);
  writeFileSync(join(OUT, 'handlers.json'), JSON.stringify(image.handlers));
}

async function compileCore(): Promise<void> {
  const { error, stderr } = await asc.main(['src-main/cpu/core/wasm/index.ts', '--baseDir', ROOT, '--outFile', 'dist/core/core.wasm',
    '-O3', '--debug', '--runtime', 'stub', '--noAssert', '--use', 'abort=', '--enable', 'threads,simd', '--importMemory', '--sharedMemory',
    '--initialMemory', String(L.RAM_BASE / 65536), '--maximumMemory', '65536', '--memoryBase', String(L.STATIC_BASE)]);
  if (error !== null) throw new Error(`the AssemblyScript core does not compile:\n${stderr.toString()}`);
  // Functions have their names in it.
  if (readFileSync(join(OUT, 'core.wasm')).includes('~lib/rt/')) throw new Error('The AssemblyScript core makes objects, which all threads of a VM would share: put them into the block of the CPU.');
}

function newest(folder: string): number {
  return Math.max(...readdirSync(folder, { recursive: true, withFileTypes: true }).filter(e => e.isFile()).map(e => modified(join(e.parentPath, e.name))));
}

function modified(path: string): number { return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0; }

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await buildCore();
