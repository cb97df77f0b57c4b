import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

interface End { readonly code: number; readonly stdout: string; readonly stderr: string }

/** The command as it ends for the shell. */
function quarterdeck(...args: string[]): Promise<End> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, [join(import.meta.dirname, 'quarterdeck.ts'), ...args], (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }));
  });
}

test.each([
  [['frobnicate'], "unknown command 'frobnicate'"],
  [[], 'a command is missing: run or serve'],
  [['serve', '--port', 'many'], 'A port is a number from 0 to 65535.'],
  [['serve', '--colour', 'red'], "unknown option '--colour'"],
  [['run', '--memory', '1'], 'Memory is 64M to 3072M'],
  [['run', '--kernel', '/nowhere/Image'], 'The kernel /nowhere/Image cannot be read'],
])('bad usage %j ends with 2 and one sentence on stderr', async (args, sentence) => {
  const { code, stdout, stderr } = await quarterdeck(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^quarterdeck: [^\n]+\n$/);
  expect(stderr).toContain(sentence);
});

test('help is no failure', async () => {
  const { code, stdout } = await quarterdeck('--help');
  expect(code).toBe(0);
  expect(stdout).toMatch(/run \[options\][^]*serve \[options\]/);
});
