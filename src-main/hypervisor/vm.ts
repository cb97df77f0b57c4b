/**
 * A virtual machine in its worker: vCPUs and RAM on the emulated CPU, devices on the board. `runSlice` gives every
 * vCPU a turn; the worker calls it again and again and waits when nothing is runnable.
 */
import { randomBytes } from 'node:crypto';
import { EngineError } from '../../shared/base/errors.ts';
import type { Ipa, Pa } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import { DirtyLog, PAGE_BYTES } from '../cpu/core/dirty-log.ts';
import { Machine, type CpuState, type ExitReason } from '../cpu/core/machine.ts';
import { RAM_BASE as LINEAR_RAM } from '../cpu/layout.ts';
import { loadBinary, loadDeviceTree, loadLinux, type BootEntry } from '../firmware/boot.ts';
import { FLASH, RAM_BASE } from '../firmware/board-map.ts';
import type { DirectBoot, UefiState } from '../firmware/uefi/uefi.ts';
import { Board, type BoardDisk, type BoardState } from '../host/board.ts';
import type { VirtioNetIo } from '../devices/virtio/net.ts';
import type { SbsaGwdt } from '../devices/watchdog/sbsa-gwdt.ts';
import { GuestRam } from '../memory/guest-ram.ts';
import { hostNowNs } from '../time/host-time.ts';
import { VmClock } from '../time/vm-clock.ts';
import type { DisplaySpec } from '../../shared/model/display.ts';
import type { GuestTimeSpec } from '../../shared/model/guest-time.ts';
import { USUAL_WATCHDOG, type BootDrill, type BootEnd, type BootRecord } from '../../shared/model/boot-watchdog.ts';
import type { BootWatchdogSpec, EfiSettings, SmpMode, VirtioBus, VmStats, WatchdogStats } from '../../shared/model/vm.ts';
import { breakImage, drilledCommandLine } from './boot-drills.ts';
import { BuiltInUefi, type VariableStore } from './built-in-uefi.ts';
import { BootWatchdog, type BootWatchdogState } from './boot-watchdog.ts';
import { CountedWorld, type CountedWorldOptions } from './counted-world.ts';
import { GuestTime, type GuestTimeState } from './guest-time.ts';
import { endOfFlash, flashBanks, type Firmware } from './flash-banks.ts';
import { FollowingMemory } from './migration/following-memory.ts';
import { ParallelVcpus } from './parallel-vcpus.ts';
import { Profiler, type ProfileOptions, type VmProfile } from './profile.ts';
import { GUEST_HCR, Stage2, STAGE2_VTCR } from './stage2.ts';
import { MACHINE_WORDS, StateFile, writeStateFile, type SavedMachine, type SaveProgress } from './state-file.ts';
import { startTranslation } from './translation-thread.ts';
import { Vcpu, type VcpuState } from './vcpu.ts';

/** Host physical memory: translation tables below, guest RAM from here. */
export const GUEST_RAM_PA = 2 ** 21;
const MIB = 2 ** 20;
/** Instructions in one vCPU's turn: a twentieth to a quarter of a millisecond. */
const TURN = 100_000;
/** Shorter where vCPUs take turns. */
const SHARED_TURN = 50_000;
/** Longest time for which messages and finished disk requests wait while vCPUs run in threads. */
const LONGEST_WAIT_MS = 1;
/** How often the guest is asked about its memory, at most: being asked makes it run. */
const GUEST_MEMORY_NS = 5e9;

/** What a VM boots. Files are read at each power-on or reset, and not kept. */
export type BootImage =
  | { readonly kind: 'linux'; readonly kernel: () => Uint8Array; readonly initrd?: () => Uint8Array; readonly commandLine: string }
  | { readonly kind: 'binary'; readonly image: () => Uint8Array }
  | { readonly kind: 'firmware'; readonly firmware: Firmware }
  | { readonly kind: 'uefi'; readonly settings: EfiSettings; readonly direct?: DirectBoot };

