/**
 * The worker of one VM: runs it, and passes the console and commands through its port.
 * Messages are those of `worker-messages.ts`.
 */
import { readFileSync } from 'node:fs';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { assert, EngineError, messageOf } from '../../shared/base/errors.ts';
import { messageFields, say, type Phrase, type Said } from '../../shared/base/phrase.ts';
import { USUAL_EFI, type BootWatchdogSpec, type DiskSpec, type GuestSource, type VmStats } from '../../shared/model/vm.ts';
import type { EfiVariable } from '../../shared/model/efi.ts';
import type { BootEnd } from '../../shared/model/boot-watchdog.ts';
import { hostNowNs } from '../time/host-time.ts';
import { firmwareOf } from './firmware-files.ts';
import { PortChannel } from './migration/channel.ts';
import { CopierThread } from './migration/copier-thread.ts';
import { IncomingMigration } from './migration/incoming.ts';
import { Link } from './migration/link.ts';
import { OutgoingMigration } from './migration/outgoing.ts';
import { VmScreen } from './screen.ts';
import { machineUuid } from './machine-uuid.ts';
import { removeStateFile } from './state-file.ts';
import { Throttle } from './throttle.ts';
import { Vm, type BootImage } from './vm.ts';
import { VmDisks, type VmDisk, type DiskRoom } from './vm-disks.ts';
import type { SnapshotLayers, VmLaunch } from './vm-launch.ts';
import type { NicChannel } from './network-messages.ts';
import { slotName, VmNics } from './vm-nics.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

/** Longest time for which messages wait while the guest is busy. */
const BUSY_NS = 4e6;
const FLUSH_BYTES = 4096;

const port = parentPort;
assert(port !== null, 'runs as a worker');
const send = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

/** Lets messages and finished disk requests in. */
const yieldToMessages = () => new Promise<void>(resolve => { setImmediate(resolve); });

/** Console bytes on their way out, sent at the latest after each slice. */
class OutputBuffer {
  private bytes: number[] = [];
  add(byte: number): void { if (this.bytes.push(byte) >= FLUSH_BYTES) this.flush(); }
  flush(): void {
    if (this.bytes.length === 0) return;
    const chunk = Uint8Array.from(this.bytes);
    this.bytes = [];
    send({ kind: 'output', bytes: chunk }, [chunk.buffer]);
  }
}

/** Files as they were read, until they are in guest RAM; but small ones, which share a buffer with others. */
const images: ArrayBuffer[] = [];

const imageAt = (path: string, unreadable: (why: string) => Phrase) => (): Uint8Array => {
  try {
    const image = readFileSync(path);
    if (image.length === image.buffer.byteLength) images.push(image.buffer);
    return image;
  } catch (error) {
    throw new EngineError('image.unreadable', unreadable(messageOf(error)));
  }
};

/** Gives their memory back now, as the collector would keep it for long. */
function releaseImages(): void { for (const image of images.splice(0)) image.transfer(0); }

function linuxOf({ kernelPath, initrdPath, commandLine = '' }: { readonly kernelPath: string; readonly initrdPath?: string | undefined; readonly commandLine?: string | undefined }) {
  const initrd = initrdPath ? { initrd: imageAt(initrdPath, why => say`The initrd ${initrdPath} cannot be read: ${why}.`) } : {};
  return { kernel: imageAt(kernelPath, why => say`The kernel ${kernelPath} cannot be read: ${why}.`), commandLine, ...initrd };
}

/** The diagnostics bring the assembler with them, which other guests need not wait for. */
async function bootOf(guest: GuestSource): Promise<BootImage> {
  switch (guest.kind) {
    case 'diagnostics': return { kind: 'binary', image: (await import('./diagnostics/image.ts')).diagnosticsImage };
    case 'binary': return { kind: 'binary', image: imageAt(guest.imagePath, why => say`The image ${guest.imagePath} cannot be read: ${why}.`) };
    case 'firmware': return { kind: 'firmware', firmware: firmwareOf(guest) };
    case 'uefi': return { kind: 'uefi', settings: guest.settings ?? USUAL_EFI, ...(guest.kernelPath && { direct: linuxOf({ ...guest, kernelPath: guest.kernelPath }) }) };
    case 'linux': return { kind: 'linux', ...linuxOf(guest) };
    default: return guest satisfies never;
  }
}

