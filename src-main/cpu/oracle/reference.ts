/** Runs cases on QEMU's user-mode emulation, through the harness, which Debian's cross compiler builds. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../../shared/base/errors.ts';
import { CASE_BYTES, OUTCOME_BYTES, type Case } from './case.ts';

const SOURCE = join(import.meta.dirname, 'harness.c');
const PROGRAM = join(import.meta.dirname, '../../../dist/oracle/harness');
const TIME_LIMIT_MS = 300_000;

/** Armv8.0 with CRC32 and the cryptographic extension; or Armv8.2, for its atomics. */
export type Model = 'cortex-a72' | 'neoverse-n1';

function harness(): string {
  const built = statSync(PROGRAM, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > statSync(SOURCE).mtimeMs) return PROGRAM;
  mkdirSync(join(PROGRAM, '..'), { recursive: true });
  try {
    // Far above, where no branch of a case reaches it.
    execFileSync('aarch64-linux-gnu-gcc', ['-O2', '-static', '-Wl,-Ttext-segment=0x7000000000', SOURCE, '-o', PROGRAM], { stdio: 'pipe' });
  } catch (error) {
    throw new EngineError('oracle', `The oracle's harness cannot be built; it needs Debian's gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user: ${String(error)}`);
  }
  return PROGRAM;
}

export function runReference(model: Model, cases: readonly Case[]): Uint8Array[] {
  const input = Buffer.concat(cases.map(c => new Uint8Array(c.bytes.buffer, c.bytes.byteOffset, CASE_BYTES)));
  const { status, stdout, error, stderr } = spawnSync('qemu-aarch64', ['-cpu', model, harness()], { input, maxBuffer: OUTCOME_BYTES * (cases.length + 1), timeout: TIME_LIMIT_MS });
  const ran = stdout === null ? 0 : Math.floor(stdout.length / OUTCOME_BYTES);
  if (status !== 0 || ran !== cases.length) {
    throw new EngineError('oracle', `qemu-aarch64 stopped after about ${ran} of ${cases.length} cases: ${String(error ?? stderr.toString())}.`);
  }
  return cases.map((_, i) => new Uint8Array(stdout.buffer, stdout.byteOffset + i * OUTCOME_BYTES, OUTCOME_BYTES));
}
