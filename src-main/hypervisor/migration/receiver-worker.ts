/** The thread that places pages in a guest's memory while the guest runs, and asks for those that somebody waits for. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { Pa } from '../../../shared/base/ids.ts';
import { MissingPages } from '../../cpu/core/missing-pages.ts';
import { PortChannel } from './channel.ts';
import { Link } from './link.ts';
import { damaged, packAsked, unpackPages } from './messages.ts';
import type { FromReceiver, ReceiverData, ToReceiver } from './page-receiver.ts';

const { memory, first, bytes, far, link } = workerData as ReceiverData, port = parentPort as MessagePort;
const pages = new MissingPages(memory, first as Pa, bytes), cable = link && new Link(link), channel = new PortChannel(far, { link: cable }), asked = new Set<number>();
let askedPages = 0, waitedMs = 0, isOver = false;
channel.persist();

const say = (message: FromReceiver): void => { port.postMessage(message); };
const empty = () => new Uint8Array();

/** The source may go. */
async function endIfWhole(): Promise<void> {
  if (isOver || pages.count > 0) return;
  isOver = true;
  // Where the link is cut, the source finds out when this thread ends.
  if (cable?.isCut !== true) await channel.send({ kind: 'whole', payload: packAsked({ pages: [], askedPages, waitedMs }) }).catch(() => { /* it is gone */ });
  say({ kind: 'whole' });
}

async function receive(): Promise<void> {
  await channel.send({ kind: 'running', payload: empty() });
  await endIfWhole();
  while (!isOver) {
    const { kind, payload } = await channel.receive();
    if (kind !== 'pages') throw damaged();
    let isAsked = false;
    await unpackPages(payload, pages.pages, (page, contents) => {
      pages.place(page, contents);
      isAsked = asked.delete(page) || isAsked;
    });
    pages.arrived();
    if (isAsked) say({ kind: 'arrived' });
    await endIfWhole();
  }
}

port.on('message', (message: ToReceiver) => {
  ({ waitedMs } = message);
  const wanted = message.pages.filter(page => !asked.has(page) && pages.has(page));
  for (const page of wanted) asked.add(page);
  askedPages += wanted.length;
  if (wanted.length > 0) channel.send({ kind: 'asked', payload: packAsked({ pages: wanted, askedPages, waitedMs }) }).catch(() => { /* `receive` hears of it too */ });
  // What was asked for too late is there already.
  if (wanted.length < message.pages.length) say({ kind: 'arrived' });
  void endIfWhole();
});

receive().catch(() => {
  if (isOver) return;
  isOver = true;
  pages.lose();
  say({ kind: 'lost' });
});
