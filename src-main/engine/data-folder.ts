import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the inventory lies when nothing else is asked for (XDG Base Directory Specification). */
export function defaultDataPath(): string {
  const base = process.env.XDG_DATA_HOME;
  return join(base?.startsWith('/') ? base : join(homedir(), '.local/share'), 'quarterdeck');
}
