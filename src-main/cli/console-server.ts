/**
 * The console over HTTP and WebSocket. The page itself is no secret; the engine is: its socket wants the cookie that
 * only the printed URL gives, from a page of this very server (Origin), asked for under an address or a name that no
 * foreign name server can point here (Host).
 */
import { timingSafeEqual } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { contentType, PAGE_HEADERS } from '../../shared/api/page-policy.ts';
import { webSocketPort, type Port } from '../../shared/api/port.ts';
import { EngineError, messageOf } from '../../shared/base/errors.ts';

export interface ConsoleServerOptions { readonly port: number; readonly host: string; readonly pageFolder: string; readonly token: string; readonly connect: (client: Port) => void }

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** A client that answers no ping for this long is gone. */
const HEARTBEAT_MS = 15_000;

export class ConsoleServer {
  private readonly server: Server;
  private readonly sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  private readonly options: ConsoleServerOptions;
  private readonly files: ReadonlySet<string>;

  private constructor(options: ConsoleServerOptions, files: ReadonlySet<string>) {
    this.options = options;
    this.files = files;
    this.server = createServer((request, response) => this.answer(request, response));
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  static async listen(options: ConsoleServerOptions): Promise<ConsoleServer> {
    const entries = await readdir(options.pageFolder, { recursive: true, withFileTypes: true });
    const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name).slice(options.pageFolder.length));
    const console = new ConsoleServer(options, new Set(files));
    await new Promise<void>((resolve, reject) => {
      console.server.once('error', error => reject(unavailable(options, error)));
      console.server.listen(options.port, options.host, resolve);
    });
    return console;
  }

  /** Good for any number of browsers. */
  get url(): string {
    const { address, family, port } = this.address;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/?token=${this.options.token}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets.clients) socket.close(1001, 'The server is ending.');
    const closed = new Promise(resolve => this.server.close(resolve));
    this.server.closeAllConnections();
    for (const socket of this.sockets.clients) socket.terminate();
    await closed;
  }

  private get address(): AddressInfo { return this.server.address() as AddressInfo; }
  /** Cookies are shared by all ports of a host, so the name tells servers apart. */
  private get cookieName(): string { return `quarterdeck-${this.address.port}`; }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    if (!this.hostIsOurs(request)) return refuse(response, 421, 'This server does not answer to that host name.');
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'Only GET is answered.');
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const token = searchParams.get('token');
    if (pathname === '/' && token !== null) return this.signIn(token, response);
    const file = pathname === '/' ? '/index.html' : pathname;
    if (!this.files.has(file)) return refuse(response, 404, 'There is no such page.');
    if (pathname === '/' && !this.isSignedIn(request) && request.headers['sec-fetch-site'] !== 'cross-site') return refuse(response, 401, 'Open the address that "quarterdeck serve" printed.');
    response.writeHead(200, { ...PAGE_HEADERS, 'Content-Type': contentType(file) });
    if (request.method === 'HEAD') response.end();
    else createReadStream(join(this.options.pageFolder, file)).pipe(response);
  }

  private signIn(token: string, response: ServerResponse): void {
    if (!same(token, this.options.token)) return refuse(response, 401, 'The token in the address is not that of this server.');
    response.writeHead(303, { ...PAGE_HEADERS, Location: '/', 'Set-Cookie': `${this.cookieName}=${this.options.token}; Path=/; HttpOnly; SameSite=Strict` }).end();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const status = this.upgradeStatus(request);
    if (status !== 101) { socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`); return; }
    this.sockets.handleUpgrade(request, socket, head, client => {
      watch(client);
      this.options.connect(webSocketPort(client));
    });
  }

  private upgradeStatus(request: IncomingMessage): number {
    if (!this.hostIsOurs(request)) return 421;
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== '/engine') return 404;
    if (request.headers.origin !== `http://${request.headers.host}`) return 403;
    return this.isSignedIn(request) ? 101 : 401;
  }

  private isSignedIn({ headers }: IncomingMessage): boolean {
    const cookies = (headers.cookie ?? '').split(';').map(cookie => cookie.trim().split('='));
    return cookies.some(([name, value]) => name === this.cookieName && same(value ?? '', this.options.token));
  }

  private hostIsOurs({ headers }: IncomingMessage): boolean {
    const name = (headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
    return isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0 || ['localhost', hostname().toLowerCase(), this.options.host.toLowerCase()].includes(name);
  }
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { ...PAGE_HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${sentence}\n`);
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function watch(client: WebSocket): void {
  let alive = true;
  const timer = setInterval(() => {
    if (!alive) { client.terminate(); return; }
    alive = false;
    client.ping();
  }, HEARTBEAT_MS);
  client.on('pong', () => { alive = true; });
  client.on('close', () => clearInterval(timer));
  // Protocol errors and too large messages also close the socket, which is how they are dealt with.
  client.on('error', () => { alive = false; });
}

function unavailable({ host, port }: ConsoleServerOptions, error: Error): EngineError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE') return new EngineError('port-in-use', `Port ${port} is in use; choose another one with --port.`);
  return new EngineError('not-listening', `The server cannot listen on ${host}, port ${port}: ${messageOf(error)}.`);
}
