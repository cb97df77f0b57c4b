/**
 * VMs that go to other engines. Once one has been given away it stands still here, also when this engine is started again, until the
 * other one says that it took it, or that it never will (decision 31).
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { EngineError, saidOf } from '../../../shared/base/errors.ts';
import type { ArrivalId, VmId } from '../../../shared/base/ids.ts';
import { english, messageFields, nested, say } from '../../../shared/base/phrase.ts';
import type { MigrationCheck, MigrationRequest } from '../../../shared/model/migration.ts';
import type { Given, Peer } from '../../../shared/model/peer.ts';
import { withProblem, type Vm } from '../../../shared/model/vm.ts';
import { PortChannel } from '../../hypervisor/migration/channel.ts';
import { Link } from '../../hypervisor/migration/link.ts';
import type { MigrateOptions } from '../../hypervisor/vm-launch.ts';
import { refOf } from '../../inventory/inventory.ts';
import type { Engine } from '../engine.ts';
import type { PeerDirectory } from './directory.ts';
import { PeerChannel, pump, type FrameStream } from './frames.ts';
import { checksOfLeaving } from './peer-checks.ts';
import { filesOf, ownFile, relativeFile, showing } from './shared-files.ts';
import { isSameMachine, recordOf } from './vm-record.ts';
import { Checks, jsonIn, Outcome, type Ask, type VmOffer } from './wire.ts';

/** How often a peer that has a VM is asked for it, while it does not answer. */
const RETRY_MS = 2000;

export interface DeparturesOptions {
  readonly engine: Pick<Engine, 'inventory' | 'power' | 'files'>;
  readonly directory: PeerDirectory;
  readonly ask: (peer: Peer, ask: Ask) => Promise<FrameStream>;
}
/** How a VM leaves while it runs. */
export type Leave = Pick<MigrateOptions, 'rules' | 'signal' | 'progress' | 'switching'> & { /** It runs there from now on. */ readonly moved: () => void };
/** Whether the VM was taken, as soon as somebody knows. */
interface Asking { readonly taken: PromiseWithResolvers<boolean>; isDecided: boolean }

export class Departures {
  private readonly options: DeparturesOptions;
  private readonly asking = new Map<VmId, Asking>();
  private readonly closed = new AbortController();

  constructor(options: DeparturesOptions) { this.options = options; }

  /** What this engine has against it, then what the other has. */
  async checks(id: VmId, request: MigrationRequest, guestAnswers: boolean | undefined): Promise<readonly MigrationCheck[]> {
    const { inventory, files } = this.options.engine, vm = inventory.vm(id), used = await filesOf(vm), isRunning = vm.powerState === 'poweredOn';
    const own = checksOfLeaving({ vm, from: inventory.host(vm.hostId), request, inventory, isRunning, guestAnswers, ownFile: ownFile(used, files, vm), relativeFile: relativeFile(used) });
    const found = [...own, ...await this.checksThere(vm, request).catch((error: unknown): MigrationCheck[] => {
      if (!(error instanceof EngineError)) throw error;
      return [{ name: error.code === 'peer.files' ? 'shared-files' : 'peer', group: error.code === 'peer.files' ? 'datastore' : 'host', severity: 'error', ...messageFields(error.said) }];
    })];
    return [...found.filter(({ severity }) => severity === 'error'), ...found.filter(({ severity }) => severity === 'warning')];
  }

  private async checksThere(vm: Vm, request: MigrationRequest): Promise<readonly MigrationCheck[]> {
    return await this.offering(vm, request, async offer => {
      const frames = await this.ask(this.peerOf(request), { ask: 'checks', ...offer });
      try { return jsonIn(Checks, await frames.expect('answer')) as readonly MigrationCheck[]; } finally { frames.close(); }
    });
  }

  /** While it runs. Resolves when it is the other engine's. */
  async leave(id: VmId, request: MigrationRequest, { moved, ...how }: Leave): Promise<void> {
    const { inventory, power } = this.options.engine, vm = inventory.vm(id), peer = this.peerOf(request), arrivalId = newArrival(), frames = await this.offered(vm, request, arrivalId);
    const { port1, port2 } = new MessageChannel(), channel = new PortChannel(port2, { link: how.rules.link && new Link(how.rules.link) }), stream = new PeerChannel(frames);
    let isGiven = false, taken: boolean | undefined, cause: unknown;
    const out = pump(channel, stream, async message => {
      if (message.kind !== 'yours') return message;
      const record = await this.give(vm, peer, arrivalId);
      isGiven = true;
      return { ...message, payload: record };
    });
    const back = pump(stream, channel, async message => {
      if (!isGiven) return message;
      if (message.kind === 'running') taken = true;
      if (message.kind === 'refused') {
        await this.takeBack(id);
        taken = false;
      }
      return message;
    });
    // When one way ends the other does: what nobody will hear is not waited for.
    const end = (error: unknown) => {
      cause ??= error;
      channel.close();
      if (isGiven && taken === undefined) frames.destroy();
      else frames.close();
    };
    out.catch(end);
    back.catch(end);
    const over = Promise.allSettled([out, back]), outcome = async () => {
      await over;
      return taken ??= isGiven && await this.outcome(id);
    };
    try {
      // A guest that nobody can say anything of stands still.
      await power.leave(id, { ...how, port: port1, hasMoved: () => outcome().catch(() => new Promise<never>(() => { /* the engine ends */ })) });
      taken = true;
    } catch (error) {
      channel.close();
      if (!await outcome()) throw error instanceof EngineError && error.code === 'migration.cut' && cause instanceof EngineError ? reasonOf(cause, peer) : error;
    }
    moved();
    await this.settle(id);
  }