/** What banks boot, which have no flash: that is part of the board. */
async function banksOf({ banks }: Pick<BootWatchdogSpec, 'banks'>): Promise<ReadonlyMap<string, BootImage>> {
  return new Map(await Promise.all(banks.filter(({ guest }) => guest.kind !== 'firmware').map(async ({ id, guest }) => [id, await bootOf(guest)] as const)));
}

/** A guest that cannot have its disks back must not go on without them. */
class LostDisks extends Error {}

type Ended = 'poweredOff' | 'reset' | 'suspended' | 'migrated' | 'terminated';
/** What is done between two turns, with the VM paused; it may end the VM. */
type Job = (signal: AbortSignal) => Promise<Ended | undefined>;

/** Messages that change a device or memory. */
const CHANGES_MACHINE: ReadonlySet<ToWorker['kind']> = new Set(['input', 'power-button', 'restart-button', 'reset', 'plug-disk', 'plug-nic', 'unplug', 'change-medium', 'set-cpus', 'set-balloon', 'set-time', 'change-time', 'set-boot-watchdog', 'change-boots']);

/** Asks the engine for room. Requests of disks that there is none for wait here, and the VM with them. */
class Room implements DiskRoom {
  private readonly asked = new Map<number, (bytes: number) => void>();
  private nextId = 1;
  private waiting: (() => void)[] = [];
  private isTold = false;
  full: () => void = () => { /* the VM is still being made */ };
  get isMissing(): boolean { return this.waiting.length > 0; }

  readonly ask = (path: string): Promise<number> => new Promise(resolve => {
    const id = this.nextId++;
    this.asked.set(id, resolve);
    send({ kind: 'ask-room', id, path });
  });

  granted(id: number, bytes: number): void {
    this.asked.get(id)?.(bytes);
    this.asked.delete(id);
  }

  readonly wait = (path: string): Promise<void> => new Promise(resolve => {
    this.waiting.push(resolve);
    if (!this.isTold) send({ kind: 'full', path });
    this.isTold = true;
    this.full();
  });

  retry(): void { for (const again of this.waiting.splice(0)) again(); }
  /** What was tried again had room. */
  found(): void {
    if (this.isTold) send({ kind: 'room-again' });
    this.isTold = false;
  }
}

interface WorkerOptions { readonly stopOnReset: boolean; readonly channels: readonly NicChannel[]; readonly screenPort: MessagePort | undefined; /** Another VM's guest comes by it. */ readonly receivePort: MessagePort | undefined; readonly receiveLink: SharedArrayBuffer | undefined }

class Worker {
  private readonly room: Room;
  private readonly output = new OutputBuffer();
  private readonly vm: Vm;
  private readonly disks: VmDisks;
  private readonly nics: VmNics;
  private readonly screen: VmScreen | undefined;
  private readonly stopOnReset: boolean;
  private readonly throttle: Throttle;
  private isAskedToEnd = false;
  private readonly jobs = new Map<number, { readonly job: Job; readonly abort: AbortController }>();
  /** What came while a job has the machine as it is, for afterwards. */
  private held: ToWorker[] | undefined;
  private readonly recorded = new Map<number, (isRecorded: boolean) => void>();
  private readonly variablesAsked = new Map<number, (areKept: boolean) => void>();
  /** What asked the engine whether a guest that was given away runs. */
  private readonly movedAsked = new Map<number, (hasMoved: boolean) => void>();
  private readonly copying = new Map<number, AbortController>();
  /** Memory that will never come: it cannot go on. */
  private lost: Error | undefined;
  private mayRun: (answer: { readonly mayRun: boolean; readonly why?: Said }) => void = () => { /* nobody asked */ };
  private nextAsked = 1;
  private wakeUp: () => void = () => { /* nobody waits */ };

