import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';

/** A worker's bundle, or its source, below this folder, where the engine itself runs from source. */
export function workerFile(name: string, source = `${name}.ts`): string {
  const found = [join(import.meta.dirname, `../engine/${name}.js`), join(import.meta.dirname, source)].find(existsSync);
  if (found === undefined) throw new EngineError('not-built', 'The hypervisor is not built: run `npm run build` first.');
  return found;
}
