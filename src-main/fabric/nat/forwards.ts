/** Port forwards: ports of the host that lead to ports of a guest. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { EngineError } from '../../../shared/base/errors.ts';
import { say } from '../../../shared/base/phrase.ts';
import { FIRST_GUEST } from './addresses.ts';
import { guestViewOf } from './destinations.ts';
import type { TcpFlows } from './tcp-flows.ts';
import type { UdpFlows } from './udp-flows.ts';

export interface PortForward {
  readonly protocol: 'tcp' | 'udp';
  /** Zero: any that is free. */
  readonly hostPort: number;
  readonly guestPort: number;
  /** Loopback when absent. */
  readonly bind?: string | undefined;
}

/** A forward that listens; `hostPort` is the real one. */
export interface OpenForward { readonly hostPort: number; readonly close: () => void }

const LOOPBACK = '127.0.0.1';

export async function openForward(forward: PortForward, flows: { readonly tcp: TcpFlows; readonly udp: UdpFlows }): Promise<OpenForward> {
  try {
    return await (forward.protocol === 'tcp' ? forwardTcp(forward, flows.tcp) : forwardUdp(forward, flows.udp));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException, where = say`${forward.bind ?? LOOPBACK} port ${forward.hostPort} (${forward.protocol})`;
    if (code === 'EADDRINUSE') throw new EngineError('forward', say`The port forward at ${where} is in use.`);
    if (code === 'EACCES') throw new EngineError('forward', say`The port forward at ${where} needs rights that Quarterdeck does not have.`);
    throw new EngineError('forward', say`The port forward at ${where} cannot be opened: ${message}.`);
  }
}

function forwardTcp({ hostPort, guestPort, bind = LOOPBACK }: PortForward, flows: TcpFlows): Promise<OpenForward> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, socket => flows.adopt(socket, FIRST_GUEST, guestPort));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(hostPort, bind, () => {
      server.on('error', () => { /* of one connection that could not be accepted */ });
      resolve({ hostPort: (server.address() as { port: number }).port, close: () => server.close() });
    });
  });
}

function forwardUdp({ hostPort, guestPort, bind = LOOPBACK }: PortForward, flows: UdpFlows): Promise<OpenForward> {
  const socket = createSocket(bind.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (payload, from) => {
    const ends = { guest: FIRST_GUEST, guestPort, peer: viewAsIpv4(from.address), peerPort: from.port };
    flows.adopt(ends, reply => socket.send(reply, from.port, from.address));
    flows.toGuest(ends, payload);
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(hostPort, bind, () => {
      socket.on('error', () => { /* of one datagram */ });
      resolve({ hostPort: socket.address().port, close: () => socket.close() });
    });
  });
}

/** The guest is reached at its IPv4 address. */
function viewAsIpv4(address: string): Uint8Array {
  const seen = guestViewOf(address);
  return seen.length === 4 ? seen : guestViewOf(LOOPBACK);
}