export interface VmOptions {
  readonly cpus: number;
  /** See `VmLaunch`. */
  readonly maxCpus?: number | undefined;
  readonly memoryMib: number;
  readonly counterHz: number;
  readonly boot: BootImage;
  readonly disks: readonly BoardDisk[];
  readonly iommu?: boolean;
  readonly virtioBus?: VirtioBus | undefined;
  readonly nics?: readonly Omit<VirtioNetIo, 'dma'>[];
  readonly display?: DisplaySpec | undefined;
  readonly consoleOutput: (byte: number) => void;
  /** Something happened outside the vCPUs that may make one runnable. */
  readonly wake: () => void;
  readonly smpMode?: SmpMode | undefined;
  /** For `smpMode` deterministic. */
  readonly counted?: CountedWorldOptions;
  readonly profile?: ProfileOptions | undefined;
  readonly time?: GuestTimeSpec | undefined;
  /** In the usual form of 36 characters. */
  readonly uuid?: string;
  readonly bootWatchdog?: BootWatchdogSpec | undefined;
  readonly watchdogRevision?: 0 | 1 | undefined;
  /** What became of its boots so far, and who hears when that changes. */
  readonly boots?: BootRecord | undefined;
  readonly booted?: ((record: BootRecord) => void) | undefined;
  /** What banks boot, by their ids. */
  readonly banks?: ReadonlyMap<string, BootImage> | undefined;
  /** Of the built-in UEFI; they are forgotten when absent. */
  readonly variables?: VariableStore | undefined;
  /** It will be restored before it runs, and boots nothing. */
  readonly isRestored?: boolean;
}

/** The built-in UEFI says where the first CPU starts. */
interface UefiEntry extends BootEntry { readonly drill: BootDrill | undefined; readonly uefi: Extract<BootImage, { readonly kind: 'uefi' }> }

/** Asked for by the guest, or by its watchdog. */
export type PowerRequest = 'none' | 'off' | 'reset' | 'watchdog';

/** The serial port and the virtio console are one console to the operator. */
type ConsolePort = 'serial' | 'virtio';

/** Everything of a VM but its RAM. */
export interface VmState { readonly clockNs: number; readonly randomBlocks: number; readonly port: ConsolePort; readonly cpus: readonly CpuState[]; readonly vcpus: readonly VcpuState[]; readonly board: BoardState; readonly time?: GuestTimeState; readonly boot?: BootWatchdogState; readonly uefi?: UefiState }

export class Vm {
  readonly clock: VmClock;
  readonly board: Board;
  readonly ram: GuestRam;
  readonly time: GuestTime;
  readonly bootWatchdog: BootWatchdog;
  /** What the guest wants of its power supply, until `reset` or the end. */
  powerRequest: PowerRequest = 'none';
  private readonly options: VmOptions;
  private readonly machine: Machine;
  private readonly vcpus: readonly Vcpu[];
  /** Of a deterministic VM. */
  private readonly world: CountedWorld | undefined;
  /** Of a VM with several vCPUs, unless it is deterministic. */
  private readonly parallel: ParallelVcpus | undefined;
  private readonly profiler: Profiler | undefined;
  private readonly exits: Record<string, number> = {};
  /** The port that printed last, which is the one that hears what is typed. */
  private port: ConsolePort = 'serial';
  /** vCPUs that the guest may turn on: the first ones of all. */
  private present: number;
  private running: Vcpu | undefined;
  /** Of a VM whose memory follows it from another host. */
  private memory: FollowingMemory | undefined;
  /** Of a deterministic VM: a turn in which a vCPU came to a page that is missing, and goes on when it is there, as if nothing had been. */
  private cutTurn: { readonly vcpu: Vcpu; readonly ran: number } | undefined;
  /** Of a VM that it boots, or one of whose banks. */
  readonly builtIn: BuiltInUefi | undefined;
  private banks: ReadonlyMap<string, BootImage>;
  private busyNs = 0;
  private isPaused = true;
  private sample = { atNs: 0, instructions: 0, busyNs: 0 };
  /** When the guest was last asked about its memory. */
  private askedNs = -Infinity;

