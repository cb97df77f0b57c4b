/** Moves VMs between hosts, and keeps what became of it. */
import { EngineError, saidOf } from '../../shared/base/errors.ts';
import type { HostId, TaskId, VmId } from '../../shared/base/ids.ts';
import { nested, problemFields, saidBy, say } from '../../shared/base/phrase.ts';
import { linkOf } from '../../shared/model/host.ts';
import { MIGRATION_LIMITS, USUAL_DOWNTIME_MS, type Migration, type MigrationCheck, type MigrationPhase, type MigrationRequest, type MigrationSample } from '../../shared/model/migration.ts';
import { ROOT } from '../../shared/model/task.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { PAGE_BYTES } from '../cpu/core/dirty-log.ts';
import { Link } from '../hypervisor/migration/link.ts';
import type { MigrationFigures, MigrationRules } from '../hypervisor/migration/outgoing.ts';
import { refOf } from '../inventory/inventory.ts';
import { hostNowNs } from '../time/host-time.ts';
import type { Engine } from './engine.ts';
import { checksOf, movedTo } from './migration-checks.ts';
import type { Part, TaskContext } from './task-runner.ts';

type Context = Pick<Engine, 'inventory' | 'power' | 'tasks'>;
const MIB = 2 ** 20;
/** Of a migration of high priority, which are compressed at the same time. */
const HIGH_BATCHES = 4;

/** For proofs: what no operator asks for. */
export type ProofRules = Pick<MigrationRules, 'verify' | 'ignoresWrites'>;

