import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assemble } from '../cpu/asm/assembler.ts';
import { GuestSession } from './guest-session.ts';

test('a guest that waits behind an expired timer that nobody listens to is idle, and its VM still answers', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), imagePath = join(folder, 'wait.bin');
  await writeFile(imagePath, assemble('mov x0, #1\n msr cntv_cval_el0, xzr\n msr cntv_ctl_el0, x0\nagain: wfi\n b again', 0x4008_0000));
  const session = new GuestSession({ guest: { kind: 'binary', imagePath } });
  try {
    let stats = await session.vm.stats();
    while ((stats.exits.wfi ?? 0) === 0) stats = await session.vm.stats();
    expect((await session.vm.stats()).exits.wfi).toBe(1);
  } finally {
    await session.vm.terminate();
    await rm(folder, { recursive: true });
  }
});