  constructor(options: VmOptions) {
    const { counterHz, maxCpus: cpus = options.cpus } = options, sizeBytes = options.memoryMib * MIB;
    const world = options.smpMode === 'deterministic' ? new CountedWorld(options.counted) : undefined, nowNs = world?.nowNs ?? hostNowNs;
    const random = (length: number) => world?.random(length) ?? randomBytes(length);
    const ramEnd = GUEST_RAM_PA + sizeBytes, firmware = options.boot.kind === 'firmware' ? options.boot.firmware : undefined;
    const machine = { cpus, counterHz, nowNs, ramBytes: firmware === undefined ? ramEnd : endOfFlash(firmware, ramEnd), inThreads: world === undefined && cpus > 1 };
    this.options = options;
    this.present = options.cpus;
    this.banks = options.banks ?? new Map<string, BootImage>();
    this.world = world;
    this.machine = newMachine(machine, options.memoryMib);
    this.ram = new GuestRam({ buffer: this.machine.memory.buffer, byteOffset: LINEAR_RAM + GUEST_RAM_PA, sizeBytes, base: RAM_BASE });
    this.ram.onDmaWrite = (address, length) => this.machine.wrote((address - RAM_BASE + GUEST_RAM_PA) as Pa, length);
    this.clock = new VmClock(nowNs);
    this.time = new GuestTime(options.time, { machine: this.machine, clock: this.clock, hostNs: nowNs, wallMs: () => world?.wallMs(this.clock.nowNs) ?? Date.now(), still: work => this.still(work) });
    const stage2 = this.mapStage2(sizeBytes);
    this.board = new Board({
      ram: this.ram, clock: this.clock, cpus, disks: options.disks, ...(options.nics && { nics: options.nics }), ...(options.iommu !== undefined && { iommu: options.iommu }), ...(options.virtioBus && { virtioBus: options.virtioBus }), ...(options.display && { display: options.display }),
      ...(firmware && { flash: flashBanks(this.machine, stage2, firmware, ramEnd) }), ...(options.uuid !== undefined && { uuid: options.uuid }), withoutAcpi: firmware?.acpi === false || options.time?.scaling === true,
      ...((options.bootWatchdog ?? USUAL_WATCHDOG).mode !== 'none' && { watchdog: { counter: this.time.systemCounter, ws1: { set: level => this.expired(level) }, revision: options.watchdogRevision } }),
      wallMs: () => this.time.dateMs, random,
      hidesConsoleFlow: world !== undefined, consoleOutput: byte => this.print('serial', [byte]), virtioConsoleOutput: bytes => this.print('virtio', bytes), kick: cpu => this.kick(cpu), settle: () => this.parallel?.settle(),
    });
    const { watchdog } = this.board;
    this.time.moved.on(ticks => watchdog?.counterMoved(ticks));
    this.bootWatchdog = new BootWatchdog({ spec: options.bootWatchdog, record: options.boots }, { watchdog, clock: this.clock, wallMs: () => world?.wallMs(this.clock.nowNs) ?? Date.now(), changed: record => options.booted?.(record) });
    this.vcpus = this.machine.cpus.map(cpu => new Vcpu(cpu, {
      gic: this.board.gic, bus: this.board.bus, lines: this.board.cpuLines[cpu.id] as Board['cpuLines'][number], psci: this.psci(),
      firmwareCall: (vcpu, number) => this.builtIn?.call(vcpu, number) ?? false, counterTraps: this.time.traps, rang: compare => this.time.rang(compare),
      countExit: cause => { this.exits[cause] = (this.exits[cause] ?? 0) + 1; },
      guestError: what => { this.board.guestErrors.count += 1; this.board.guestErrors.last = what; },
      pages: { want: page => this.memory?.want(page), isMissing: page => this.memory?.isMissing(page) === true, waited: ns => this.memory?.waited(ns) },
    }));
    this.builtIn = this.buildUefi(random);
    startTranslation(this.machine);
    const profiler = this.profiler = options.profile && new Profiler(this.machine, options.profile);
    this.parallel = machine.inThreads ? new ParallelVcpus(this.machine, machine, this.vcpus, {
      leave: (vcpu, reason) => this.leave(vcpu, reason), mayRun: () => this.powerRequest === 'none', hasLoaded: cpu => this.board.gic.hasLoaded(cpu), samplesOf: cpu => profiler?.samplesOf(cpu),
    }) : undefined;
    this.pause();
    if (!options.isRestored) this.boot();
  }

