/** `app://quarterdeck/`: the console's files, with the same headers as from the server. Not `file:`, which may do more. */
import { readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { protocol } from 'electron';
import { contentType, PAGE_HEADERS } from '../../shared/api/page-policy.ts';

const SCHEME = 'app', HOST = 'quarterdeck';

/** The console, at one of its routes. */
export const pageUrl = (route = '/'): string => `${SCHEME}://${HOST}/index.html#${route}`;

export function isPageUrl(url: string): boolean {
  const { protocol: scheme, host } = URL.parse(url) ?? {};
  return scheme === `${SCHEME}:` && host === HOST;
}

/** To be called before the app is ready. */
export function registerPageScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } }]);
}

export function servePage(folder: string): void {
  protocol.handle(SCHEME, async ({ url }) => {
    const { host, pathname } = new URL(url);
    // `normalize` of an absolute path cannot climb above the root.
    const path = normalize(decodeURIComponent(pathname));
    if (host !== HOST) return notFound();
    try { return new Response(await readFile(join(folder, path)), { headers: { ...PAGE_HEADERS, 'Content-Type': contentType(path) } }); } catch { return notFound(); }
  });
}

const notFound = (): Response => new Response('There is no such page.', { status: 404, headers: PAGE_HEADERS });
