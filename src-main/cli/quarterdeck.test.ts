import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { USUAL_SIZE } from '../../shared/model/display.ts';
import { assemble } from '../cpu/asm/assembler.ts';
import { TestViewer } from '../display/rfb/test-viewer.ts';

interface End { readonly code: number; readonly stdout: string; readonly stderr: string }

/** The command as it ends for the shell. */
function quarterdeck(...args: string[]): Promise<End> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, [join(import.meta.dirname, 'quarterdeck.ts'), ...args], (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }));
  });
}

test.each([
  [['frobnicate'], "unknown command 'frobnicate'"],
  [[], 'a command is missing: run, serve, disk, vm'],
  [['serve', '--port', 'many'], 'A port is a number from 0 to 65535.'],
  [['serve', '--colour', 'red'], "unknown option '--colour'"],
  [['run', '--profile=none'], 'Number of regions is a whole number from 1 to 1000.'],
  [['run', '--symbols', 'System.map'], 'Symbols are for a profile: give --profile too.'],
  [['run', '--boot-watchdog', '2h'], 'A time of the boot watchdog is 1s to 60m.'],
  [['run', '--time-rate', '0'], 'A rate of time is a number from 0.01 to 100.'],
  [['run', '--memory', '1'], 'Memory is 64M to 3072M'],
  [['run', '--net', 'bridge'], 'A network is nat, switch:NAME or none.'],
  [['run', '--forward', 'tcp:80'], 'A port forward is written as tcp:8080:80'],
  [['run', '--forward', 'tcp:8080:80'], 'A port forward needs a NAT: give --net nat too.'],
  [['run', '--capture', 'a.pcapng'], 'There is no network adapter to capture from: give --net too.'],
  [['run', '--kernel', '/nowhere/Image'], 'The kernel /nowhere/Image cannot be read'],
])('bad usage %j ends with 2 and one sentence on stderr', async (args, sentence) => {
  const { code, stdout, stderr } = await quarterdeck(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^quarterdeck: [^\n]+\n$/);
  expect(stderr).toContain(sentence);
});

test('a profile of the guest is on stderr, and all else as without', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), image = join(folder, 'loop.bin');
  try {
    await writeFile(image, assemble('mov x1, #2000000\nagain: subs x1, x1, #1\n b.ne again\n mov x0, #0x84000008\n hvc #0', 0x4008_0000));
    const { code, stdout, stderr } = await quarterdeck('run', '--kernel', image, '--profile=1');
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(/^\nProfile: [^]*\nTranslator: [^]*\nhvc +1 [^]*\n1\. [^]* EL1 at 0x40080008, [^]* subs x1, x1, #1\n[^]*$/);
    expect(stderr).not.toContain('\n2. ');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a VNC client sees the display of a VM that was run with one, and a place that is taken is told', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), image = join(folder, 'loop.bin'), path = join(folder, 'vnc.sock');
  await writeFile(image, assemble('again: wfi\n b again', 0x4008_0000));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'quarterdeck.ts'), 'run', '--kernel', image, '--vnc', path], { stdio: ['pipe', 'ignore', 'pipe'] }), ended = once(child, 'exit');
  try {
    const [said] = await once(child.stderr, 'data') as [Buffer];
    expect(said.toString()).toBe(`quarterdeck: VNC clients find the display at ${path}.\n`);
    const stream = connect(path), { width, height } = await TestViewer.connect(stream, { encodings: [0] });
    expect([width, height]).toEqual([USUAL_SIZE.width, USUAL_SIZE.height]);
    stream.destroy();
    const { code, stderr } = await quarterdeck('run', '--kernel', image, '--vnc', path);
    expect([code, stderr]).toEqual([2, `quarterdeck: Somebody listens at ${path} already.\n`]);
  } finally {
    child.kill();
    await ended;
    await rm(folder, { recursive: true });
  }
}, 60_000);

test('help is no failure', async () => {
  const { code, stdout } = await quarterdeck('--help');
  expect(code).toBe(0);
  expect(stdout).toMatch(/run \[options\][^]*serve \[options\]/);
});
