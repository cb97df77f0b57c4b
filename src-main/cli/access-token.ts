import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The secret that lets browsers in. It is kept with the inventory, so that they stay signed in when the server restarts. */
export async function accessToken(dataPath: string): Promise<string> {
  const path = join(dataPath, 'access-token');
  const known = await readFile(path, 'utf8').catch(() => '');
  if (/^[\w-]{32}$/.test(known)) return known;
  const token = randomBytes(24).toString('base64url');
  await writeFile(path, token, { mode: 0o600 });
  return token;
}
