/** Entry of the desktop app's engine process (an Electron utility process). Its one argument is the data folder, if any. */
import type { FromEngineProcess, ToEngineProcess } from '../../shared/api/engine-process.ts';
import { electronPort, type ElectronPortLike } from '../../shared/api/port.ts';
import { assert, messageOf } from '../../shared/base/errors.ts';
import { startVm } from '../hypervisor/start-vm.ts';
import { defaultDataPath } from './data-folder.ts';
import { Engine } from './engine.ts';
import { listenLocally } from './local-socket.ts';

/** What Electron gives a utility process to talk to the app. */
interface ParentPort {
  on(type: 'message', listener: (event: { readonly data: unknown; readonly ports: readonly ElectronPortLike[] }) => void): unknown;
  postMessage(message: FromEngineProcess): void;
}

const parent = (process as { parentPort?: ParentPort }).parentPort;
assert(parent, 'the engine process is started by the desktop app');
const dataPath = process.argv[2] ?? defaultDataPath(), engine = Engine.open({ dataPath, startVm });
const local = engine.then(async open => {
  await open.startHosts();
  return listenLocally(dataPath, client => open.connect(client));
});

parent.on('message', ({ data, ports: [port] }) => {
  const message = data as ToEngineProcess;
  if (message.kind === 'close') void close();
  else if (port) void engine.then(open => open.connect(electronPort(port)), () => port.close());
});

async function close(): Promise<void> {
  await local.then(socket => socket.close(), () => undefined);
  await engine.then(open => open.close(), () => undefined);
  process.exit(0);
}

local.then(() => parent.postMessage({ kind: 'ready' }), (error: unknown) => parent.postMessage({ kind: 'refused', message: messageOf(error) }));
