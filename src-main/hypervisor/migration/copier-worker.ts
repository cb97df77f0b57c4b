/** The thread that copies a guest's memory for a migration: it has the channel, and passes on what the VM's own thread and the destination say. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { EngineError, saidOf } from '../../../shared/base/errors.ts';
import { PortChannel, type MigrationChannel } from './channel.ts';
import type { CopierData, FromCopier, ToCopier } from './copier-thread.ts';
import { Link } from './link.ts';
import { unpackAsked, type Asked } from './messages.ts';
import { PageCopier } from './page-copier.ts';
import { PageServer } from './page-server.ts';

const { ram, near: nearPort, far: farPort, link, bytesPerSecond, batches, cancelled, postCopy } = workerData as CopierData, port = parentPort as MessagePort;
const near = new PortChannel(nearPort), far = new PortChannel(farPort, { link: link && new Link(link), bytesPerSecond });
const say = (message: FromCopier): void => { port.postMessage(message); };
const copier = new PageCopier({ ram, channel: far, batches, bytesPerSecond: () => far.bytesPerSecond, told: (copied, left) => say({ kind: 'told', copied, left: server?.left ?? left, followed: server?.followed }) });
let server: PageServer | undefined;
/** Before it is told to serve. */
const asked: Asked[] = [];

/** Until one of them is closed. */
async function passOn(from: MigrationChannel, to: MigrationChannel): Promise<void> {
  try {
    for (;;) {
      const message = await from.receive();
      // The guest cannot come back without what is still to be sent.
      if (message.kind === 'yours' && postCopy === true) far.persist();
      if (message.kind === 'asked') {
        asked.push(unpackAsked(message.payload));
        server?.ask(asked.splice(0));
      } else await to.send(message);
    }
  } catch { /* it is closed */ }
  near.close();
  far.close();
}
void passOn(near, far);
void passOn(far, near);

port.on('message', ({ pages, areFollowing }: ToCopier) => {
  if (areFollowing) {
    server = new PageServer(copier, pages);
    server.ask(asked.splice(0));
  }
  const copied = server === undefined ? copier.copy(pages, () => Atomics.load(cancelled, 0) !== 0) : server.serve();
  copied.then(all => say({ kind: 'copied', copied: all }), (error: unknown) => say({ kind: 'failed', code: error instanceof EngineError ? error.code : 'internal', said: saidOf(error) }));
});
