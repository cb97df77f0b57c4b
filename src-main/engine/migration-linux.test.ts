import { expect, test } from 'vitest';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { freePort } from '../../scripts/free-port.ts';
import { proveMigration } from './migration-proof.ts';

test.each([['pre-copy', false], ['post-copy', true]])('Debian moves back and forth under load, also when a move fails, and loses nothing: %s', async (_, postCopy) => {
  const { downtimesMs, echoed } = await proveMigration({ guest: await fetchGuests('cloud'), hostPort: await freePort(), moves: 4, faults: 4, seed: 9, postCopy });
  expect(downtimesMs).toHaveLength(4);
  expect(echoed).toBeGreaterThan(8);
}, 300_000);
