/**
 * Connections between engines: TLS 1.3 on which both sides show a certificate, and each goes on only when the other's is the one
 * that it has pinned. Nothing is read before that. Then each says its version, one asks, and the other answers.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { EngineError, messageOf, saidOf } from '../../../shared/base/errors.ts';
import { nested, say, type Phrase } from '../../../shared/base/phrase.ts';
import type { Peer } from '../../../shared/model/peer.ts';
import type { Certificate } from '../../display/rfb/security.ts';
import { MIGRATION_FORMAT } from '../../hypervisor/migration/messages.ts';
import { BUILD, VERSION } from '../build-info.ts';
import { isSame, type PeerDirectory } from './directory.ts';
import { FrameStream } from './frames.ts';
import { Ask, Hello, jsonIn, PEER_PROTOCOL, PEER_VERSION } from './wire.ts';

const MAX_CONNECTIONS = 64;
/** Until both know each other; and how long one that is connected may say nothing. */
const GREETING_MS = 10_000, SILENCE_MS = 60_000, KEEP_ALIVE_MS = 10_000;

export interface PeerNetworkOptions {
  readonly certificate: Certificate;
  readonly fingerprint: string;
  readonly directory: PeerDirectory;
  /** Answers what a peer asks, and closes the connection in the end. What it throws is told to the peer. */
  readonly answer: (ask: Ask, frames: FrameStream, peer: Peer) => Promise<void>;
  /** Somebody was refused, or is another one than this engine knows. */
  readonly refused: (why: Phrase, who: string) => void;
}

const OWN: Hello = { protocol: PEER_PROTOCOL, version: PEER_VERSION, machines: MIGRATION_FORMAT, build: `${VERSION} ${BUILD}`.slice(0, 128) };

export class PeerNetwork {
  private readonly options: PeerNetworkOptions;
  private readonly sockets = new Set<TLSSocket>();
  private server: Server | undefined;

  constructor(options: PeerNetworkOptions) { this.options = options; }

  /** Gives the address with the port that was free, where any was wanted. */
  async listen({ port, host }: { readonly port: number; readonly host: string }): Promise<string> {
    const { key, cert } = this.options.certificate;
    const server = this.server = createServer({ key, cert, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3', handshakeTimeout: GREETING_MS }, socket => void this.accepted(socket));
    server.maxConnections = MAX_CONNECTIONS;
    // One that is no TLS concerns nobody.
    server.on('tlsClientError', (_, socket) => socket.destroy());
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch (error) {
      server.close();
      throw new EngineError('peer.listen', say`Other engines cannot be listened for at ${host}:${String(port)}: ${messageOf(error)}.`);
    }
    const at = server.address() as AddressInfo;
    return `${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`;
  }

  /** Asks a peer. Resolves when it has been asked, and both know each other; the caller closes. */
  async ask(peer: Peer, ask: Ask): Promise<{ readonly frames: FrameStream; readonly hello: Hello }> {
    const { key, cert } = this.options.certificate, { host, port } = placeOf(peer.address);
    const socket = connect({ host, port, key, cert, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    this.follow(socket);
    try {
      await connected(socket);
    } catch (error) {
      socket.destroy();
      throw new EngineError('peer.unreachable', say`${peer.name} cannot be reached at ${peer.address}: ${messageOf(error)}.`);
    }
    const fingerprint = fingerprintOf(socket), frames = new FrameStream(socket);
    if (fingerprint === undefined || !isSame(fingerprint, peer.fingerprint)) {
      socket.destroy();
      const why = say`The engine at ${peer.address} has another certificate than the one that is pinned for ${peer.name}: its fingerprint is ${fingerprint ?? ''}.`;
      this.options.refused(why, peer.id);
      throw new EngineError('peer.other', why);
    }
    try {
      await frames.sendJson('hello', OWN);
      const hello = jsonIn(Hello, await frames.expect('hello'));
      checkVersion(hello, peer.name);
      socket.setTimeout(SILENCE_MS);
      await frames.sendJson('ask', ask);
      return { frames, hello };
    } catch (error) {
      socket.destroy();
      throw error instanceof EngineError && error.code === 'peer.refused' ? new EngineError('peer.refused', say`${peer.name} refused the connection: ${nested(error.said)}`) : error;
    }
  }

  /** Cuts what is connected. */
  async close(): Promise<void> {
    const { server } = this;
    for (const socket of this.sockets) socket.destroy();
    if (server) await new Promise(done => { server.close(done); });
  }

  private async accepted(socket: TLSSocket): Promise<void> {
    this.follow(socket);
    const from = `${socket.remoteAddress}:${socket.remotePort}`, fingerprint = fingerprintOf(socket), peer = fingerprint === undefined ? undefined : this.options.directory.trusted(fingerprint), frames = new FrameStream(socket);
    if (peer === undefined) {
      this.options.refused(fingerprint === undefined ? say`A connection from ${from} was refused: it showed no certificate.` : say`A connection from ${from} was refused: no peer has its certificate, whose fingerprint is ${fingerprint}.`, fingerprint ?? '');
      await frames.refuse(fingerprint === undefined ? say`Engines know each other by certificates, and you showed none.` : say`This engine is not known there: add its fingerprint ${fingerprint} to the peers of that engine.`);
      return;
    }
    try {
      const hello = jsonIn(Hello, await frames.expect('hello'));
      await frames.sendJson('hello', OWN);
      checkVersion(hello, peer.name);
      const ask = jsonIn(Ask, await frames.expect('ask'));
      socket.setTimeout(SILENCE_MS);
      await this.options.answer(ask, frames, peer);
    } catch (error) {
      if (!(error instanceof EngineError)) process.stderr.write(`quarterdeck: peer ${peer.name}: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
      await frames.refuse(saidOf(error));
    }
  }

  private follow(socket: TLSSocket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => { /* whoever reads or writes hears of it */ });
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setNoDelay(true);
    socket.setTimeout(GREETING_MS, () => socket.destroy(new EngineError('peer.silent', 'The other engine does not answer.')));
  }
}

async function connected(socket: TLSSocket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>(), closed = () => reject(new Error('it closed the connection'));
  socket.once('secureConnect', () => resolve(undefined)).once('error', reject).once('close', closed);
  try { await promise; } finally { socket.off('error', reject).off('close', closed); }
}

/** As `openssl x509 -fingerprint -sha256` writes it. */
const fingerprintOf = (socket: TLSSocket): string | undefined => socket.getPeerX509Certificate()?.fingerprint256;

function checkVersion(other: Hello, name: string): void {
  if (other.protocol === OWN.protocol && other.version === OWN.version && other.machines === OWN.machines) return;
  const of = ({ protocol, version, machines, build }: Hello) => `${protocol} ${version}.${machines} (${build})`;
  throw new EngineError('peer.version', say`This engine and ${name} have different versions of what engines say to each other, ${of(OWN)} and ${of(other)}: bring both to one version of Quarterdeck.`);
}

function placeOf(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}