  /** A vCPU has something to hear of: it comes back for it if it runs, else `runSlice` finds it runnable. */
  private kick(cpu: number): void {
    this.parallel?.kick(cpu);
    this.options.wake();
  }

  /** Handles an exit of a vCPU that runs in a thread. */
  private leave(vcpu: Vcpu, reason: ExitReason): void {
    this.running = vcpu;
    vcpu.leave(reason);
    this.running = undefined;
  }

  /** Does work while no vCPU runs, after which those that sleep look anew when they have to wake up. */
  private still(work: () => void): void {
    this.parallel?.park();
    work();
    this.options.wake();
  }

  private mapStage2(sizeBytes: number): Stage2 {
    const tables = new Stage2(new DataView(this.machine.memory.buffer, LINEAR_RAM, GUEST_RAM_PA), 0 as Pa, GUEST_RAM_PA);
    tables.map(RAM_BASE as Ipa, GUEST_RAM_PA as Pa, sizeBytes);
    return tables;
  }

  /** The watchdog's second stage is over. */
  private expired(level: boolean): void {
    if (level && this.powerRequest === 'none') this.powerRequest = 'watchdog';
  }

  private buildUefi(random: (length: number) => Uint8Array): BuiltInUefi | undefined {
    const { boot, variables = { kept: [], keep: () => Promise.resolve() } } = this.options, image = [boot, ...this.banks.values()].find(each => each.kind === 'uefi');
    return image && new BuiltInUefi({
      vcpus: this.vcpus, board: this.board, clock: this.clock, ramPa: GUEST_RAM_PA, settings: { ...image.settings, ...(this.hiddenTimer.virtualTimerHidden && { tables: 'deviceTree' as const }) }, variables, watchdog: this.bootWatchdog, random,
      deviceTree: () => this.board.deviceTree(this.hiddenTimer), power: request => { this.powerRequest = request; this.options.wake(); }, wake: () => this.options.wake(),
    });
  }

  private get hiddenTimer() { return { virtualTimerHidden: this.options.time?.scaling === true }; }

  /** Puts the boot image into zeroed RAM and the first vCPU at its entry. */
  private boot(): void {
    const entry = this.loadBank();
    for (const vcpu of this.vcpus) {
      this.resetCpu(vcpu);
      vcpu.restore({ on: false, waiting: false });
    }
    this.turnOn(0, BigInt(entry.pc), BigInt(entry.x0));
    if ('uefi' in entry) this.builtIn?.start(entry.uefi.direct, entry.drill);
    else this.bootWatchdog.armForGuest();
  }

  /** Loads the bank that is to be booted, or, when it cannot be loaded, the good one that takes its place. */
  private loadBank(): BootEntry | UefiEntry {
    for (;;) {
      const { bank, drill } = this.bootWatchdog.begin();
      try { return this.load(this.banks.get(bank) ?? this.options.boot, drill); } catch (error) {
        if (!(error instanceof EngineError) || !this.bootWatchdog.unloadable(error.said)) throw error;
        this.ram.clear();
      }
    }
  }

