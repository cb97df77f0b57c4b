import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { InventoryDatabase } from './database.ts';

/** Commits one event after the other, and prints each number once it is committed. */
const WRITER = `
  const { InventoryDatabase } = await import(process.argv[1]);
  const database = new InventoryDatabase(process.argv[2]);
  const target = { kind: 'datacenter', id: 'datacenter', name: 'Datacenter' };
  for (let i = 1; ; i++) {
    database.commit([{ kind: 'event', event: { atMs: i, severity: 'info', type: 'test', message: 'x'.repeat(i % 5000), target } }]);
    process.stdout.write(i + '\\n');
  }`;

test.each([3, 40, 170])('whatever was committed is there after the process was killed (after %i commits)', async count => {
  const folder = mkdtempSync(join(tmpdir(), 'killed-')), path = join(folder, 'inventory.db');
  try {
    const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, new URL('database.ts', import.meta.url).href, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let committed = 0;
    createInterface({ input: writer.stdout }).on('line', line => { committed = Number(line); if (committed === count) writer.kill('SIGKILL'); });
    await once(writer, 'close');
    const database = new InventoryDatabase(path);
    const [newest] = database.events({ limit: 1 }).rows;
    database.close();
    expect(committed).toBeGreaterThanOrEqual(count);
    expect(newest?.atMs).toBeGreaterThanOrEqual(committed);
  } finally { rmSync(folder, { recursive: true }); }
});
