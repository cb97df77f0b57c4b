/**
 * `npm test`: everything. The cheapest failures come first; then unit tests run beside those that need a disk of minutes or
 * a browser, each one by one. Each stage runs whatever became of those before it, and the last line sums up all tests.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../shared/base/errors.ts';
import { build, ROOT } from './build.ts';
import { check } from './check.ts';
import { debianDisk } from './debian-disk.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import { fetchGuests } from './fetch-guests.ts';

/** It needs a disk that takes minutes to make. */
const DISK_TEST = 'src-main/hypervisor/debian-disk.test.ts';
const RESULTS = join(ROOT, 'test-results');

interface Count { readonly passed: number; readonly failed: number }

/** Runs a test program and reads what it wrote; a program that wrote nothing counts as one failure. */
async function run<Report>(command: string, args: readonly string[], report: string, count: (report: Report) => Count): Promise<Count> {
  const [status] = await once(spawn(join(ROOT, 'node_modules/.bin', command), args, { cwd: ROOT, stdio: 'inherit' }), 'close') as [number | null];
  try {
    const { passed, failed } = count(JSON.parse(readFileSync(join(RESULTS, report), 'utf8')) as Report);
    return { passed, failed: status !== 0 && failed === 0 ? 1 : failed };
  } catch { return { passed: 0, failed: 1 }; }
}

const unit = (report: string, ...which: readonly string[]): Promise<Count> => run<{ numPassedTests: number; numFailedTests: number }>('vitest',
  ['run', ...which, '--reporter', 'default', '--reporter', 'json', '--outputFile.json', join(RESULTS, report)], report,
  ({ numPassedTests, numFailedTests }) => ({ passed: numPassedTests, failed: numFailedTests }));

const e2e = (): Promise<Count> => run<{ stats: { expected: number; unexpected: number } }>('playwright',
  ['test', '--config', 'e2e/playwright.config.ts'], 'e2e.json', ({ stats }) => ({ passed: stats.expected, failed: stats.unexpected }));

async function inTurn(...stages: readonly (() => Promise<Count>)[]): Promise<Count[]> {
  const counts: Count[] = [];
  for (const stage of stages) counts.push(await stage());
  return counts;
}

async function checks(): Promise<Count> {
  const failed = await check();
  if (failed.length > 0) console.error(`check failed: ${failed.join(', ')}`);
  return { passed: 0, failed: failed.length };
}

rmSync(RESULTS, { recursive: true, force: true });
mkdirSync(RESULTS, { recursive: true });
try {
  ensureDebianPackages();
  await build();
  await fetchGuests();
  await fetchGuests('generic');
} catch (error) {
  console.error(messageOf(error));
  console.log('0 passed, 1 failed');
  process.exit(1);
}
/** A failure is told by the test that wants the disk. */
async function onDisk(): Promise<Count> {
  try { await debianDisk({ isBuilt: true }); }
  catch (error) { console.error(messageOf(error)); }
  return await unit('disk.json', DISK_TEST);
}

const counts = [await checks(), ...(await Promise.all([unit('unit.json', '--exclude', DISK_TEST), inTurn(onDisk, e2e)])).flat()];
const sum = (of: keyof Count): number => counts.reduce((total, count) => total + count[of], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') > 0 ? 1 : 0;
