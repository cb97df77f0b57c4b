/** Where any VNC client can connect: a port of the loopback interface, or a Unix socket that only its owner may use. */
import { once } from 'node:events';
import { chmod, lstat, mkdtemp, rename, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import type { VncListener } from '../../shared/model/display.ts';

/** Sessions, and those who have not shown yet that they may have one. */
const MAX_CONNECTIONS = 32;

export class VncServer {
  /** With the port that was free, where any was wanted. */
  readonly at: VncListener['at'];
  private readonly server: Server;

  private constructor(server: Server, at: VncListener['at']) {
    this.server = server;
    this.at = at;
  }

  /** `accept` gets each connection, and what to call it. */
  static async listen(at: VncListener['at'], accept: (socket: Socket, client: string) => void): Promise<VncServer> {
    const server = createServer({ noDelay: true }, socket => accept(socket, at.kind === 'tcp' ? `${socket.remoteAddress}:${socket.remotePort}` : at.path));
    server.maxConnections = MAX_CONNECTIONS;
    try {
      if (at.kind === 'unix') {
        await listenAtPath(server, at.path);
        return new VncServer(server, at);
      }
      server.listen(at.port, '127.0.0.1');
      await once(server, 'listening');
      return new VncServer(server, { kind: 'tcp', port: (server.address() as AddressInfo).port });
    } catch (error) {
      server.close();
      if (error instanceof EngineError) throw error;
      throw at.kind === 'tcp' ? new EngineError('vnc-listener', say`VNC clients cannot be listened for at port ${String(at.port)}: ${messageOf(error)}`)
        : new EngineError('vnc-listener', say`VNC clients cannot be listened for at ${at.path}: ${messageOf(error)}`);
    }
  }

  /** Connections stay. */
  async close(): Promise<void> {
    this.server.close();
    if (this.at.kind === 'unix') await rm(this.at.path, { force: true });
  }
}

/** It gets its place only when nobody but its owner can use it any more. */
async function listenAtPath(server: Server, path: string): Promise<void> {
  await removeStale(path);
  const folder = await mkdtemp(join(dirname(path), '.vnc-')), hidden = join(folder, 's');
  try {
    server.listen(hidden);
    await once(server, 'listening');
    await chmod(hidden, 0o600);
    await rename(hidden, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A socket that nobody listens at any more is what was left of an engine that was killed. */
async function removeStale(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined) return;
  if (!there.isSocket()) throw new EngineError('vnc-listener', say`${path} is there already, and is not a socket.`);
  const probe = connect(path), isAlive = await new Promise<boolean>(resolve => {
    probe.once('connect', () => resolve(true));
    probe.once('error', () => resolve(false));
  });
  probe.destroy();
  if (isAlive) throw new EngineError('vnc-listener', say`Somebody listens at ${path} already.`);
  await rm(path, { force: true });
}
