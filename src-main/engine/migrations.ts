/** Moves VMs between hosts and datastores, and keeps what became of it. */
import { resolve } from 'node:path';
import { EngineError, saidOf } from '../../shared/base/errors.ts';
import type { DatastoreId, HostId, PeerId, TaskId, VmId } from '../../shared/base/ids.ts';
import { nested, problemFields, saidBy, say } from '../../shared/base/phrase.ts';
import { isOn, linkOf } from '../../shared/model/host.ts';
import { MIGRATION_LIMITS, USUAL_DOWNTIME_MS, type Migration, type MigrationCheck, type MigrationPhase, type MigrationRequest, type MigrationSample } from '../../shared/model/migration.ts';
import { ROOT } from '../../shared/model/task.ts';
import { withProblem, type Vm } from '../../shared/model/vm.ts';
import { PAGE_BYTES } from '../cpu/core/dirty-log.ts';
import { Link } from '../hypervisor/migration/link.ts';
import type { MigrationFigures, MigrationRules } from '../hypervisor/migration/outgoing.ts';
import { refOf } from '../inventory/inventory.ts';
import { hostNowNs } from '../time/host-time.ts';
import type { Engine } from './engine.ts';
import { checksOf, movedTo, placeOf, type MovingFiles } from './migration-checks.ts';
import { filesIn, moveFiles } from './moved-files.ts';
import type { Move } from './power.ts';
import type { Part, TaskContext } from './task-runner.ts';

type Context = Pick<Engine, 'inventory' | 'power' | 'tasks' | 'files' | 'datastores' | 'keptOff' | 'captures' | 'peers'>;
/** For a migration that moves files too, they are this part of it. */
const FILES_PART = 0.5;
const MIB = 2 ** 20;
/** Of a migration of high priority, which are compressed at the same time. */
const HIGH_BATCHES = 4;

/** For proofs: what no operator asks for. */
export type ProofRules = Pick<MigrationRules, 'verify' | 'ignoresWrites'>;

/** `to` is absent when it goes to another engine. */
interface Live { readonly id: VmId; readonly link: Link; readonly from: HostId; readonly to?: HostId; readonly memoryMib: number; /** The VM runs at the destination already. */ isFollowing: boolean; /** And waits for the link. */ waits: boolean }

export class Migrations {
  private readonly engine: Context;
  /** Those that go on. */
  private readonly records = new Map<VmId, Migration>();
  private readonly live = new Map<VmId, Live>();
  proof: ProofRules = {};

  constructor(engine: Context) {
    this.engine = engine;
    engine.inventory.changed.on(changes => { if (changes.some(({ kind }) => kind === 'host')) for (const each of this.live.values()) this.follow(each); });
  }

  of(id: VmId): readonly Migration[] {
    const { migrations = [] } = this.engine.inventory.vm(id), record = this.records.get(id);
    return record === undefined ? migrations : [record, ...migrations];
  }

  async checks(id: VmId, request: MigrationRequest): Promise<readonly MigrationCheck[]> {
    const { inventory, power } = this.engine, vm = inventory.vm(id), isRunning = vm.powerState === 'poweredOn', stats = isRunning ? await power.stats(id).catch(() => null) : null, hostId = request.hostId ?? vm.hostId;
    if (request.peerId !== undefined) return await this.engine.peers.checks(id, request, stats === null ? undefined : stats.guestMemory !== undefined);
    return checksOf({
      vm, request, inventory, isRunning, from: inventory.host(vm.hostId), to: inventory.host(hostId), moved: movedTo(vm, request, inventory), guestAnswers: stats === null ? undefined : stats.guestMemory !== undefined, files: await this.filesOf(vm, request),
      arrivingMib: [...this.live].reduce((sum, [other, { to, memoryMib, isFollowing }]) => sum + (to === hostId && other !== id && !isFollowing ? memoryMib : 0), 0),
    });
  }

  /** What is to be known of the VM's files where they are to go to another datastore. */
  private async filesOf(vm: Vm, { datastoreId }: MigrationRequest): Promise<MovingFiles | undefined> {
    if (datastoreId === undefined || datastoreId === placeOf(vm)) return undefined;
    const { files, datastores, captures, inventory } = this.engine, folder = resolve(files.folder(vm.id)), bytes = (await filesIn(folder)).reduce((sum, each) => sum + each.bytes, 0), to = inventory.get('datastore', datastoreId);
    const free = await datastores.usage(datastoreId).then(({ freeBytes }) => freeBytes, (error: unknown) => saidOf(error));
    return { folder, bytes, free, to, captures: captures.pathsOf(vm.id) };
  }

