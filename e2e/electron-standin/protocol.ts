/** `protocol`, and the mapping between the app's scheme and the https addresses Chromium is given in its place. */
import type Electron from 'electron';

type Handler = (request: Request) => Response | Promise<Response>;
const handlers = new Map<string, Handler>();
const SUFFIX = '.standin';

/** `app://host/path` is `https://host.app.standin/path` to Chromium. */
export function toChromium(url: string): string {
  const match = /^([a-z]+):\/\/([^/]+)(.*)$/.exec(url);
  return match?.[1] !== undefined && handlers.has(match[1]) ? `https://${match[2]}.${match[1]}${SUFFIX}${match[3]}` : url;
}

export function fromChromium(url: string): string {
  const match = /^https:\/\/([^/]+)\.([a-z]+)\.standin(.*)$/.exec(url);
  return match ? `${match[2]}://${match[1]}${match[3]}` : url;
}

/** The answer of the app's handler; undefined when it has none for this scheme. */
export function handled(url: string): Promise<Response> | undefined {
  const handler = handlers.get(url.slice(0, url.indexOf(':')));
  return handler && Promise.resolve(handler(new Request(url)));
}

export const protocol = {
  registerSchemesAsPrivileged: (_: Parameters<typeof Electron.protocol.registerSchemesAsPrivileged>[0]): void => undefined,
  handle: (scheme: string, handler: Handler): void => { handlers.set(scheme, handler); },
};
