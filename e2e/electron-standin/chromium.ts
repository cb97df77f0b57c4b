/** Debian's Chromium over the DevTools protocol. Commands have Playwright's types of that protocol. */
import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { CDPSession } from '@playwright/test';
import { CHROMIUM, CHROMIUM_ARGS } from '../fixtures/chromium.ts';

type Send = CDPSession['send'];
interface Reply { readonly id?: number; readonly result?: unknown; readonly error?: { readonly message: string }; readonly method?: string; readonly params?: unknown; readonly sessionId?: string }

let socket: WebSocket | undefined;
let browser: ChildProcess | undefined;
let lastId = 0;
const pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
const events = new EventEmitter();

/** Resolves with the browser's own DevTools URL. */
export async function startChromium(userData: string): Promise<string> {
  const display = process.env.DISPLAY === undefined ? ['--headless=new'] : [];
  const child = spawn(CHROMIUM, [...display, ...CHROMIUM_ARGS, '--remote-debugging-port=0', `--user-data-dir=${userData}/chromium`, '--no-startup-window'], { stdio: ['ignore', 'ignore', 'pipe'] });
  browser = child;
  process.on('exit', () => child.kill());
  const url = await devToolsUrl(child.stderr);
  socket = new WebSocket(url);
  socket.addEventListener('message', ({ data }) => receive(JSON.parse(String(data)) as Reply));
  await once(socket, 'open');
  await session(undefined).send('Target.setDiscoverTargets', { discover: true });
  return url;
}

/** Resolves when none of its processes is left to write into the profile. */
export async function stopChromium(): Promise<void> {
  if (!browser || browser.exitCode !== null || browser.signalCode !== null) return;
  const closed = once(browser, 'close');
  browser.kill();
  await closed;
}

function devToolsUrl(stderr: NodeJS.ReadableStream): Promise<string> {
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    createInterface({ input: stderr }).on('line', line => {
      said.push(line);
      const url = /^DevTools listening on (ws:.*)$/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    }).on('close', () => reject(new Error(`Chromium ended before it listened: ${said.join('; ')}`)));
  });
}

function receive({ id, result, error, method, params, sessionId }: Reply): void {
  if (id === undefined) { events.emit(`${sessionId ?? ''} ${method ?? ''}`, params); return; }
  const command = pending.get(id);
  pending.delete(id);
  if (error) command?.reject(new Error(error.message));
  else command?.resolve(result);
}

export interface Session { readonly send: Send; on<P>(method: string, listener: (params: P) => void): void }

/** The commands and events of one target, or of the browser. */
export function session(id: string | undefined): Session {
  const send = (method: string, params: object = {}) => new Promise((resolve, reject) => {
    pending.set(++lastId, { resolve, reject });
    socket?.send(JSON.stringify({ id: lastId, method, params, ...(id !== undefined && { sessionId: id }) }));
  });
  return { send: send as Send, on: (method, listener) => { events.on(`${id ?? ''} ${method}`, listener); } };
}