  private load(boot: BootImage, drill: BootDrill | undefined): BootEntry | UefiEntry {
    if (boot.kind === 'uefi') return { pc: 0, x0: 0, uefi: boot, drill };
    const ram = this.board.toldRam, hidden = this.hiddenTimer;
    const broken = (kind: 'linux' | 'binary', bytes: number, entry: BootEntry): BootEntry => {
      breakImage(ram, entry, bytes, drill, kind);
      return entry;
    };
    if (boot.kind === 'binary') {
      const image = boot.image(), { length } = image;
      return broken(boot.kind, length, loadBinary(ram, { image, deviceTree: () => this.board.deviceTree(hidden) }));
    }
    if (boot.kind === 'firmware') return loadDeviceTree(ram, { entry: FLASH.base, deviceTree: () => this.board.deviceTree(hidden) });
    const kernel = boot.kernel(), { length } = kernel;
    return broken(boot.kind, length, loadLinux(ram, {
      kernel, ...(boot.initrd && { initrd: boot.initrd() }),
      deviceTree: initrd => this.board.deviceTree({ ...hidden, bootargs: drilledCommandLine(boot.commandLine, drill), ...(initrd && { initrd }) }),
    }));
  }

  /** EL2's controls for a guest. */
  private controlGuest({ cpu }: Vcpu): void {
    cpu.setSystem('HCR_EL2', GUEST_HCR);
    cpu.setSystem('VTCR_EL2', STAGE2_VTCR);
    cpu.setSystem('VTTBR_EL2', 0n);
    this.time.control(cpu);
    cpu.setSystem('ICH_HCR_EL2', 1n);
  }

  private turnOn(id: number, entry: bigint, context: bigint): void {
    const vcpu = this.vcpus[id] as Vcpu;
    this.resetCpu(vcpu);
    this.controlGuest(vcpu);
    vcpu.cpu.pc = entry;
    vcpu.cpu.setX(0, context);
    vcpu.restore({ on: true, waiting: false });
  }

  private resetCpu({ cpu }: Vcpu): void {
    this.profiler?.resets(cpu.id);
    cpu.reset();
  }

  private psci() {
    return {
      cpuWithAffinity: (mpidr: bigint) => (mpidr < BigInt(this.vcpus.length) ? Number(mpidr) : undefined),
      isOn: (cpu: number) => this.vcpus[cpu]?.on ?? false, isPresent: (cpu: number) => cpu < this.present,
      turnOn: (cpu: number, entry: bigint, context: bigint) => this.turnOn(cpu, entry, context),
      turnOff: () => { if (this.running) this.running.on = false; },
      suspend: () => { if (this.running) this.running.waiting = true; },
      systemOff: () => { this.powerRequest = 'off'; },
      systemReset: () => { this.powerRequest = 'reset'; },
    };
  }

  /** Gives each runnable vCPU a turn; false when the VM has to wait for something outside, or for its next deadline. */
  runSlice(): boolean {
    if (this.world !== undefined && (!this.board.consoleReady || this.cutTurn?.vcpu.lacksPage === true)) return false;
    if (this.cutTurn === undefined) {
      this.clock.runDue();
      this.board.pollNics();
      this.profiler?.collect();
    }
    if (this.parallel !== undefined) return this.parallel.serve(() => Math.min(LONGEST_WAIT_MS, (this.nextDeadlineNs - this.clock.nowNs) / 1e6));
    let ran = false;
    const startedNs = hostNowNs();
    for (const vcpu of this.cutTurn === undefined ? this.vcpus : this.vcpus.slice(this.cutTurn.vcpu.cpu.id)) {
      if (this.cutTurn?.vcpu !== vcpu && (this.powerRequest !== 'none' || !vcpu.runnable)) continue;
      this.running = vcpu;
      this.turnOf(vcpu);
      ran = true;
      if (this.cutTurn !== undefined) break;
    }
    this.running = undefined;
    this.machine.translator.request();
    if (ran) this.busyNs += hostNowNs() - startedNs;
    return ran || this.skipToDeadline();
  }

  private turnOf(vcpu: Vcpu): void {
    if (this.world === undefined) { this.runTurn(vcpu, TURN); return; }
    const before = vcpu.cpu.retired, { ran: ranBefore } = this.cutTurn ?? { ran: 0 };
    this.runTurn(vcpu, SHARED_TURN - ranBefore);
    // A vCPU that is turned on again starts to count anew.
    const ran = ranBefore + Math.max(0, vcpu.cpu.retired - before);
    this.cutTurn = vcpu.lacksPage ? { vcpu, ran } : undefined;
    if (this.cutTurn === undefined) this.world.ran(ran);
  }

