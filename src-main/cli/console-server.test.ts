import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { webSocketPort } from '../../shared/api/port.ts';
import { connect, serve } from '../../shared/api/rpc.ts';
import { ConsoleServer } from './console-server.ts';

interface Echo { echo: { bytes(bytes: Uint8Array): Promise<Uint8Array> } }

const TOKEN = 'secret-of-this-test';
let folder: string, server: ConsoleServer, origin: string, cookie: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'page-'));
  writeFileSync(join(folder, 'index.html'), 'the console');
  server = await ConsoleServer.listen({ port: 0, host: '127.0.0.1', pageFolder: folder, token: TOKEN, connect: port => { serve<Echo, object>(port, { echo: { bytes: bytes => Promise.resolve(bytes) } }); } });
  origin = new URL(server.url).origin;
  cookie = `quarterdeck-${new URL(server.url).port}=${TOKEN}`;
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

interface Answer { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string }

function get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request(`${origin}${path}`, { headers, agent: false }, response => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() }));
    }).on('error', reject).end();
  });
}

/** The status with which a WebSocket is refused, or 101. */
function upgrade(headers: Record<string, string>, path = '/engine'): Promise<number> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}${path}`, { headers });
  return new Promise((resolve, reject) => {
    socket.on('open', () => { socket.close(); resolve(101); });
    socket.on('unexpected-response', (_, response) => { response.destroy(); resolve(response.statusCode ?? 0); });
    socket.on('error', reject);
  });
}

test('the printed address gives a cookie that scripts cannot read and other sites cannot use', async () => {
  const { status, headers } = await get(new URL(server.url).pathname + new URL(server.url).search);
  expect([status, headers.location]).toEqual([303, '/']);
  expect(headers['set-cookie']).toEqual([`${cookie}; Path=/; HttpOnly; SameSite=Strict`]);
});

test('the page is shown to those with the cookie, under its policy', async () => {
  const { status, headers, text } = await get('/', { cookie });
  expect([status, text]).toEqual([200, 'the console']);
  expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/);
  expect(headers).toMatchObject({ 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' });
});

test.each([
  ['without the cookie', '/', {}, 401],
  ['with a wrong token', '/?token=guess', {}, 401],
  ['for what is no file of the console', '/../package.json', {}, 404],
  ['for a host name that others may have pointed here', '/', { host: 'attacker.example' }, 421],
])('a request %s is refused', async (_, path, headers, status) => {
  expect((await get(path, headers)).status).toBe(status);
});

test('the engine is reached from the console\'s own page only, with the cookie', async () => {
  expect(await upgrade({ origin, cookie })).toBe(101);
  expect(await upgrade({ origin })).toBe(401);
  expect(await upgrade({ origin: 'http://attacker.example', cookie })).toBe(403);
  expect(await upgrade({ cookie })).toBe(403);
  expect(await upgrade({ origin, cookie }, '/other')).toBe(404);
});

test('calls and bytes pass over the socket, and what is no message closes it', async () => {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/engine`, { headers: { origin, cookie } });
  await new Promise(resolve => socket.once('open', resolve));
  const { api } = connect<Echo, object>(webSocketPort(socket));
  expect(await api.echo.bytes(new Uint8Array([1, 2, 255]))).toEqual(new Uint8Array([1, 2, 255]));
  const closed = new Promise(resolve => socket.once('close', (code, reason) => resolve([code, reason.toString()])));
  socket.send('hello');
  expect(await closed).toEqual([1003, 'The message is not binary.']);
});
