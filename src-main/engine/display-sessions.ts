/**
 * Sessions at VMs' displays (US 2017/0351537 A1): the properties of the client that a session is for are made the VM's display and
 * input; a session from another kind of device configures them anew, and one with the same properties changes nothing. When the
 * last session of a VM ends, and its rule says so, the VM is suspended; the next session resumes it.
 */
import type { Disposable } from '../../shared/base/disposable.ts';
import { Emitter } from '../../shared/base/emitter.ts';
import { EngineError } from '../../shared/base/errors.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import { configurationFor, isSameConfiguration, DISPLAY_LIMITS, NO_DISPLAY_COUNTERS, type ClientProperties, type DisplayConfiguration, type DisplayCounters, type DisplaySession, type VmDisplay } from '../../shared/model/display.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { refOf } from '../inventory/inventory.ts';
import type { Engine } from './engine.ts';
import { newId } from './new-id.ts';

/** Who opens a session. */
export interface SessionClient extends Pick<DisplaySession, 'client' | 'kind' | 'properties'> {
  /** Made when absent. */
  readonly id?: string;
  /** The session is over, and not by the client's own wish. */
  readonly ended: (why: Phrase) => void;
}

/** How long nobody has to look until the VM is suspended: a page that is loaded again is back by then. */
const GRACE_MS = 2000;

interface Open { readonly vmId: VmId; session: DisplaySession; readonly ended: SessionClient['ended'] }
interface Watched {
  configuration?: DisplayConfiguration;
  counters: DisplayCounters;
  /** Until the VM is suspended. */
  grace?: NodeJS.Timeout;
}

type Context = Pick<Engine, 'inventory' | 'tasks' | 'power'>;
export interface DisplaySessionsIo {
  /** The VM's display and input are to be this, now or when it is on. */
  readonly configure: (id: VmId, configuration: DisplayConfiguration) => void;
}

export class DisplaySessions {
  /** The sessions of a VM, or what they made of it, are others than before. */
  readonly changed = new Emitter<VmId>();
  private readonly ends = new Emitter<{ readonly id: string; readonly why: Phrase | undefined }>();
  private readonly engine: Context;
  private readonly io: DisplaySessionsIo;
  private readonly open = new Map<string, Open>();
  private readonly watched = new Map<VmId, Watched>();

  constructor(engine: Context, io: DisplaySessionsIo) {
    this.engine = engine;
    this.io = io;
  }

  of(id: VmId): VmDisplay {
    const vm = this.engine.inventory.vm(id), { configuration, counters } = this.at(id);
    return { sessions: this.sessionsAt(id).map(({ session }) => session), counters, ...(vm.spec.display && { configuration: configuration ?? configurationFor(vm.spec.display) }) };
  }

  /** Rejects with the sentence why there is no session. */
  begin(id: VmId, { id: sessionId = newId<string>('display'), client, kind, properties, ended }: SessionClient): DisplaySession {
    const vm = this.engine.inventory.vm(id), { display } = vm.spec, others = this.sessionsAt(id);
    if (display === undefined) throw new EngineError('no-display', say`${vm.spec.name} has no display.`);
    if (others.length > 0 && display.sessions === 'refuse') {
      this.count(id, 'refused');
      throw new EngineError('display-taken', say`${others[0]!.session.client} has a session at ${vm.spec.name}, whose display takes one at a time.`);
    }
    if (others.length > 0 && display.sessions === 'takeOver') for (const { session } of others) this.end(session.id, say`${client} took over the display of ${vm.spec.name}.`);
    else if (others.length >= DISPLAY_LIMITS.sessions) throw new EngineError('display-taken', say`${vm.spec.name} has ${DISPLAY_LIMITS.sessions} sessions already, which is the most.`);
    const session: DisplaySession = { id: sessionId, client, kind, properties, sinceMs: Date.now() };
    this.open.set(session.id, { vmId: id, session, ended });
    clearTimeout(this.at(id).grace);
    this.count(id, 'opened');
    this.tell(vm, 'display.sessionOpened', say`${client} opened a session at ${vm.spec.name}.`);
    this.fit(id);
    this.wake(id);
    return session;
  }

  /** The client is another now: its window has another size, its screen was turned. */
  update(sessionId: string, properties: ClientProperties): void { this.change(sessionId, () => properties); }
  change(sessionId: string, to: (properties: ClientProperties) => ClientProperties): void {
    const found = this.found(sessionId), { session } = found, properties = to(session.properties);
    if (properties === session.properties) return;
    found.session = { ...session, properties };
    this.fit(found.vmId);
  }

  /** The VM, unless it is gone or in the bin. */
  live(id: VmId): Vm | undefined {
    const vm = this.engine.inventory.find('vm', id);
    return vm?.deletedMs === undefined ? vm : undefined;
  }

  has(sessionId: string): boolean { return this.open.has(sessionId); }
  session(sessionId: string): { readonly vmId: VmId; readonly session: DisplaySession } { return this.found(sessionId); }