  private runTurn(vcpu: Vcpu, turn: number): void {
    if (this.profiler === undefined) vcpu.run(turn);
    // In a deterministic VM the length of turns has a part in what the guest does.
    else this.profiler.samplerOf(vcpu.cpu.id).turn(turn, budget => vcpu.run(budget), this.world !== undefined);
  }

  /** A deterministic VM does not wait for time to pass. */
  private skipToDeadline(): boolean {
    const ns = this.nextDeadlineNs - this.clock.nowNs;
    if (this.world === undefined || this.powerRequest !== 'none' || !Number.isFinite(ns)) return false;
    // A timer's moment, rounded to a nanosecond, can be one before the count that it waits for.
    this.world.pass(Math.max(1, Math.ceil(ns)));
    return ns > 0;
  }

  /** When something is due next, in ns of the VM's clock: a device's alarm or a sleeping vCPU's timer. */
  get nextDeadlineNs(): number {
    const idle = this.parallel?.parked ?? this.vcpus;
    return Math.min(this.clock.nextDeadlineNs, ...idle.filter(v => v.on).map(v => v.cpu.nextTimerNs));
  }

  private print(port: ConsolePort, bytes: ArrayLike<number>): void {
    this.port = port;
    for (const byte of Array.from(bytes)) this.options.consoleOutput(byte);
  }

  /** Something typed at the VM's console. */
  type(bytes: Uint8Array): void {
    if (this.builtIn?.uefi.hasConsole) this.builtIn.uefi.typed(bytes);
    else if (this.port === 'virtio') this.board.virtioConsole?.type(bytes);
    else this.board.type(bytes);
  }

  /** How many vCPUs the guest may turn on. */
  setCpus(count: number): void {
    const on = this.vcpus.findLastIndex(vcpu => vcpu.on);
    if (count > this.vcpus.length) throw new EngineError('cpu.too-many', say`The VM was turned on to have at most ${this.vcpus.length} CPUs.`);
    if (on >= count) throw new EngineError('cpu.on', say`The guest uses CPU ${on}; take it offline there first.`);
    this.present = count;
  }

  /** Asks the guest to give up so much of its memory. */
  setBalloon(mib: number): void {
    if (mib >= this.options.memoryMib) throw new EngineError('balloon.too-large', say`The balloon has to be smaller than the VM's memory of ${this.options.memoryMib} MiB.`);
    this.board.balloon.setTarget(mib);
  }

  /** Threads in which its vCPUs run, and so how many of the host's CPUs it can use. */
  get threadCount(): number { return this.parallel === undefined ? 1 : this.vcpus.length; }
  /** vCPUs that could run, of those that do not run now. */
  get runnableCount(): number { return (this.parallel?.parked ?? this.vcpus).filter(vcpu => vcpu.runnable).length; }
  /** Of vCPUs in threads of their own. */
  get threadTimes(): { readonly cpuNs: number; readonly busyNs: number } | undefined { return this.parallel?.times; }

  /** No vCPU runs until the next slice; the guest's clock goes on. */
  hold(): void { this.parallel?.park(); }

  resume(): void {
    this.isPaused = false;
    this.clock.resume();
    this.machine.setClock(this.clock.baseNs, -1);
    this.time.resumed();
  }

  pause(): void {
    this.isPaused = true;
    this.parallel?.park();
    this.clock.pause();
    this.machine.setClock(0, this.clock.nowNs);
  }

  /** The rules of the boot watchdog, and what its banks boot. */
  setBootWatchdog(spec: BootWatchdogSpec, banks: ReadonlyMap<string, BootImage>): void {
    this.bootWatchdog.set(spec);
    this.banks = banks;
  }

  /** As if the power had been cut and given again, but that the watchdog knows when it did that. */
  reset(cause: BootEnd = 'reset'): void {
    this.parallel?.park(true);
    this.memory?.forget();
    this.cutTurn = undefined;
    this.powerRequest = 'none';
    this.board.reset();
    this.time.reset();
    this.ram.clear();
    this.bootWatchdog.end(cause);
    this.boot();
  }

