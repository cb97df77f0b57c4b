/** `quarterdeck serve`: the engine and its console in a browser, until it is interrupted. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { EngineError } from '../../shared/base/errors.ts';
import { defaultDataPath } from '../engine/data-folder.ts';
import { Engine } from '../engine/engine.ts';
import { listenLocally } from '../engine/local-socket.ts';
import { startVm } from '../hypervisor/start-vm.ts';
import { accessToken } from './access-token.ts';
import { ConsoleServer } from './console-server.ts';

interface ServeOptions { readonly port: number; readonly host: string; readonly data: string; readonly peerPort?: number; readonly peerHost: string }

const DEFAULT_PORT = 7420;

export const serveCommand = new Command('serve')
  .description('serve the console to browsers')
  .option('--port <number>', 'TCP port; 0 takes a free one', portNumber, DEFAULT_PORT)
  .option('--host <address>', 'address to listen on; others than loopback let the network in, without encryption', '127.0.0.1')
  .option('--data <folder>', 'where the inventory is kept', defaultDataPath())
  .option('--peer-port <number>', 'TCP port where peers reach this engine; 0 takes a free one, without it none do', portNumber)
  .option('--peer-host <address>', 'address at which peers reach it, by TLS, with certificates that both sides know', '127.0.0.1')
  .action(serve);

async function serve({ port, host, data, peerPort, peerHost }: ServeOptions): Promise<void> {
  const engine = await Engine.open({ dataPath: resolve(data), startVm });
  try {
    await engine.startHosts();
    const local = await listenLocally(data, client => engine.connect(client));
    const server = await ConsoleServer.listen({ port, host, pageFolder: pageFolder(), token: await accessToken(data), connect: client => engine.connect(client) });
    process.stdout.write(`Quarterdeck is at ${server.url}\n`);
    if (peerPort !== undefined) {
      const address = await engine.peers.listen({ port: peerPort, host: peerHost }), { fingerprint } = await engine.peers.identity();
      process.stdout.write(`Peers reach this engine at ${address}; its fingerprint is ${fingerprint}\n`);
    }
    await interrupted();
    await server.close();
    await local.close();
  } finally { await engine.close(); }
}

function pageFolder(): string {
  const folder = join(import.meta.dirname, '../renderer');
  if (!existsSync(folder)) throw new EngineError('not-built', 'The console is not built: run `npm run build` first.');
  return folder;
}

function interrupted(): Promise<void> {
  return new Promise(done => { for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => done()); });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}