  constructor(launch: VmLaunch, { boot, banks }: { readonly boot: BootImage; readonly banks: ReadonlyMap<string, BootImage> }, disks: VmDisks, { stopOnReset, channels, screenPort, receivePort, room }: WorkerOptions & { readonly room: Room }) {
    this.disks = disks;
    this.room = room;
    room.full = () => this.wakeUp();
    this.stopOnReset = stopOnReset;
    this.nics = new VmNics(channels, { ring: () => this.wakeUp(), link: (name, up) => this.vm.board.nics.get(name)?.setLink(up) });
    this.vm = new Vm({ ...launch, uuid: machineUuid(launch.nicSeed ?? launch.name), isRestored: receivePort !== undefined || launch.resumeFrom !== undefined, boot, banks, booted: record => send({ kind: 'boots', record }), variables: { kept: launch.efiVariables ?? [], keep: variables => this.keepVariables(variables) }, disks: disks.fixed, nics: this.nics.fixed, consoleOutput: byte => this.output.add(byte), wake: () => this.wakeUp() });
    this.throttle = new Throttle(launch.cpuGate, this.vm);
    const { display } = this.vm.board;
    this.screen = display && screenPort && new VmScreen({ port: screenPort, display, progress: () => this.vm.retired.reduce((sum, count) => sum + count, 0) });
    releaseImages();
    for (const [slot, disk] of disks.slots) this.vm.board.insertDisk(slot, disk.bus, disk.medium);
    for (const [slot, io] of this.nics.inSlots) this.vm.board.insert(slot, this.vm.board.nicFunction(slotName(slot), io));
  }

  handle(message: ToWorker): void {
    if (this.held !== undefined && CHANGES_MACHINE.has(message.kind)) {
      this.held.push(message);
      return;
    }
    switch (message.kind) {
      case 'input': this.vm.type(message.bytes); break;
      case 'acknowledge': this.vm.board.acknowledgeConsole(message.bytes); break;
      case 'power-button': this.vm.board.powerButton(); break;
      case 'restart-button': this.vm.board.restartButton(); break;
      case 'reset': this.reset(); break;
      case 'plug-disk': void this.answer(message.id, this.plugDisk(message.slot, message.disk)); break;
      case 'plug-nic': void this.answer(message.id, Promise.resolve().then(() => this.plugNic(message.slot, message.channel))); break;
      case 'unplug': void this.answer(message.id, this.unplug(message.slot)); break;
      case 'change-medium': void this.answer(message.id, this.changeMedium(message.drive, message.path)); break;
      case 'set-cpus': void this.answer(message.id, Promise.resolve().then(() => this.vm.setCpus(message.cpus))); break;
      case 'set-balloon': void this.answer(message.id, Promise.resolve().then(() => this.vm.setBalloon(message.mib))); break;
      case 'set-time': void this.answer(message.id, Promise.resolve().then(() => this.vm.time.set(message.time))); break;
      case 'change-time': void this.answer(message.id, Promise.resolve().then(() => this.vm.time.ask(message.change))); break;
      case 'set-boot-watchdog': void this.answer(message.id, banksOf(message.spec).then(banks => this.vm.setBootWatchdog(message.spec, banks))); break;
      case 'change-boots': void this.answer(message.id, Promise.resolve().then(() => this.vm.bootWatchdog.change(message.change))); break;
      case 'variables-kept': this.variablesAsked.get(message.id)?.(message.areKept); this.variablesAsked.delete(message.id); break;
      case 'end': this.isAskedToEnd = true; break;
      case 'room': this.room.retry(); break;
      case 'granted-room': this.room.granted(message.id, message.bytes); break;
      case 'stats': send({ kind: 'answer', id: message.id, result: { ...this.vm.stats(), disks: this.disks.stats } satisfies Omit<VmStats, 'nics'> }); break;
      case 'suspend': this.jobs.set(message.id, { job: signal => this.suspend(message.id, message.path, signal), abort: new AbortController() }); break;
      case 'snapshot': this.jobs.set(message.id, { job: signal => this.snapshot(message.id, message.what, signal), abort: new AbortController() }); break;
      case 'move-disks': void this.moveDisks(message); break;
      case 'migrate': void this.leave(message); break;
      case 'has-moved': this.movedAsked.get(message.id)?.(message.hasMoved); break;
      case 'may-run': this.mayRun(message); break;
      case 'proceed': this.recorded.get(message.id)?.(message.isRecorded); break;
      case 'cancel': this.cancel(message.id); break;
      default: message satisfies never;
    }
    this.wakeUp();
  }

  private cancel(id: number): void {
    this.jobs.get(id)?.abort.abort();
    this.copying.get(id)?.abort();
    if (this.vm.following !== undefined && this.jobs.delete(id)) refuse(id, new EngineError('cancelled', 'The task was cancelled.'));
  }

  private async keepVariables(variables: readonly EfiVariable[]): Promise<void> {
    const id = this.nextAsked++, areKept = await new Promise<boolean>(resolve => {
      this.variablesAsked.set(id, resolve);
      send({ kind: 'keep-variables', id, variables });
    });
    if (!areKept) throw new EngineError('firmware.variables', 'The variables of the firmware could not be kept.');
  }