  /** Throws unless it can go on as another machine did, of this version. */
  checkIsSame(machine: SavedMachine): void {
    const own = this.description, other = (Object.keys(own) as (keyof SavedMachine)[]).find(key => (key !== 'counterHz' || !this.options.time?.scaling) && JSON.stringify(own[key]) !== JSON.stringify(machine[key]));
    if (other !== undefined) throw new EngineError('migration.other-machine', say`The machine at the destination is another one: its ${MACHINE_WORDS[other]} is ${String(own[other])}, and the source's ${String(machine[other])}.`);
  }

  /** Of what the guest and its devices write to its memory from now on, by pages from the first of its RAM. */
  dirtyLog(): DirtyLog { return new DirtyLog(this.machine, GUEST_RAM_PA as Pa, this.ram.sizeBytes); }

  /** Before it is restored: its first instructions wait less for the host. */
  prefault(): void { this.machine.prefault(); }

  /** Before it is restored, of a VM that was given away with some of its memory missing: a bit for each page. */
  expect(missing: Uint8Array): void {
    const memory = this.memory = new FollowingMemory({ machine: this.machine, ram: this.ram, first: GUEST_RAM_PA as Pa, wake: () => this.options.wake() }, missing);
    memory.whole.then(() => { this.memory = undefined; }, () => { /* it does not go on */ });
  }

  /** What is still to come of its memory. */
  get following(): FollowingMemory | undefined { return this.memory; }

  /** Of its memory, those that are not looked at by the guest alone: of a display. */
  get shownPages(): ReadonlySet<number> {
    const { framebuffer } = this.board.display ?? {};
    if (framebuffer === undefined) return new Set();
    const first = Math.floor((framebuffer.base - RAM_BASE) / PAGE_BYTES), last = Math.floor((framebuffer.base - RAM_BASE + framebuffer.surface.strideBytes * framebuffer.surface.height - 1) / PAGE_BYTES);
    return new Set(Array.from({ length: last - first + 1 }, (_, n) => first + n));
  }

  /** Resolves when no disk request is under way, so that the state is whole. The VM is paused. */
  async save(): Promise<VmState> {
    await this.board.disksIdle();
    await this.builtIn?.uefi.idle();
    return { clockNs: this.clock.nowNs, randomBlocks: this.world?.save() ?? 0, port: this.port, cpus: this.vcpus.map(v => v.cpu.save()), vcpus: this.vcpus.map(v => v.save()), board: this.board.save(), time: this.time.save(), ...(this.builtIn && { uefi: this.builtIn.uefi.save() }), boot: this.bootWatchdog.save() };
  }

  /** Writes all of it to a file, memory included. The VM is paused until then, and may go on afterwards. */
  async saveTo(path: string, how: SaveProgress): Promise<void> {
    const state = await this.save();
    await writeStateFile(path, this.description, state, this.ram.view(this.ram.base, this.ram.sizeBytes)!, how);
  }

  /** Takes up what a file holds. The VM is paused and its memory all zeroes; when this rejects it is of no use any more. */
  async restoreFrom(path: string, how: SaveProgress): Promise<void> {
    const file = await StateFile.open(path);
    try {
      // Scaled, a guest's counters keep their frequency on any host.
      file.check(this.savedAs(file.machine), this.options.time?.scaling ? ['counterHz'] : []);
      this.restore(await file.readInto(this.ram.view(this.ram.base, this.ram.sizeBytes)!, how));
    } finally { await file.close(); }
  }

  /** What machine it is, for who is to go on with it. */
  get description(): SavedMachine {
    const { memoryMib, counterHz, smpMode = 'parallel' } = this.options;
    return { cpus: this.vcpus.length, memoryMib, counterHz, smpMode, devices: this.board.devices.map(({ name }) => name), flashBytes: this.board.flash.map(({ sizeBytes }) => sizeBytes) };
  }