  /** While it is off. */
  async leaveOff(id: VmId, request: MigrationRequest): Promise<void> {
    const vm = this.options.engine.inventory.vm(id), peer = this.peerOf(request), arrivalId = newArrival(), frames = await this.offered(vm, request, arrivalId);
    try {
      const record = await this.give(vm, peer, arrivalId);
      const isTaken = await this.handOver(frames, record).catch(async (error: unknown) => {
        if (!(error instanceof EngineError) || error.code !== 'peer.refused') return await this.outcome(id);
        await this.takeBack(id);
        throw error;
      });
      if (!isTaken) throw new EngineError('peer.refused', say`${peer.name} did not take ${vm.spec.name}.`);
    } finally { frames.close(); }
    await this.settle(id);
  }

  private async handOver(frames: FrameStream, payload: Uint8Array): Promise<true> {
    await frames.send({ kind: 'yours', payload });
    await frames.expect('running');
    return true;
  }

  /** For VMs that an engine that was killed had given away. */
  resume(): void {
    for (const { id, given } of this.options.engine.inventory.allVms) if (given !== undefined) void this.outcome(id).then(async taken => { if (taken) await this.settle(id); }, () => { /* the engine ends */ });
  }

  /** By an operator's word, if the other engine really says nothing. */
  async goOnHere(id: VmId): Promise<void> {
    const { given, spec: { name } } = this.options.engine.inventory.vm(id), asking = this.asking.get(id);
    if (given === undefined) throw new EngineError('not-given', say`${name} is this engine's.`);
    if (asking === undefined) throw new EngineError('not-lost', say`${name} is being moved to ${given.peer}: wait for that.`);
    const taken = await this.ask(this.options.directory.get(given.peerId), { ask: 'outcome', id: given.arrivalId }).then(outcomeIn).catch(() => undefined);
    if (taken === true) throw new EngineError('taken', say`${name} runs in ${given.peer}.`);
    await this.takeBack(id, true);
    asking.isDecided = true;
    asking.taken.resolve(false);
  }

  close(): void {
    this.closed.abort();
    for (const { taken } of this.asking.values()) taken.reject(new EngineError('closed', 'The engine is ending.'));
  }

  private peerOf({ peerId }: MigrationRequest): Peer {
    if (peerId === undefined) throw new EngineError('invalid', 'Choose a peer.');
    return this.options.directory.get(peerId);
  }

  private ask(peer: Peer, ask: Ask): Promise<FrameStream> { return this.options.ask(peer, ask); }

  private async offering<T>(vm: Vm, { hostId, datastoreId, downtimeMs }: MigrationRequest, use: (offer: VmOffer) => Promise<T>): Promise<T> {
    if (hostId === undefined) throw new EngineError('invalid', 'Choose a host of the peer.');
    if (datastoreId !== undefined) throw new EngineError('invalid', 'A virtual machine goes to a peer, or its files to a datastore of this engine, not both at once.');
    const { inventory } = this.options.engine, { name, counterHz, gic } = inventory.host(vm.hostId), used = await filesOf(vm);
    return await showing(used, files => use({ record: recordOf(vm, inventory), isRunning: vm.powerState === 'poweredOn', hostId, from: { name, counterHz, gic }, files, ...(downtimeMs !== undefined && { downtimeMs }) }));
  }

  /** Resolves when the other engine would have it. */
  private async offered(vm: Vm, request: MigrationRequest, id: ArrivalId): Promise<FrameStream> {
    return await this.offering(vm, request, async offer => {
      const frames = await this.ask(this.peerOf(request), { ask: 'move', id, ...offer });
      try {
        await frames.expect('answer');
        frames.keepAlive();
        return frames;
      } catch (error) { frames.close(); throw error; }
    });
  }

  /** From now on it is this engine's only when the other says so. Gives what it is now. */
  private async give(before: Vm, peer: Peer, arrivalId: ArrivalId): Promise<Uint8Array> {
    return await this.options.engine.inventory.transact(edit => {
      const vm = edit.vm(before.id), { name } = vm.spec;
      if (vm.powerState !== before.powerState) throw new EngineError('wrong-state', say`${name} was powered on or off meanwhile.`);
      if (!isSameMachine(vm.spec, before.spec)) throw new EngineError('changed', say`The settings of ${name} were changed meanwhile.`);
      const given: Given = { arrivalId, peerId: peer.id, peer: peer.name, sinceMs: Date.now() };
      edit.put('vm', { ...vm, given });
      return Buffer.from(JSON.stringify(recordOf(vm, edit)));
    });
  }

