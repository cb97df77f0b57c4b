/**
 * `npm test`: everything. The cheapest failures come first; then unit tests run beside those that need a browser, and at last
 * those that need a disk that takes minutes to make, and one that needs a quiet machine. Each stage runs whatever became of
 * those before it; at the end stand all failures, and a line that sums up.
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
/** It measures how processors are divided, which there have to be. */
const QUIET_TEST = 'src-main/engine/cpu-scheduler.test.ts';
const RESULTS = join(ROOT, 'test-results');

/** What a stage came to: how many tests passed, and of each that failed its name and why. */
interface Outcome { readonly passed: number; readonly failures: readonly string[] }

/** Runs a test program and reads what it wrote; a program that wrote nothing counts as one failure. */
async function run<Report>(command: string, args: readonly string[], report: string, outcome: (report: Report) => Outcome): Promise<Outcome> {
  const started = performance.now();
  const [status] = await once(spawn(join(ROOT, 'node_modules/.bin', command), args, { cwd: ROOT, stdio: 'inherit' }), 'close') as [number | null];
  const stage = `${command} (${report})`;
  console.log(`${stage}: ${Math.round((performance.now() - started) / 1000)} s`);
  try {
    const { passed, failures } = outcome(JSON.parse(readFileSync(join(RESULTS, report), 'utf8')) as Report);
    return { passed, failures: status !== 0 && failures.length === 0 ? [`${stage} ended with ${status}`] : failures };
  } catch { return { passed: 0, failures: [`${stage} wrote no report`] }; }
}

interface UnitReport {
  readonly numPassedTests: number;
  readonly testResults: readonly { readonly name: string; readonly status: string; readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string; readonly failureMessages: readonly string[] }[] }[];
}

const unit = (report: string, ...which: readonly string[]): Promise<Outcome> => run<UnitReport>('vitest',
  ['run', ...which, '--reporter', 'default', '--reporter', 'json', '--outputFile.json', join(RESULTS, report)], report,
  ({ numPassedTests, testResults }) => ({
    passed: numPassedTests,
    failures: testResults.flatMap(({ name, status, message, assertionResults }) => {
      const failed = assertionResults.filter(test => test.status === 'failed').map(test => `${name}: ${test.fullName}\n${test.failureMessages.join('\n')}`);
      return status === 'failed' && failed.length === 0 ? [`${name}\n${message}`] : failed;
    }),
  }));

interface E2eSuite {
  readonly suites?: readonly E2eSuite[];
  readonly specs: readonly { readonly file: string; readonly title: string;
    readonly tests: readonly { readonly projectName: string; readonly status: string; readonly results: readonly { readonly errors: readonly { readonly message?: string }[] }[] }[] }[];
}

const e2eFailures = (suite: E2eSuite): string[] => [
  ...suite.specs.flatMap(({ file, title, tests }) => tests.filter(test => test.status === 'unexpected')
    .map(({ projectName, results }) => `[${projectName}] ${file}: ${title}\n${results.flatMap(({ errors }) => errors.map(({ message }) => message ?? '')).join('\n')}`)),
  ...(suite.suites ?? []).flatMap(e2eFailures),
];

const e2e = (): Promise<Outcome> => run<{ stats: { expected: number }; suites: readonly E2eSuite[] }>('playwright',
  ['test', '--config', 'e2e/playwright.config.ts'], 'e2e.json', ({ stats, suites }) => ({ passed: stats.expected, failures: suites.flatMap(e2eFailures) }));

async function inTurn(...stages: readonly (() => Promise<Outcome>)[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const stage of stages) outcomes.push(await stage());
  return outcomes;
}

const checks = async (): Promise<Outcome> => ({ passed: 0, failures: (await check()).map(name => `check: ${name}`) });

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
const outcomes = [await checks()];
/** A failure is told by the test that wants the disk. */
const disk = debianDisk('server', { isBuilt: true }).catch((error: unknown) => { console.error(messageOf(error)); });
const afterDisk = (stage: () => Promise<Outcome>) => async (): Promise<Outcome> => { await disk; return await stage(); };
// Never more than two of these at once.
outcomes.push(...(await Promise.all([inTurn(() => unit('unit.json', '--exclude', DISK_TEST, '--exclude', QUIET_TEST), afterDisk(() => unit('disk.json', DISK_TEST))), inTurn(afterDisk(e2e))])).flat());
outcomes.push(await unit('quiet.json', QUIET_TEST));
const failures = outcomes.flatMap(outcome => outcome.failures);
for (const failure of failures) console.error(`\nFAILED ${failure}`);
console.log(`${outcomes.reduce((total, { passed }) => total + passed, 0)} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