  /** A machine that was saved before boards had a watchdog goes on with one that nobody uses. */
  private savedAs({ devices }: SavedMachine): SavedMachine {
    const machine = this.description, { watchdog } = this.board;
    return watchdog === undefined || devices.includes(watchdog.name) ? machine : { ...machine, devices: machine.devices.filter(name => name !== watchdog.name) };
  }

  /** Ends its threads: outside guest code, as whatever comes later, such as a translation, waits for them to be there. */
  async end(): Promise<void> {
    this.parallel?.park(true);
    await this.parallel?.end();
    await this.memory?.close();
  }

  restore(state: VmState): void {
    this.cutTurn = undefined;
    this.clock.moveTo(state.clockNs);
    this.world?.restore(state.randomBlocks);
    this.port = state.port;
    this.machine.setClock(0, state.clockNs);
    state.cpus.forEach((cpu, n) => this.vcpus[n]?.cpu.restore(cpu));
    state.vcpus.forEach((vcpu, n) => this.vcpus[n]?.restore(vcpu));
    if (state.time !== undefined) this.time.restore(state.time);
    this.board.restore(state.board);
    if (state.uefi !== undefined) this.builtIn?.uefi.restore(state.uefi);
    if (state.boot !== undefined) this.bootWatchdog.restore(state.boot);
    this.machine.wrote(GUEST_RAM_PA as Pa, this.ram.sizeBytes);
  }

  /** Instructions that each vCPU retired since it was turned on. */
  get retired(): number[] { return this.vcpus.map(v => v.cpu.retired); }

  /** Also those that its threads performed by themselves. */
  private get exitsByCause(): Record<string, number> {
    const { count } = this.machine.traps;
    return { ...this.exits, ...(count > 0 && { 'counter or timer': count }) };
  }

  /** Figures since the last call, and since power-on. */
  stats(): Omit<VmStats, 'disks' | 'nics'> {
    const atNs = hostNowNs(), busyNs = this.parallel?.busyNs ?? this.busyNs, instructions = this.retired.reduce((sum, n) => sum + n, 0), { sample } = this;
    const elapsedNs = Math.max(1, atNs - sample.atNs);
    const { balloon } = this.board, { guestMemory } = balloon;
    this.sample = { atNs, instructions, busyNs };
    // To be asked makes a guest run, which a deterministic one must not, and nothing may change memory that is being saved.
    if (this.world === undefined && !this.isPaused && atNs - this.askedNs >= GUEST_MEMORY_NS) { this.askedNs = atNs; balloon.askStatistics(); }
    return {
      upNs: this.clock.nowNs, instructions, mips: Math.max(0, instructions - sample.instructions) * 1000 / elapsedNs,
      cpuUsage: Math.min(this.vcpus.length, (busyNs - sample.busyNs) / elapsedNs), exits: this.exitsByCause,
      translator: { regions: this.machine.translator.count, ...this.machine.translator.made },
      guestErrors: this.board.guestErrors.count + this.vcpus.reduce((sum, v) => sum + v.cpu.guestErrors, 0),
      balloonMib: balloon.actualMib, balloonTargetMib: balloon.targetMib, time: this.time.stats(), ...(this.board.watchdog && { watchdog: this.watchdogStats(this.board.watchdog) }), ...(guestMemory && { guestMemory }),
    };
  }

  private watchdogStats(watchdog: SbsaGwdt): WatchdogStats {
    const { leftNs, isLate } = watchdog;
    return { ...(leftNs !== undefined && { leftNs }), isLate, sinceNs: this.bootWatchdog.sinceNs };
  }

  /** Pauses, and gives the profile since power-on, if there is to be one. */
  profile(): VmProfile | undefined {
    if (this.profiler === undefined) return undefined;
    this.pause();
    return this.profiler.profile(this.exitsByCause, this.stats().guestErrors);
  }
}

function newMachine(options: ConstructorParameters<typeof Machine>[0], memoryMib: number): Machine {
  try {
    return new Machine(options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new EngineError('no-memory', say`This machine cannot give the VM its ${memoryMib} MiB of memory.`);
  }
}
