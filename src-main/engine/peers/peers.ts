/** Other engines: who they are to this one, and VMs that move between them (decision 31). */
import { X509Certificate } from 'node:crypto';
import { EngineError } from '../../../shared/base/errors.ts';
import type { HostId, PeerId, VmId } from '../../../shared/base/ids.ts';
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import type { MigrationCheck, MigrationRequest } from '../../../shared/model/migration.ts';
import type { NewPeer, Peer, PeerIdentity, PeerStatus } from '../../../shared/model/peer.ts';
import { ROOT, type ObjectRef } from '../../../shared/model/task.ts';
import type { Edit } from '../../inventory/inventory.ts';
import { keptCertificate } from '../certificates.ts';
import type { Engine } from '../engine.ts';
import { newId } from '../new-id.ts';
import { Arrivals } from './arrivals.ts';
import { Departures, type Leave } from './departures.ts';
import { AddedPeers, isSame, type PeerDirectory } from './directory.ts';
import type { FrameStream } from './frames.ts';
import { PeerNetwork } from './peer-network.ts';
import { Hosts, jsonIn, type Ask } from './wire.ts';

/** In the data folder: what other engines know this one by. */
const CERTIFICATE = 'peer-certificate.json';
/** Of the same, so long nothing more is told. */
const QUIET_MS = 60_000, MOST_TOLD = 1000;

type Context = Pick<Engine, 'inventory' | 'power' | 'files'>;
export const peerRef = ({ id, name }: Peer): ObjectRef => ({ kind: 'peer', id, name });

export class Peers {
  private readonly engine: Context;
  private readonly directory: PeerDirectory;
  private readonly arrivals: Arrivals;
  private readonly departures: Departures;
  private network: Promise<PeerNetwork> | undefined;
  private listening: string | undefined;
  private readonly told = new Map<string, number>();

  constructor(engine: Context) {
    this.engine = engine;
    this.directory = new AddedPeers(engine.inventory);
    this.arrivals = new Arrivals(engine);
    this.departures = new Departures({ engine, directory: this.directory, ask: async (peer, ask) => (await (await this.open()).ask(peer, ask)).frames });
  }

  /** Lets peers in. Gives the address. */
  async listen(at: { readonly port: number; readonly host: string }): Promise<string> { return this.listening = await (await this.open()).listen(at); }

  async identity(): Promise<PeerIdentity> {
    const { cert } = await keptCertificate(this.engine.files.dataPath, CERTIFICATE);
    return { fingerprint: fingerprintIn(cert), ...(this.listening !== undefined && { listening: this.listening }) };
  }

  add(edit: Edit, wanted: NewPeer, own: string): Peer {
    const same = edit.all('peer').find(({ name, fingerprint }) => name.toLocaleLowerCase('en') === wanted.name.toLocaleLowerCase('en') || isSame(fingerprint, wanted.fingerprint));
    if (same !== undefined) throw new EngineError('name-taken', isSame(same.fingerprint, wanted.fingerprint) ? say`${same.name} has this fingerprint already.` : say`There already is a peer named ${same.name}.`);
    if (isSame(own, wanted.fingerprint)) throw new EngineError('invalid', 'This is the fingerprint of this engine itself.');
    const peer: Peer = { id: newId<PeerId>('peer'), ...wanted };
    edit.put('peer', peer);
    edit.event({ severity: 'info', type: 'peer.added', message: say`The peer ${peer.name} was added.`, target: peerRef(peer) });
    return peer;
  }

  remove(edit: Edit, id: PeerId): void {
    const peer = edit.get('peer', id), vm = edit.allVms.find(({ given }) => given?.peerId === id);
    if (vm !== undefined) throw new EngineError('in-use', say`${vm.spec.name} was given to ${peer.name}, which has not said whether it took it.`);
    edit.remove({ kind: 'peer', id });
    edit.event({ severity: 'info', type: 'peer.removed', message: say`The peer ${peer.name} was removed.`, target: peerRef(peer) });
  }

  async check(id: PeerId): Promise<PeerStatus> {
    const { frames, hello: { version, machines, build } } = await (await this.open()).ask(this.directory.get(id), { ask: 'hosts' });
    try { return { version: `${version}.${machines}`, build, hosts: jsonIn(Hosts, await frames.expect('answer')) }; } finally { frames.close(); }
  }

  /** The host that is asked for, as it is called in records. */
  async describe({ peerId, hostId }: { readonly peerId: PeerId; readonly hostId?: HostId | undefined }): Promise<string> {
    const peer = this.directory.get(peerId), host = (await this.check(peerId)).hosts.find(each => each.id === hostId);
    if (host === undefined) throw new EngineError('not-found', say`${peer.name} has no such host.`);
    return `${peer.name}: ${host.name}`;
  }

  async checks(id: VmId, request: MigrationRequest, guestAnswers: boolean | undefined): Promise<readonly MigrationCheck[]> { return await this.departures.checks(id, request, guestAnswers); }
  async leave(id: VmId, request: MigrationRequest, how: Leave): Promise<void> { await this.departures.leave(id, request, how); }
  async leaveOff(id: VmId, request: MigrationRequest): Promise<void> { await this.departures.leaveOff(id, request); }
  async goOnHere(id: VmId): Promise<void> { await this.departures.goOnHere(id); }
  resume(): void { this.departures.resume(); }

  /** Before VMs are turned off. */
  async close(): Promise<void> {
    this.departures.close();
    await this.arrivals.close();
    await (await this.network?.catch(() => undefined))?.close();
  }

  private open(): Promise<PeerNetwork> {
    return this.network ??= keptCertificate(this.engine.files.dataPath, CERTIFICATE).then(certificate => new PeerNetwork({
      certificate, fingerprint: fingerprintIn(certificate.cert), directory: this.directory, answer: (ask, frames, peer) => this.answer(ask, frames, peer), refused: (why, who) => this.tellRefused(why, who),
    }));
  }

  private async answer(ask: Ask, frames: FrameStream, peer: Peer): Promise<void> {
    switch (ask.ask) {
      case 'hosts': await frames.sendJson('answer', this.engine.inventory.hosts.map(({ id, name, model, cpus, memoryMib }) => ({ id, name, model, cpus, memoryMib }))); break;
      case 'checks': await frames.sendJson('answer', await this.arrivals.checks(ask, peer)); break;
      case 'outcome': await frames.sendJson('answer', { taken: await this.arrivals.outcome(ask.id, peer) }); break;
      case 'heard':
        await this.arrivals.heard(ask.id, peer);
        await frames.sendJson('answer', {});
        break;
      case 'move': await this.arrivals.take(ask, frames, peer); break;
      default: ask satisfies never;
    }
    frames.close();
  }

  /** Whoever tries again and again fills no log. */
  private tellRefused(message: Phrase, who: string): void {
    const nowMs = Date.now(), before = this.told.get(who);
    if (before !== undefined && nowMs - before < QUIET_MS) return;
    if (this.told.size >= MOST_TOLD) this.told.clear();
    this.told.set(who, nowMs);
    this.engine.inventory.eventually(edit => edit.event({ severity: 'warning', type: 'peer.refused', message, target: ROOT }));
  }
}

const fingerprintIn = (cert: string): string => new X509Certificate(cert).fingerprint256;