interface Live { readonly link: Link; readonly from: HostId; readonly to: HostId; readonly memoryMib: number }

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
    const { inventory, power } = this.engine, vm = inventory.vm(id), isRunning = vm.powerState === 'poweredOn', stats = isRunning ? await power.stats(id).catch(() => null) : null;
    return checksOf({
      vm, request, inventory, isRunning, from: inventory.host(vm.hostId), to: inventory.host(request.hostId), moved: movedTo(vm, request, inventory), guestAnswers: stats === null ? undefined : stats.guestMemory !== undefined,
      arrivingMib: [...this.live].reduce((sum, [other, { to, memoryMib }]) => sum + (to === request.hostId && other !== id ? memoryMib : 0), 0),
    });
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
    if (this.engine.inventory.vm(id).powerState === 'poweredOn') await this.runLive(id, request, context);
    else await this.settle(id, request);
  }

  /** It is the other host's from now on. */
  private async settle(id: VmId, request: MigrationRequest, downtimeMs?: number): Promise<void> {
    const { inventory } = this.engine;
    await inventory.transact(edit => {
      const vm = edit.vm(id), to = edit.host(request.hostId), from = edit.host(vm.hostId), { name } = vm.spec;
      edit.put('vm', movedTo(vm, request, inventory));
      edit.event({ severity: 'info', type: 'vm.migrated', message: downtimeMs === undefined ? say`${name} was moved from ${from.name} to ${to.name}.` : say`${name} was moved from ${from.name} to ${to.name} while it ran; it stood still for ${Math.round(downtimeMs)} ms.`, target: refOf(vm) });
    });
  }

  private async runLive(id: VmId, request: MigrationRequest, { signal, progress }: TaskContext): Promise<void> {
    const { inventory, power } = this.engine, vm = inventory.vm(id), from = inventory.host(vm.hostId), to = inventory.host(request.hostId), { memoryMib, name } = vm.spec, memoryBytes = memoryMib * MIB;
    const live: Live = { link: new Link(), from: from.id, to: to.id, memoryMib }, record = this.begin(id, { fromHost: from.name, toHost: to.name, memoryBytes }), startedNs = hostNowNs();
    let last: MigrationFigures | undefined, stoodStillNs = 0, downtimeMs: number | undefined;
    const sample = (phase: MigrationPhase) => {
      record.phase = phase;
      const { round = 0, sentBytes = 0, leftPages = memoryBytes / PAGE_BYTES, pagesPerSecond = 0, dirtyPagesPerSecond = 0, expectedDowntimeMs = 0, slowed = 0, zeroPages = 0 } = last ?? {};
      record.zeroBytes = zeroPages * PAGE_BYTES;
      record.samples.push({ atMs: (hostNowNs() - startedNs) / 1e6, phase, round, sentBytes, leftBytes: leftPages * PAGE_BYTES, bytesPerSecond: pagesPerSecond * PAGE_BYTES, dirtyBytesPerSecond: dirtyPagesPerSecond * PAGE_BYTES, expectedDowntimeMs, slowed });
      if (record.samples.length > MIGRATION_LIMITS.samples) record.samples.splice(0, record.samples.length, ...record.samples.filter((_, at) => at % 2 === 0 || at === record.samples.length - 1));
    };
    this.live.set(id, live);
    this.follow(live);
    sample('preparing');
    try {
      await power.move(id, {
        hostId: to.id, signal,
        rules: { downtimeMs: request.downtimeMs ?? USUAL_DOWNTIME_MS, batches: request.priority === 'high' ? HIGH_BATCHES : 1, bytesPerSecond: request.rateMbps && request.rateMbps * 1e6 / 8, keepsSpeed: request.keepsSpeed, link: live.link.buffer, ...this.proof },
        progress: figures => {
          last = figures;
          sample('copying');
          const copied = figures.round === 1 ? 1 - figures.leftPages * PAGE_BYTES / memoryBytes : 1;
          const left = Math.round(figures.leftPages * PAGE_BYTES / MIB), rate = Math.round(figures.pagesPerSecond * PAGE_BYTES / MIB);
          progress(0.9 * copied, figures.slowed > 0 ? say`Round ${figures.round}: ${left} MiB left, at ${rate} MiB/s; the guest is slowed down by ${Math.round(100 * figures.slowed)} %` : say`Round ${figures.round}: ${left} MiB left, at ${rate} MiB/s`);
        },
        switching: () => {
          stoodStillNs = hostNowNs();
          sample('switching');
          progress(0.95, say`Switching over`);
        },
        moved: () => { downtimeMs = (hostNowNs() - stoodStillNs) / 1e6; },
      });
      sample('moved');
      Object.assign(record, { downtimeMs });
      await this.settle(id, request, downtimeMs);
    } catch (error) {
      sample(signal.aborted ? 'cancelled' : 'failed');
      if (!signal.aborted) {
        Object.assign(record, problemFields(saidOf(error)));
        inventory.eventually(edit => edit.find('vm', id) && edit.event({ severity: 'warning', type: 'vm.notMigrated', message: edit.vm(id).powerState === 'poweredOn' ? say`${name} was not moved and goes on on ${from.name}: ${nested(saidOf(error))}` : say`${name} was not moved from ${from.name}: ${nested(saidOf(error))}`, target: refOf(vm) }));
      }
      throw error;
    } finally {
      record.endedMs = Date.now();
      this.live.delete(id);
      await this.keep(id, record);
    }
  }

  /** With the VM, with fewer figures. */
  private async keep(id: VmId, { samples, ...record }: Migration): Promise<void> {
    const { kept, keptSamples } = MIGRATION_LIMITS, nth = Math.ceil(samples.length / keptSamples);
    const thin = samples.filter((sample, at) => at % nth === 0 || sample.phase !== 'copying' || samples[at + 1]?.phase !== 'copying');
    await this.engine.inventory.transact(edit => {
      const vm = edit.find('vm', id);
      if (vm !== undefined) edit.put('vm', { ...vm, migrations: [{ ...record, samples: thin }, ...vm.migrations ?? []].slice(0, kept) });
    }).catch(() => { /* what became of it counts, not that it is kept */ });
    this.records.delete(id);
  }

  private begin(id: VmId, what: Pick<Migration, 'fromHost' | 'toHost' | 'memoryBytes'>): Draft {
    const record: Draft = { ...what, startedMs: Date.now(), phase: 'preparing', zeroBytes: 0, samples: [] };
    this.records.set(id, record);
    return record;
  }

  /** What the links of both hosts are makes the way between them. */
  private follow({ link, from, to }: Live): void {
    const { inventory } = this.engine, ends = [inventory.find('host', from), inventory.find('host', to)].filter(host => host !== undefined), links = ends.map(linkOf);
    link.set({
      bitsPerSecond: Math.min(...links.map(({ mbps }) => mbps * 1e6)), latencyMs: links.reduce((sum, { latencyMs }) => sum + latencyMs, 0),
      loss: 1 - links.reduce((kept, { lossPercent }) => kept * (1 - lossPercent / 100), 1), isCut: ends.length < 2 || links.some(({ connected }) => !connected) || ends.some(({ connected }) => !connected),
    });
  }
}

type Draft = { -readonly [K in keyof Migration]: Migration[K] } & { samples: MigrationSample[] };
