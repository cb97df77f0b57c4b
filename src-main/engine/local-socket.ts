/**
 * Where commands on the same machine reach a running engine: a socket in its data folder, which only the folder's owner
 * may use; on Windows a pipe that is named after the folder. The same messages go over it as to a browser.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import { webSocketPort, type Port } from '../../shared/api/port.ts';
import { messageOf } from '../../shared/base/errors.ts';

/** What a socket's path may have on every system (sun_path). */
const MAX_PATH_BYTES = 103;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Undefined where the folder's name is too long for a socket. */
export function localSocketPath(dataPath: string): string | undefined {
  const folder = resolve(dataPath);
  if (process.platform === 'win32') return `\\\\.\\pipe\\quarterdeck-${createHash('sha256').update(folder.toLowerCase()).digest('hex').slice(0, 32)}`;
  const path = join(folder, 'engine.sock');
  return Buffer.byteLength(path) <= MAX_PATH_BYTES ? path : undefined;
}

export interface LocalSocket { close(): Promise<void> }

/** The engine holds the folder's lock, so a socket that is there is a dead engine's. An engine runs without one where it cannot be made. */
export async function listenLocally(dataPath: string, connect: (client: Port) => void): Promise<LocalSocket> {
  const path = localSocketPath(dataPath), server = createServer(), sockets = new WebSocketServer({ server, maxPayload: MAX_MESSAGE_BYTES });
  sockets.on('connection', client => {
    client.on('error', () => client.terminate());
    connect(webSocketPort(client));
  });
  sockets.on('error', error => process.stderr.write(`quarterdeck: commands cannot reach this engine: ${messageOf(error)}.\n`));
  if (path !== undefined) await listen(server, path);
  return {
    close: async () => {
      for (const client of sockets.clients) client.terminate();
      await new Promise(done => { server.close(done); });
    },
  };
}

async function listen(server: ReturnType<typeof createServer>, path: string): Promise<void> {
  if (process.platform !== 'win32') await rm(path, { force: true });
  await new Promise<void>(done => {
    server.once('error', () => done());
    // The socket is made within the call; nothing else may be made with this mask.
    const before = process.umask(0o177);
    server.listen(path, done);
    process.umask(before);
  });
}

/** Undefined when no engine runs on the folder. */
export function connectLocally(dataPath: string): Promise<Port | undefined> {
  const path = localSocketPath(dataPath);
  if (path === undefined) return Promise.resolve(undefined);
  const socket = new WebSocket(`ws+unix:${path}:/`, { maxPayload: MAX_MESSAGE_BYTES });
  return new Promise(done => {
    socket.once('open', () => done(webSocketPort(socket)));
    socket.once('error', () => done(undefined));
  });
}