  private async suspend(id: number, path: string, signal: AbortSignal): Promise<Ended> {
    await this.vm.saveTo(path, { signal, progress: part => send({ kind: 'progress', id, part }) });
    return 'suspended';
  }

  private async snapshot(id: number, { statePath, layers }: SnapshotLayers, signal: AbortSignal): Promise<undefined> {
    if (statePath !== undefined) await this.vm.saveTo(statePath, { signal, progress: part => send({ kind: 'progress', id, part }) });
    await this.vm.board.disksIdle();
    await this.disks.addLayers(layers);
    if (await this.isRecorded(id)) return;
    await this.disks.removeLayers(layers);
    throw new EngineError('not-recorded', 'The snapshot could not be recorded.');
  }

  /** Whether the engine could make it known. */
  private async isRecorded(id: number): Promise<boolean> {
    const isRecorded = await new Promise<boolean>(resolve => {
      this.recorded.set(id, resolve);
      send({ kind: 'prepared', id });
    });
    this.recorded.delete(id);
    return isRecorded;
  }

  /** Copies disks while the guest uses them, and changes over while it stands still. */
  private async moveDisks({ id, paths }: Extract<ToWorker, { kind: 'move-disks' }>): Promise<void> {
    const abort = new AbortController(), { disks } = this;
    this.copying.set(id, abort);
    try {
      await disks.mirrorTo(paths, { signal: abort.signal, progress: part => send({ kind: 'progress', id, part }) });
    } catch (error) {
      await disks.dropMirrors();
      refuse(id, error);
      return;
    } finally { this.copying.delete(id); }
    this.jobs.set(id, { job: signal => this.changeDisks(id, signal), abort });
    this.wakeUp();
  }

  private async changeDisks(id: number, signal: AbortSignal): Promise<undefined> {
    const { disks, vm } = this;
    try {
      await vm.board.disksIdle();
      if (signal.aborted) throw new EngineError('cancelled', 'The task was cancelled.');
      await disks.finishMirrors();
      if (!await this.isRecorded(id)) throw new EngineError('not-recorded', 'The new place of the disks could not be recorded.');
      await disks.useMirrors();
    } catch (error) {
      await disks.dropMirrors();
      throw error;
    }
  }

  /** Copies memory while the guest runs, and has the rest done while it stands still. */
  private async leave({ id, port: to, rules }: Extract<ToWorker, { kind: 'migrate' }>): Promise<void> {
    if (this.vm.following !== undefined) {
      refuse(id, new EngineError('migration.following', 'Its memory still follows it from the host where it was.'));
      to.close();
      return;
    }
    const { throttle, vm } = this, { ram } = vm, channel = new CopierThread(ram.view(ram.base, ram.sizeBytes)!, to, rules), abort = new AbortController();
    const outgoing = new OutgoingMigration({ vm, channel, rules, progress: figures => send({ kind: 'migration', id, figures }), slowDown: () => throttle.slowDown(), slowed: () => throttle.slowed });
    this.copying.set(id, abort);
    const end = () => {
      this.copying.delete(id);
      outgoing.end();
      throttle.fullSpeed();
      channel.close();
    };
    try {
      await outgoing.begin();
      await outgoing.copyMemory(abort.signal);
    } catch (error) {
      end();
      refuse(id, error);
      return;
    }
    this.jobs.set(id, { job: signal => this.switchOver(id, outgoing, signal).finally(end), abort });
    this.wakeUp();
  }

  private async switchOver(id: number, outgoing: OutgoingMigration, signal: AbortSignal): Promise<Ended> {
    send({ kind: 'switching', id });
    await outgoing.switchOver(await this.vm.save());
    if (signal.aborted) throw new EngineError('cancelled', 'The task was cancelled.');
    let isGiven = false;
    try {
      await this.disks.release();
      isGiven = true;
      await outgoing.giveAway();
    } catch (error) {
      const refused = error instanceof EngineError && error.code === 'migration.refused';
      if (isGiven && !refused && await this.hasMoved(id)) return 'migrated';
      await this.disks.takeUp().catch((cause: unknown) => { throw new LostDisks('', { cause }); });
      throw error;
    }
    // Whatever becomes of it, the guest is the destination's, which tells.
    await outgoing.follow().catch(() => { /* it needs no more of it */ });
    return 'migrated';
  }

  private hasMoved(id: number): Promise<boolean> {
    return new Promise(resolve => {
      this.movedAsked.set(id, resolve);
      send({ kind: 'has-moved?', id });
    });
  }

