/** Certificates of this engine's own, each kept in a file of the data folder that only its owner may read. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Certificate } from '../display/rfb/security.ts';
import { makeCertificate } from '../display/start-display.ts';

/** Made once: clients that pinned it know this engine by it. */
export async function keptCertificate(dataPath: string, file: string): Promise<Certificate> {
  const path = join(dataPath, file), kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined) return JSON.parse(kept) as Certificate;
  const made = await makeCertificate('Quarterdeck');
  await mkdir(dataPath, { recursive: true });
  // Whole or not at all, as an engine may be killed.
  await writeFile(`${path}.partial`, JSON.stringify(made), { mode: 0o600 });
  await rename(`${path}.partial`, path);
  return made;
}
