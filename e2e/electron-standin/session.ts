/** `session.defaultSession`: what the app lets pages do is granted in Chromium, all else stays denied. */
import type Electron from 'electron';
import { session as chromium } from './chromium.ts';
import { strict } from './strict.ts';
import type { WebContents } from './web-contents.ts';

type CheckHandler = Parameters<Electron.Session['setPermissionCheckHandler']>[0];
let check: CheckHandler = null;

/** Electron's names of the permissions that can be granted here, and Chromium's. */
const PERMISSIONS = { 'clipboard-read': 'clipboardReadWrite', 'clipboard-sanitized-write': 'clipboardSanitizedWrite' } as const;

export async function grantPermissions(page: WebContents, origin: string): Promise<void> {
  const names = Object.keys(PERMISSIONS) as (keyof typeof PERMISSIONS)[];
  const granted = names.filter(name => check?.(page as unknown as Electron.WebContents, name, origin, { isMainFrame: true }) ?? true);
  await chromium(undefined).send('Browser.grantPermissions', { origin, permissions: granted.map(name => PERMISSIONS[name]) });
}

export const session = strict('session', {
  defaultSession: strict('session.defaultSession', {
    setPermissionCheckHandler: (handler: CheckHandler): void => { check = handler; },
    setPermissionRequestHandler: (_: Parameters<Electron.Session['setPermissionRequestHandler']>[0]): void => undefined,
  }),
});