  /** Takes up the guest of another VM. Resolves when it is this one's. */
  async receive(from: MessagePort, link: SharedArrayBuffer | undefined): Promise<void> {
    const channel = new PortChannel(from, { link: link && new Link(link) }), incoming = new IncomingMigration(this.vm, channel, link);
    try {
      await incoming.receive();
      await incoming.takeOver(() => this.takeGuest().catch(async (error: unknown) => {
        // The source hears of it next, and opens them again.
        await this.disks.release();
        throw error;
      }));
    } finally { channel.close(); }
    void this.hear(this.vm.following?.whole);
  }

  /** Of all that still follows, if anything does. */
  private async hear(whole: Promise<undefined> | undefined): Promise<void> {
    try {
      await whole;
      send({ kind: 'memory-whole' });
    } catch (error) { this.lost = error as Error; }
    this.wakeUp();
  }

  private async takeGuest(): Promise<void> {
    await this.disks.takeUp();
    const { mayRun, why = 'The guest went on where it was.' } = await new Promise<{ readonly mayRun: boolean; readonly why?: Said }>(resolve => {
      this.mayRun = resolve;
      send({ kind: 'may-run?' });
    });
    if (!mayRun) throw new EngineError('migration.late', why);
  }

  /** Does what was asked for, until one ends the VM; after one that failed it goes on. */
  private async doJobs(): Promise<Ended | undefined> {
    for (const [id, { job, abort }] of this.jobs) {
      const held = this.held = [] as ToWorker[];
      this.screen?.hold();
      this.vm.pause();
      // What it printed until then: somebody else may print next.
      this.output.flush();
      try {
        const ended = await job(abort.signal);
        send({ kind: 'answer', id });
        if (ended !== undefined) return ended;
      } catch (error) {
        if (error instanceof LostDisks) throw error.cause;
        refuse(id, error);
      } finally { this.jobs.delete(id); }
      this.vm.resume();
      this.throttle.forget();
      this.held = undefined;
      for (const message of held) this.handle(message);
      this.screen?.goOn();
    }
    return undefined;
  }

  /** Takes up a saved machine instead of what it booted with. */
  async restoreFrom(path: string): Promise<void> {
    await this.vm.restoreFrom(path, { progress: part => send({ kind: 'resuming', part }) });
    await removeStateFile(path);
  }

  private async plugDisk(slot: number, disk: DiskSpec): Promise<void> {
    const open = await this.disks.openInSlot(slot, disk);
    try {
      this.vm.board.plug(slot, () => this.functionOf(slot, open));
    } catch (error) {
      await this.disks.closeSlot(slot);
      throw error;
    }
    this.wakeUp();
  }

  private plugNic(slot: number, channel: NicChannel): void {
    const { board } = this.vm;
    board.plug(slot, () => board.nicFunction(slotName(slot), this.nics.openInSlot(slot, channel)));
    this.wakeUp();
  }

  private functionOf(slot: number, { bus, medium }: VmDisk) { return this.vm.board.diskFunction(`slot-${slot}`, bus, medium); }

  private async unplug(slot: number): Promise<void> {
    await this.vm.board.unplug(slot);
    this.vm.board.dropNic(slotName(slot));
    this.nics.closeSlot(slot);
    await this.disks.closeSlot(slot);
  }

  private async changeMedium(drive: number, path: string | undefined): Promise<void> {
    const open = this.disks.driveAt(drive), old = await open.change(path);
    this.vm.board.changeMedium(drive, open.medium);
    await old?.close();
  }

  /** What needs no pause. */
  private async answer(id: number, work: Promise<unknown>): Promise<void> {
    try { send({ kind: 'answer', id, result: await work }); } catch (error) { refuse(id, error); }
  }

  private reset(cause?: BootEnd): void {
    this.vm.reset(cause);
    releaseImages();
  }

  /** Runs until the guest turns itself off, or resets when that ends it, or somebody asks for the end; says which. */
  async run(): Promise<Ended> {
    try {
      this.screen?.open();
      const ended = await this.untilOff(), profile = this.vm.profile();
      if (profile !== undefined) send({ kind: 'profile', profile });
      return ended;
    } finally {
      this.output.flush();
      this.nics.close();
      this.screen?.close();
      await this.vm.end();
    }
  }

