/** What no page may do, whatever it contains. */
import { app, session, shell, type WebContents, type WebFrameMain } from 'electron';
import { isPageUrl } from './page-protocol.ts';

/** Links the console shows; all others go nowhere. */
const EXTERNAL_HOSTS: readonly string[] = ['www.debian.org', 'developer.arm.com'];
/** Copy and paste in the terminal; what alarms tell. */
const PERMISSIONS: readonly string[] = ['clipboard-sanitized-write', 'clipboard-read', 'notifications'];

export function isConsolePage(frame: WebFrameMain | null): boolean {
  return frame !== null && frame.parent === null && isPageUrl(frame.url);
}

export function restrictPages(): void {
  session.defaultSession.setPermissionRequestHandler((page, permission, answer) => answer(isPageUrl(page.getURL()) && PERMISSIONS.includes(permission)));
  session.defaultSession.setPermissionCheckHandler((page, permission) => page !== null && isPageUrl(page.getURL()) && PERMISSIONS.includes(permission));
  app.on('web-contents-created', (_, page) => restrict(page));
}

function restrict(page: WebContents): void {
  page.on('will-navigate', event => event.preventDefault());
  page.on('will-attach-webview', event => event.preventDefault());
  page.setWindowOpenHandler(({ url }) => {
    if (isAllowedOutside(url)) void shell.openExternal(url);
    return { action: 'deny' };
  });
}

function isAllowedOutside(url: string): boolean {
  const { protocol, host } = URL.parse(url) ?? {};
  return protocol === 'https:' && host !== undefined && EXTERNAL_HOSTS.includes(host);
}
