/**
 * VMs that come from other engines. Each becomes this engine's in one transaction, before its first instruction, with a note that
 * says so to whoever gave it, however often that asks (decision 31).
 */
import { MessageChannel } from 'node:worker_threads';
import { EngineError } from '../../../shared/base/errors.ts';
import type { ArrivalId } from '../../../shared/base/ids.ts';
import { saidBy, say } from '../../../shared/base/phrase.ts';
import type { MigrationCheck } from '../../../shared/model/migration.ts';
import type { Peer } from '../../../shared/model/peer.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { PortChannel } from '../../hypervisor/migration/channel.ts';
import type { VmStop } from '../../hypervisor/vm-launch.ts';
import { refOf } from '../../inventory/inventory.ts';
import { checkFits, checkName, checkPowerOn } from '../admission.ts';
import type { Engine } from '../engine.ts';
import { PeerChannel, pump, type FrameStream } from './frames.ts';
import { checksOfComing } from './peer-checks.ts';
import { filesOf, missingFile } from './shared-files.ts';
import { isSameMachine, vmOf } from './vm-record.ts';
import { jsonIn, VmRecord, type Ask, type VmOffer } from './wire.ts';

type Move = Extract<Ask, { ask: 'move' }>;

/** One that is under way. What has been decided stays so. */
interface Coming {
  readonly peer: Peer;
  readonly move: Move;
  vm: Vm;
  state: 'open' | 'deciding' | 'over';
  /** Whether it was taken. */
  readonly decided: PromiseWithResolvers<boolean>;
  readonly gone: PromiseWithResolvers<undefined>;
  stop: () => void;
}

export class Arrivals {
  private readonly engine: Pick<Engine, 'inventory' | 'power'>;
  private readonly coming = new Map<ArrivalId, Coming>();
  private readonly works = new Set<Promise<unknown>>();

  constructor(engine: Pick<Engine, 'inventory' | 'power'>) { this.engine = engine; }

  async checks(offer: VmOffer, peer: Peer): Promise<readonly MigrationCheck[]> {
    const { inventory } = this.engine, { hostId, isRunning, record, from, downtimeMs } = offer, to = inventory.host(hostId), vm = vmOf(offer, inventory);
    const others = [...this.coming.values()].filter(each => each.vm.id !== record.id || each.peer.fingerprint !== peer.fingerprint);
    const arrivingMib = others.reduce((sum, { vm: other, move }) => sum + (other.hostId === hostId && move.isRunning ? other.spec.memoryMib : 0), 0);
    return checksOfComing({
      vm, from: { ...to, ...from }, to, request: { hostId, ...(downtimeMs !== undefined && { downtimeMs }) }, inventory, isRunning, arrivingMib,
      missingFile: await missingFile(offer.files, await filesOf(vm)), arriving: others.map(each => each.vm),
    });
  }

  /** Until the VM is here, or never will be. */
  async take(move: Move, frames: FrameStream, peer: Peer): Promise<void> {
    await this.giveUpEarlier(move, peer);
    const { inventory } = this.engine, error = (await this.checks(move, peer)).find(({ severity }) => severity === 'error');
    if (error !== undefined) throw new EngineError('migration.check', saidBy(error));
    if (this.coming.has(move.id) || inventory.find('arrival', move.id) !== undefined || [...this.coming.values()].some(({ vm }) => vm.id === move.record.id)) throw new EngineError('peer.twice', say`${move.record.spec.name} is being moved here already.`);
    const coming: Coming = { peer, move, vm: vmOf(move, inventory), state: 'open', decided: Promise.withResolvers(), gone: Promise.withResolvers(), stop: () => frames.destroy() };
    this.coming.set(move.id, coming);
    const work = this.receive(coming, frames).finally(() => {
      coming.state = 'over';
      coming.decided.resolve(false);
      this.coming.delete(move.id);
      coming.gone.resolve(undefined);
    });
    this.works.add(work);
    try { await work; } finally { this.works.delete(work); }
  }

  /** Whoever offers a VM again knows that it has it. */
  private async giveUpEarlier({ record }: Move, peer: Peer): Promise<void> {
    for (const coming of [...this.coming.values()].filter(each => each.vm.id === record.id && each.peer.fingerprint === peer.fingerprint)) {
      this.giveUp(coming);
      await coming.gone.promise;
    }
  }

  private giveUp(coming: Coming): void {
    if (coming.state !== 'open') return;
    coming.state = 'over';
    coming.decided.resolve(false);
    coming.stop();
  }