  /** A task; what is wrong with the wish is said at once. */
  async start(ids: readonly VmId[], request: MigrationRequest): Promise<TaskId> {
    const { inventory, tasks } = this.engine, vms = [...new Set(ids)].map(id => inventory.vm(id)), [first] = vms, name = say`Migrate virtual machine`, options = { cancelable: true };
    if (first === undefined) throw new EngineError('invalid', 'Choose a VM.');
    if (vms.length > 1) return await tasks.run(say`Migrate virtual machines`, ROOT, ({ parts }) => parts(vms.map(vm => this.part(vm, request))), options);
    this.refuse(await this.checks(first.id, request));
    return await tasks.run(name, refOf(first), context => this.run(first.id, request, context), { ...options, alone: first.id });
  }

  part(vm: Vm, request: MigrationRequest): Part {
    return { name: say`Migrate virtual machine`, target: refOf(vm), work: context => this.run(vm.id, request, context), options: { cancelable: true, alone: vm.id } };
  }

  private refuse(checks: readonly MigrationCheck[]): void {
    const error = checks.find(({ severity }) => severity === 'error');
    if (error !== undefined) throw new EngineError('migration.check', saidBy(error));
  }

  private async run(id: VmId, request: MigrationRequest, context: TaskContext): Promise<void> {
    this.refuse(await this.checks(id, request));
    const { inventory } = this.engine, vm = inventory.vm(id), { datastoreId = placeOf(vm) } = request, movesFiles = datastoreId !== placeOf(vm), movesHost = request.hostId !== undefined && request.hostId !== vm.hostId, isLive = movesHost && vm.powerState === 'poweredOn';
    if (request.peerId !== undefined) { await this.runToPeer(id, { ...request, peerId: request.peerId }, context); return; }
    if (!movesFiles && !isLive) { await this.settle(id, request); return; }
    const datastoreName = (of: DatastoreId) => inventory.get('datastore', of).name;
    const recording = this.begin(id, { fromHost: inventory.host(vm.hostId).name, toHost: inventory.host(request.hostId ?? vm.hostId).name, memoryBytes: isLive ? vm.spec.memoryMib * MIB : 0, ...(movesFiles && { fromDatastore: datastoreName(placeOf(vm)), toDatastore: datastoreName(datastoreId) }) });
    await this.recorded(vm, recording, context, async () => {
      if (movesFiles) {
        recording.sample('storage', { files: 0 });
        const part = movesHost ? FILES_PART : 1;
        await moveFiles(this.engine, id, datastoreId, { signal: context.signal, progress: done => {
          recording.sample('storage', { files: done });
          context.progress(part * done, say`Copying files to ${datastoreName(datastoreId)}`);
        } });
        recording.sample('storage', { files: 1 });
      }
      if (isLive) await this.runLive(id, request, recording, { ...context, progress: (done, details) => context.progress(movesFiles ? FILES_PART + (1 - FILES_PART) * done : done, details) });
      else if (movesHost) await this.settle(id, request);
      if (!isLive) recording.sample('moved', { files: 1 });
    });
  }

  /** Keeps what becomes of the work. */
  private async recorded(vm: Vm, recording: Recording, { signal }: Pick<TaskContext, 'signal'>, work: () => Promise<void>): Promise<void> {
    try { await work(); } catch (error) {
      const now = this.engine.inventory.find('vm', vm.id), hasMoved = now !== undefined && now.hostId !== vm.hostId, isCancelled = signal.aborted && !hasMoved;
      recording.sample(isCancelled ? 'cancelled' : 'failed');
      if (!isCancelled) Object.assign(recording.record, problemFields(saidOf(error)));
      // What became of one that lost its memory there is told with it.
      if (!isCancelled && !hasMoved) this.tellFailed(vm.id, vm, error);
      throw error;
    } finally {
      recording.record.endedMs = Date.now();
      await this.keep(vm.id, recording.record);
    }
  }

  /** To a host of another engine's. */
  private async runToPeer(id: VmId, request: MigrationRequest & { readonly peerId: PeerId }, context: TaskContext): Promise<void> {
    const { inventory, peers } = this.engine, vm = inventory.vm(id);
    if (vm.powerState !== 'poweredOn') { await peers.leaveOff(id, request); return; }
    const recording = this.begin(id, { fromHost: inventory.host(vm.hostId).name, toHost: await peers.describe(request), memoryBytes: vm.spec.memoryMib * MIB });
    await this.recorded(vm, recording, context, () => this.runLive(id, request, recording, context));
  }