  /** Hears of the end of a session, and why when it was somebody else's wish. */
  over(sessionId: string, heard: (why: Phrase | undefined) => void): Disposable { return this.ends.on(({ id, why }) => { if (id === sessionId) heard(why); }); }

  /** By the client's own wish, or because it is gone. */
  close(sessionId: string, why?: Phrase): void {
    const closed = this.open.get(sessionId);
    if (!closed || !this.open.delete(sessionId)) return;
    this.ends.emit({ id: sessionId, why });
    const vm = this.live(closed.vmId);
    if (!vm) return;
    this.tell(vm, 'display.sessionEnded', say`${closed.session.client} ended its session at ${vm.spec.name}.`);
    this.fit(vm.id);
    this.unwatched(vm);
  }

  /** By somebody else. */
  end(sessionId: string, why: Phrase): void {
    const { ended } = this.found(sessionId);
    this.close(sessionId, why);
    ended(why);
  }

  /** What a VM that is powered on begins with. */
  poweredOn(id: VmId): void {
    const { configuration } = this.at(id);
    if (configuration !== undefined) this.io.configure(id, configuration);
  }

  /** Its display was changed, or the VM is gone, be it to the bin. */
  refit(id: VmId, vm: Vm | null): void {
    if (vm?.spec.display === undefined) for (const { session } of this.sessionsAt(id)) this.end(session.id, say`The display is gone.`);
    if (vm !== null) { this.fit(vm.id); return; }
    clearTimeout(this.watched.get(id)?.grace);
    this.watched.delete(id);
  }

  dispose(): void { for (const { grace } of this.watched.values()) clearTimeout(grace); }

  /** As the newest session wants it; without one it stays. */
  private fit(id: VmId): void {
    const { display } = this.engine.inventory.vm(id).spec, newest = this.sessionsAt(id).at(-1), at = this.at(id);
    if (display !== undefined && (newest !== undefined || display.fixedSize !== undefined)) {
      const wanted = configurationFor(display, newest?.session.properties), before = at.configuration ?? configurationFor(display);
      if (isSameConfiguration(wanted, before)) this.count(id, 'unchanged');
      else {
        this.count(id, 'configured');
        at.configuration = wanted;
        this.io.configure(id, wanted);
      }
    }
    this.changed.emit(id);
  }

  /** Of a VM that was suspended as nobody looked, resumes it; one that is on its way there comes back. */
  private wake(id: VmId): void {
    const vm = this.engine.inventory.vm(id);
    if (vm.unwatched !== true || !['suspending', 'suspended'].includes(vm.powerState)) return;
    this.count(id, 'resumed');
    this.engine.tasks.launch(say`Resume for a session`, refOf(vm), context => this.engine.power.on(id, context), { cancelable: true, initiator: 'display', alone: `display ${id}` });
  }

  private unwatched(vm: Vm): void {
    const at = this.at(vm.id);
    if (this.sessionsAt(vm.id).length > 0 || vm.spec.display?.unwatched !== 'suspend') return;
    clearTimeout(at.grace);
    at.grace = setTimeout(() => this.suspend(vm.id), GRACE_MS);
  }

  private suspend(id: VmId): void {
    const { inventory, power, tasks } = this.engine, vm = this.live(id);
    if (vm?.powerState !== 'poweredOn' || this.sessionsAt(id).length > 0) return;
    this.count(id, 'suspended');
    tasks.launch(say`Suspend as nobody looks`, refOf(vm), async context => {
      const mark = (unwatched: boolean) => inventory.transact(edit => { const { unwatched: _, ...rest } = edit.vm(id); edit.put('vm', { ...rest, ...(unwatched && { unwatched }) }); });
      if (this.sessionsAt(id).length > 0) return;
      await mark(true);
      try { await power.suspend(id, context); } catch (error) { await mark(false); throw error; }
      // One that came too early to see that it is suspended.
      if (this.sessionsAt(id).length > 0) this.wake(id);
    }, { cancelable: true, initiator: 'display', alone: `display ${id}` });
  }

  private tell(vm: Vm, type: string, message: Phrase): void {
    this.engine.inventory.eventually(edit => edit.event({ severity: 'info', type, message, target: refOf(vm) }));
  }

  private count(id: VmId, what: keyof DisplayCounters): void {
    const at = this.at(id);
    at.counters = { ...at.counters, [what]: at.counters[what] + 1 };
    this.changed.emit(id);
  }

  private sessionsAt(id: VmId): Open[] { return [...this.open.values()].filter(({ vmId }) => vmId === id); }

  private at(id: VmId): Watched {
    const known = this.watched.get(id) ?? { counters: NO_DISPLAY_COUNTERS };
    this.watched.set(id, known);
    return known;
  }

  private found(sessionId: string): Open {
    const found = this.open.get(sessionId);
    if (!found) throw new EngineError('no-session', 'The session has ended.');
    return found;
  }
}
