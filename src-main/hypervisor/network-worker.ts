/** The worker of the network: answers the engine's calls. Frames never come as messages, but through rings. */
import { parentPort } from 'node:worker_threads';
import { assert, EngineError, saidOf } from '../../shared/base/errors.ts';
import type { FromNetwork, ToNetwork } from './network-messages.ts';
import { Network } from './network.ts';

const port = parentPort;
assert(port !== null, 'runs as a worker');
const network = new Network();

port.on('message', ({ id, call }: ToNetwork) => {
  network.call(call).then(
    result => port.postMessage({ id, result } satisfies FromNetwork),
    (error: unknown) => port.postMessage({ id, error: { code: error instanceof EngineError ? error.code : 'internal', said: saidOf(error) } } satisfies FromNetwork),
  );
});
