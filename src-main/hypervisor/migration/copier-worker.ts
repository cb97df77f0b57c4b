/** The thread that copies a guest's memory for a migration: it has the channel, and passes on what the VM's own thread and the destination say. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { EngineError, saidOf } from '../../../shared/base/errors.ts';
import { PortChannel, type MigrationChannel } from './channel.ts';
import type { CopierData, FromCopier, ToCopier } from './copier-thread.ts';
import { Link } from './link.ts';
import { PageCopier } from './page-copier.ts';

const { ram, near: nearPort, far: farPort, link, bytesPerSecond, batches, cancelled } = workerData as CopierData, port = parentPort as MessagePort;
const near = new PortChannel(nearPort), far = new PortChannel(farPort, { link: link && new Link(link), bytesPerSecond });
const say = (message: FromCopier): void => { port.postMessage(message); };
const copier = new PageCopier({ ram, channel: far, batches, bytesPerSecond: () => far.bytesPerSecond, told: (copied, left) => say({ kind: 'told', copied, left }) });

/** Until one of them is closed. */
async function passOn(from: MigrationChannel, to: MigrationChannel): Promise<void> {
  try { for (;;) await to.send(await from.receive()); } catch { /* it is closed */ }
  near.close();
  far.close();
}
void passOn(near, far);
void passOn(far, near);

port.on('message', ({ pages }: ToCopier) => {
  copier.copy(pages, () => Atomics.load(cancelled, 0) !== 0).then(copied => say({ kind: 'copied', copied }), (error: unknown) => say({ kind: 'failed', code: error instanceof EngineError ? error.code : 'internal', said: saidOf(error) }));
});