  private tellFailed(id: VmId, before: Vm, error: unknown): void {
    const { inventory } = this.engine, { name } = before.spec, hostName = inventory.host(before.hostId).name, why = nested(saidOf(error));
    inventory.eventually(edit => {
      const vm = edit.find('vm', id);
      if (vm === undefined) return;
      const message = vm.powerState === 'poweredOn' ? say`${name} was not moved and goes on on ${hostName}: ${why}` : say`${name} was not moved from ${hostName}: ${why}`;
      edit.event({ severity: 'warning', type: 'vm.notMigrated', message: placeOf(vm) === placeOf(before) ? message : say`The files of ${name} were moved to ${edit.get('datastore', placeOf(vm)).name}, but it stays on ${hostName}: ${why}`, target: refOf(before) });
    });
  }

  /** It is the other host's from now on. */
  private async settle(id: VmId, request: MigrationRequest, downtimeMs?: number): Promise<void> {
    const { inventory } = this.engine;
    await inventory.transact(edit => {
      const vm = edit.vm(id), to = edit.host(request.hostId ?? vm.hostId), from = edit.host(vm.hostId), { name } = vm.spec;
      edit.put('vm', movedTo(vm, request, inventory));
      edit.event({ severity: 'info', type: 'vm.migrated', message: downtimeMs === undefined ? say`${name} was moved from ${from.name} to ${to.name}.` : say`${name} was moved from ${from.name} to ${to.name} while it ran; it stood still for ${Math.round(downtimeMs)} ms.`, target: refOf(vm) });
    });
  }

  private async runLive(id: VmId, request: MigrationRequest, { record, sample }: Recording, { signal, progress, committed }: Pick<TaskContext, 'signal' | 'progress' | 'committed'>): Promise<void> {
    const { inventory, power, peers } = this.engine, { peerId } = request, vm = inventory.vm(id), hostId = request.hostId ?? vm.hostId, { memoryMib } = vm.spec, memoryBytes = memoryMib * MIB;
    const live: Live = { id, link: new Link(), from: vm.hostId, ...(peerId === undefined && { to: hostId }), memoryMib, isFollowing: false, waits: false };
    let stoodStillNs = 0, downtimeMs: number | undefined, settled: Promise<void> | undefined;
    this.live.set(id, live);
    this.follow(live);
    sample('preparing');
    try {
      const how = {
        signal,
        rules: { downtimeMs: request.downtimeMs ?? USUAL_DOWNTIME_MS, batches: request.priority === 'high' ? HIGH_BATCHES : 1, bytesPerSecond: request.rateMbps && request.rateMbps * 1e6 / 8, keepsSpeed: request.keepsSpeed, postCopy: request.postCopy, link: live.link.buffer, ...this.proof },
        progress: (figures: MigrationFigures) => {
          sample(figures.followed === undefined ? 'copying' : 'following', figuresOf(figures));
          record.zeroBytes = figures.zeroPages * PAGE_BYTES;
          const copied = figures.round === 1 ? 1 - figures.leftPages * PAGE_BYTES / memoryBytes : 1, left = Math.round(figures.leftPages * PAGE_BYTES / MIB), rate = Math.round(figures.pagesPerSecond * PAGE_BYTES / MIB);
          if (figures.followed !== undefined) progress(0.95, say`${left} MiB still follow, at ${rate} MiB/s; the guest waited ${Math.round(figures.followed.waitedMs)} ms for ${figures.followed.askedPages} pages`);
          else progress(0.9 * copied, figures.slowed > 0 ? say`Round ${figures.round}: ${left} MiB left, at ${rate} MiB/s; the guest is slowed down by ${Math.round(100 * figures.slowed)} %` : say`Round ${figures.round}: ${left} MiB left, at ${rate} MiB/s`);
        },
        switching: () => {
          stoodStillNs = hostNowNs();
          sample('switching');
          progress(0.95, say`Switching over`);
        },
        moved: () => {
          Object.assign(record, { downtimeMs: downtimeMs = (hostNowNs() - stoodStillNs) / 1e6 });
          if (request.postCopy !== true) return;
          committed(say`${vm.spec.name} runs on ${inventory.host(hostId).name} already, and what is left of its memory follows it there. That can only go on.`);
          live.isFollowing = true;
          sample('following');
          settled = this.settle(id, request, downtimeMs);
          settled.then(() => this.follow(live), () => { /* awaited below */ });
        },
      } satisfies Omit<Move, 'to'>;
      await (peerId === undefined ? power.move(id, { to: movedTo(vm, request, inventory), ...how }) : peers.leave(id, request, how));
      live.isFollowing = false;
      sample('moved');
      if (peerId === undefined) await (settled ?? this.settle(id, request, downtimeMs));
    } finally {
      this.live.delete(id);
      if (live.waits) this.goesOn(live);
    }
  }

