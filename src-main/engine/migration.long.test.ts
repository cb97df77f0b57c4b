import { expect, test } from 'vitest';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { freePort } from '../../scripts/free-port.ts';
import { proveMigration } from './migration-proof.ts';

test.each([['pre-copy', false], ['post-copy', true]])('Debian moves a hundred times under load, then fifty times with a fault at a random point, and loses nothing: %s', async (_, postCopy) => {
  const { downtimesMs, echoed } = await proveMigration({ guest: await fetchGuests('cloud'), hostPort: await freePort(), moves: 100, faults: 50, seed: 1, postCopy });
  expect(downtimesMs).toHaveLength(100);
  expect(echoed).toBeGreaterThan(150);
}, 3_600_000);