  private async untilOff(): Promise<Ended> {
    this.vm.resume();
    this.throttle.forget();
    for (;;) {
      const startedNs = hostNowNs(), busy = this.throttle.run(BUSY_NS, ns => this.runFor(ns)), ranNs = hostNowNs() - startedNs;
      this.output.flush();
      this.screen?.flush();
      if (busy) await this.throttle.rest(ranNs);
      const { powerRequest } = this.vm;
      if (powerRequest === 'off') {
        this.vm.bootWatchdog.end('poweredOff');
        return 'poweredOff';
      }
      if (powerRequest !== 'none') {
        const byWatchdog = powerRequest === 'watchdog', cause = byWatchdog ? 'watchdog' : 'guestReset';
        if (this.stopOnReset) {
          this.vm.bootWatchdog.end(cause);
          return 'reset';
        }
        send({ kind: 'reset-by-guest', byWatchdog });
        this.reset(cause);
        continue;
      }
      if (this.isAskedToEnd) return 'terminated';
      if (this.lost !== undefined) throw this.lost;
      if (this.room.isMissing) { await this.waitForRoom(); continue; }
      // What is done with the whole machine waits until all of that is there.
      if (this.jobs.size > 0 && this.vm.following === undefined) {
        const ended = await this.doJobs();
        if (ended !== undefined) return ended;
        // What came in meanwhile woke nobody.
        continue;
      }
      await (!busy ? this.sleep() : this.throttle.isShut ? this.throttle.wait(new Promise(resolve => { this.wakeUp = resolve; })) : yieldToMessages());
    }
  }

  /** The VM stands still, with its clock, until all that its disks had to do is done. */
  private async waitForRoom(): Promise<void> {
    this.vm.pause();
    const done = this.vm.board.disksIdle().then(() => true);
    while (!this.isAskedToEnd && !await Promise.race([done, new Promise<boolean>(resolve => { this.wakeUp = () => resolve(false); })]));
    if (this.isAskedToEnd) return;
    this.vm.resume();
    this.throttle.forget();
    this.room.found();
  }

  private runFor(ns: number): boolean {
    const end = hostNowNs() + ns;
    do if (!this.vm.runSlice()) return false; while (hostNowNs() < end);
    return true;
  }

  /** Until the next deadline, or a message, or a device that has something. */
  private sleep(): Promise<void> {
    const ms = (this.vm.nextDeadlineNs - this.vm.clock.nowNs) / 1e6;
    if (ms <= 0 || !this.nics.sleep()) return yieldToMessages();
    return new Promise(resolve => {
      const timer = Number.isFinite(ms) ? setTimeout(() => this.wakeUp(), Math.min(ms, 2 ** 30)) : undefined;
      const keepAlive = timer ?? setInterval(() => { /* the worker lives on */ }, 2 ** 30);
      this.wakeUp = () => {
        clearTimeout(keepAlive);
        this.nics.wake();
        this.wakeUp = () => { /* nobody waits */ };
        resolve();
      };
    });
  }
}

async function main(): Promise<void> {
  const { launch, ...rest } = workerData as WorkerOptions & { readonly launch: VmLaunch };
  let disks: VmDisks | undefined;
  try {
    const room = new Room();
    disks = await VmDisks.open(launch.disks, room, { later: rest.receivePort !== undefined });
    const worker = new Worker(launch, { boot: await bootOf(launch.guest), banks: await banksOf(launch.bootWatchdog ?? { banks: [] }) }, disks, { ...rest, room });
    if (launch.resumeFrom !== undefined) await worker.restoreFrom(launch.resumeFrom);
    port?.on('message', (message: ToWorker) => worker.handle(message));
    if (rest.receivePort !== undefined) await worker.receive(rest.receivePort, rest.receiveLink);
    send({ kind: 'started' });
    send({ kind: 'stopped', stop: { kind: await worker.run() } });
  } catch (error) {
    send({ kind: 'stopped', stop: { kind: 'failed', ...messageFields(sentenceOf(error)) } });
  } finally {
    await disks?.close();
    port?.close();
  }
}

const refuse = (id: number, error: unknown) => send({ kind: 'refusal', id, code: error instanceof EngineError ? error.code : 'internal', said: sentenceOf(error) });

/** Our own bugs are said to be that. */
function sentenceOf(error: unknown): Said {
  return error instanceof EngineError ? error.said : say`The VM stopped because of an error in Quarterdeck: ${error instanceof Error ? error.stack ?? error.message : String(error)}`;
}

await main();