  /** With the VM, with fewer figures. */
  private async keep(id: VmId, { samples, ...record }: Migration): Promise<void> {
    const { kept, keptSamples } = MIGRATION_LIMITS, nth = Math.ceil(samples.length / keptSamples);
    const thin = samples.filter((sample, at) => at % nth === 0 || samples[at + 1]?.phase !== sample.phase);
    await this.engine.inventory.transact(edit => {
      const vm = edit.find('vm', id);
      if (vm !== undefined) edit.put('vm', { ...vm, migrations: [{ ...record, samples: thin }, ...vm.migrations ?? []].slice(0, kept) });
    }).catch(() => { /* what became of it counts, not that it is kept */ });
    this.records.delete(id);
  }

  private begin(id: VmId, what: Pick<Migration, 'fromHost' | 'toHost' | 'memoryBytes' | 'fromDatastore' | 'toDatastore'>): Recording {
    const record: Draft = { ...what, startedMs: Date.now(), phase: 'preparing', zeroBytes: 0, samples: [] }, startedNs = hostNowNs(), { samples } = record;
    let last: Figures = { round: 0, sentBytes: 0, leftBytes: what.memoryBytes, bytesPerSecond: 0, dirtyBytesPerSecond: 0, expectedDowntimeMs: 0, slowed: 0 };
    this.records.set(id, record);
    return { record, sample: (phase, figures = {}) => {
      last = { ...last, ...figures };
      record.phase = phase;
      samples.push({ atMs: (hostNowNs() - startedNs) / 1e6, phase, ...last });
      if (samples.length > MIGRATION_LIMITS.samples) samples.splice(0, samples.length, ...samples.filter((_, at) => at % 2 === 0 || at === samples.length - 1));
    } };
  }

  /** It waits no longer, unless it is gone: then its problem is another one. */
  private goesOn(live: Live): void {
    live.waits = false;
    this.engine.inventory.eventually(edit => {
      const vm = edit.find('vm', live.id);
      if (vm?.powerState !== 'poweredOn') return;
      edit.put('vm', withProblem(vm));
      edit.event({ severity: 'info', type: 'vm.wentOn', message: say`${vm.spec.name} goes on: the migration network is back.`, target: refOf(vm) });
    });
  }

  /** Of a VM whose memory follows it: without the link it waits, and without the host that it came from it is lost. */
  private watch(live: Live): void {
    const { inventory, power } = this.engine, from = inventory.find('host', live.from), { isCut } = live.link;
    if (from === undefined || !isOn(from)) { void power.loseSource(live.id); return; }
    if (isCut === live.waits) return;
    if (!isCut) { this.goesOn(live); return; }
    live.waits = true;
    inventory.eventually(edit => {
      const vm = edit.find('vm', live.id);
      if (vm?.powerState !== 'poweredOn') return;
      edit.put('vm', withProblem(vm, say`It waits for memory that is still on ${from.name}: the migration network is cut. It goes on when that is back.`));
      edit.event({ severity: 'warning', type: 'vm.waits', message: say`${vm.spec.name} waits for memory that is still on ${from.name}: the migration network is cut.`, target: refOf(vm) });
    });
  }

  /** What the links of both hosts are makes the way between them. */
  private follow(live: Live): void {
    const { link, from, to } = live, { inventory } = this.engine, hosts = [from, ...(to === undefined ? [] : [to])].map(id => inventory.find('host', id)), ends = hosts.filter(host => host !== undefined), links = ends.map(linkOf);
    link.set({
      bitsPerSecond: Math.min(...links.map(({ mbps }) => mbps * 1e6)), latencyMs: links.reduce((sum, { latencyMs }) => sum + latencyMs, 0),
      loss: 1 - links.reduce((kept, { lossPercent }) => kept * (1 - lossPercent / 100), 1), isCut: ends.length < hosts.length || links.some(({ connected }) => !connected) || ends.some(({ connected }) => !connected),
    });
    if (live.isFollowing) this.watch(live);
  }
}

type Figures = Omit<MigrationSample, 'atMs' | 'phase'>;
/** A migration's record, and what adds to it. */
interface Recording { readonly record: Draft; readonly sample: (phase: MigrationPhase, figures?: Partial<Figures>) => void }
const figuresOf = ({ round, sentBytes, leftPages, pagesPerSecond, dirtyPagesPerSecond, expectedDowntimeMs, slowed, followed }: MigrationFigures): Figures => ({ round, sentBytes, leftBytes: leftPages * PAGE_BYTES, bytesPerSecond: pagesPerSecond * PAGE_BYTES, dirtyBytesPerSecond: dirtyPagesPerSecond * PAGE_BYTES, expectedDowntimeMs, slowed, ...followed });

type Draft = { -readonly [K in keyof Migration]: Migration[K] } & { samples: MigrationSample[] };
