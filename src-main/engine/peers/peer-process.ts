/** An engine in a process of its own, to be killed, which peers and commands reach. For tests only. Its arguments are the data folder and the port for peers. */
import { startVm } from '../../hypervisor/start-vm.ts';
import { Engine } from '../engine.ts';
import { listenLocally } from '../local-socket.ts';

const [dataPath = '', port = '0'] = process.argv.slice(2), engine = await Engine.open({ dataPath, startVm });
await listenLocally(dataPath, client => engine.connect(client));
process.stdout.write(`${await engine.peers.listen({ port: Number(port), host: '127.0.0.1' })}\n`);