  /** The other engine did not take it, and never will; or an operator says so. */
  private async takeBack(id: VmId, byHand = false): Promise<void> {
    await this.until(() => this.options.engine.inventory.transact(edit => {
      const { given, ...vm } = edit.vm(id), { name } = vm.spec;
      if (given === undefined) return;
      edit.put('vm', withProblem(vm));
      if (byHand) edit.event({ severity: 'warning', type: 'vm.takenBack', message: say`${name} goes on here by an operator's word; ${given.peer} had not said whether it took it.`, target: refOf(vm) });
      else edit.event({ severity: 'info', type: 'vm.stayed', message: say`${name} stays here: ${given.peer} did not take it.`, target: refOf(vm) });
    }));
  }

  /** It is the other engine's, and in this inventory no more. What is in its folder besides stays. */
  private async settle(id: VmId): Promise<void> {
    const { inventory, power, files } = this.options.engine, gone = await this.until(() => inventory.transact(edit => {
      const vm = edit.find('vm', id);
      if (vm?.given === undefined) return undefined;
      edit.remove({ kind: 'vm', id });
      edit.event({ severity: 'info', type: 'vm.left', message: say`${vm.spec.name} was moved to ${vm.given.peer}.`, target: refOf(vm) });
      return vm.given;
    }));
    this.asking.delete(id);
    power.forget(id);
    const kept = await files.leave(id).catch(() => undefined);
    if (kept !== undefined) inventory.eventually(edit => edit.event({ severity: 'info', type: 'vm.filesKept', message: say`What else was in the folder of a virtual machine that was moved to another engine is in ${kept}.`, target: { kind: 'vm', id, name: kept } }));
    if (gone === undefined) return;
    // Who does not hear it keeps a note, no more.
    await this.ask(this.options.directory.get(gone.peerId), { ask: 'heard', id: gone.arrivalId }).then(async frames => {
      await frames.expect('answer');
      frames.close();
    }).catch(() => undefined);
  }

  /** Tried again while the disk refuses. */
  private async until<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try { return await work(); } catch (error) {
        if (!(error instanceof EngineError) || error.code !== 'not-saved') throw error;
        await wait(RETRY_MS, undefined, { signal: this.closed.signal });
      }
    }
  }

  /** Asks the other engine again and again. Rejects when this one ends. */
  private async outcome(id: VmId): Promise<boolean> {
    const known = this.asking.get(id);
    if (known !== undefined) return await known.taken.promise;
    const asking: Asking = { taken: Promise.withResolvers(), isDecided: false };
    asking.taken.promise.catch(() => { /* who waits hears of it */ });
    this.asking.set(id, asking);
    void this.askUntilAnswered(id, asking).catch((error: unknown) => asking.taken.reject(error as Error));
    try { return await asking.taken.promise; } finally { this.asking.delete(id); }
  }

  private async askUntilAnswered(id: VmId, asking: Asking): Promise<void> {
    const { inventory } = this.options.engine;
    while (!asking.isDecided) {
      const vm = inventory.find('vm', id), { given } = vm ?? {};
      if (given === undefined) return;
      try {
        const taken = await outcomeIn(await this.ask(this.options.directory.get(given.peerId), { ask: 'outcome', id: given.arrivalId }));
        if (asking.isDecided) return;
        asking.isDecided = true;
        if (!taken) await this.takeBack(id);
        asking.taken.resolve(taken);
      } catch (error) {
        this.closed.signal.throwIfAborted();
        await this.tellUnknown(id, error);
        await wait(RETRY_MS, undefined, { signal: this.closed.signal, ref: false });
      }
    }
  }

  private async tellUnknown(id: VmId, error: unknown): Promise<void> {
    await this.options.engine.inventory.transact(edit => {
      const vm = edit.find('vm', id), { given } = vm ?? {};
      if (vm === undefined || given === undefined) return;
      const problem = say`It stands still: it was given to ${given.peer}, which does not say whether it took it. ${nested(saidOf(error))}`;
      if (vm.problem === english(problem)) return;
      edit.put('vm', withProblem(vm, problem));
      if (vm.problem === undefined) edit.event({ severity: 'warning', type: 'vm.given', message: say`${vm.spec.name} stands still: ${given.peer} does not say whether it took it.`, target: refOf(vm) });
    }).catch(() => { /* it is told the next time */ });
  }
}

async function outcomeIn(frames: FrameStream): Promise<boolean> {
  try { return jsonIn(Outcome, await frames.expect('answer')).taken; } finally { frames.close(); }
}

/** Why a move came to nothing, where the machine only saw that its channel was closed. */
const reasonOf = (cause: EngineError, peer: Peer): EngineError => (cause.code.startsWith('peer.') ? new EngineError(cause.code, say`${peer.name}: ${nested(cause.said)}`) : cause);

const newArrival = (): ArrivalId => `arrival-${randomBytes(16).toString('hex')}` as ArrivalId;