  /** If it was not taken, it never will be. */
  async outcome(id: ArrivalId, { fingerprint }: Peer): Promise<boolean> {
    const coming = this.coming.get(id), arrival = this.engine.inventory.find('arrival', id), from = coming?.peer.fingerprint ?? arrival?.from;
    if (from !== undefined && from !== fingerprint) throw new EngineError('peer.not-yours', 'Another engine gave this virtual machine.');
    if (coming !== undefined) this.giveUp(coming);
    return coming === undefined ? arrival !== undefined : await coming.decided.promise;
  }

  /** Whoever gave it will not ask any more. */
  async heard(id: ArrivalId, { fingerprint }: Peer): Promise<void> {
    await this.engine.inventory.transact(edit => { if (edit.find('arrival', id)?.from === fingerprint) edit.remove({ kind: 'arrival', id }); });
  }

  async close(): Promise<void> {
    for (const coming of this.coming.values()) this.giveUp(coming);
    await Promise.allSettled(this.works);
  }

  private async receive(coming: Coming, frames: FrameStream): Promise<void> {
    await frames.sendJson('answer', {});
    frames.keepAlive();
    if (coming.move.isRunning) await this.receiveRunning(coming, frames);
    else await this.receiveOff(coming, frames);
  }

  private async receiveOff(coming: Coming, frames: FrameStream): Promise<void> {
    this.latest(coming, await frames.expect('yours'));
    await this.commit(coming);
    await frames.send({ kind: 'running', payload: new Uint8Array() });
    frames.close();
  }

  private async receiveRunning(coming: Coming, frames: FrameStream): Promise<void> {
    const { port1, port2 } = new MessageChannel(), channel = new PortChannel(port1), stream = new PeerChannel(frames), ended = Promise.withResolvers<VmStop>();
    let isRefused = false, cause: unknown;
    const machine = this.engine.power.receive(coming.vm, { port: port2, commit: () => this.commit(coming), ended: ended.resolve });
    coming.stop = () => { void machine.terminate(); };
    const into = pump(stream, channel, message => {
      if (message.kind !== 'yours') return Promise.resolve(message);
      this.latest(coming, message.payload);
      return Promise.resolve({ ...message, payload: new Uint8Array() });
    });
    const out = pump(channel, stream, message => {
      isRefused ||= message.kind === 'refused';
      return Promise.resolve(message);
    });
    into.catch((error: unknown) => {
      cause = error;
      channel.close();
    });
    out.catch(() => { /* the machine has said all that it has to say */ });
    const taken = await Promise.race([coming.decided.promise, ended.promise.then(() => false)]);
    if (!taken) {
      const stop = await ended.promise;
      await Promise.race([out.catch(() => undefined), into.catch(() => undefined)]);
      if (!isRefused) await frames.refuse(cause instanceof EngineError && cause.code === 'peer.damaged' ? cause.said : stop.kind === 'failed' ? saidBy(stop) : say`The engine that was to take ${coming.vm.spec.name} gave it up.`);
    } else await out.catch(() => undefined);
    channel.close();
    frames.close();
  }

  /** The record as it was when it was given. */
  private latest(coming: Coming, payload: Uint8Array): void {
    const record = jsonIn(VmRecord, payload);
    if (record.id !== coming.vm.id || !isSameMachine(record.spec, coming.vm.spec)) throw new EngineError('peer.damaged', 'What came from the other engine is damaged.');
    coming.vm = vmOf({ ...coming.move, record }, this.engine.inventory);
  }

  private async commit(coming: Coming): Promise<void> {
    const { move: { id, isRunning }, peer, vm } = coming;
    if (coming.state !== 'open') throw new EngineError('migration.late', 'The guest went on where it was.');
    coming.state = 'deciding';
    try {
      await this.engine.inventory.transact(edit => {
        const host = edit.host(vm.hostId), { name } = vm.spec;
        if (edit.find('vm', vm.id) !== undefined) throw new EngineError('same-id', say`There is a VM with the id ${vm.id} already.`);
        checkName(name, edit.vms, vm);
        checkFits(vm.spec, host);
        if (isRunning) checkPowerOn({ ...vm, powerState: 'poweredOff' }, edit);
        edit.put('vm', vm);
        edit.put('arrival', { id, name, vmId: vm.id, from: peer.fingerprint, atMs: Date.now() });
        edit.event({ severity: 'info', type: 'vm.arrived', message: isRunning ? say`${name} came from ${peer.name} to ${host.name} while it ran.` : say`${name} came from ${peer.name} to ${host.name}.`, target: refOf(vm) });
      });
    } catch (error) {
      coming.decided.resolve(false);
      throw error;
    }
    coming.decided.resolve(true);
  }
}
