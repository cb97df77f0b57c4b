/** The worker of the display: answers the engine's calls, and has all sessions, so that encoding holds up neither the engine nor a VM. */
import type { Duplex } from 'node:stream';
import { parentPort } from 'node:worker_threads';
import { assert, EngineError, saidOf } from '../../shared/base/errors.ts';
import type { Said } from '../../shared/base/phrase.ts';
import { Display } from './display.ts';
import type { FromDisplay, ToDisplay } from './display-messages.ts';
import { RelayedStream } from './relayed-stream.ts';

const port = parentPort;
assert(port !== null, 'runs as a worker');
const streams = new Map<number, RelayedStream>(), admissions = new Map<number, (refused: Said | undefined) => void>();
let nextId = 1;

const post = (message: FromDisplay, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

const display = new Display({
  admit: session => new Promise(resolve => {
    const id = nextId++;
    admissions.set(id, resolve);
    post({ kind: 'admit', id, session });
  }),
  tell: event => post({ kind: 'event', event }),
  stream: (number): Duplex => {
    const stream = new RelayedStream(number, post);
    streams.set(number, stream);
    stream.on('close', () => streams.delete(number));
    return stream;
  },
});

port.on('message', (message: ToDisplay) => {
  switch (message.kind) {
    case 'call': {
      const { id, call } = message;
      display.call(call).then(
        result => post({ kind: 'result', id, result }),
        (error: unknown) => post({ kind: 'error', id, error: { code: error instanceof EngineError ? error.code : 'internal', said: saidOf(error) } }),
      );
      break;
    }
    case 'admission':
      admissions.get(message.id)?.(message.refused);
      admissions.delete(message.id);
      break;
    default: streams.get(message.stream)?.received(message);
  }
});
