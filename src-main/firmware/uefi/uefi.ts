/**
 * UEFI firmware that needs no firmware file (UEFI 2.10): the hypervisor itself performs what EFI applications call. They see an AArch64
 * machine as 2.3.6 asks for: EL1, the MMU on with memory where it is, one CPU, interrupts masked. Each function's code is an HVC, whose
 * exit is `call`. The CPU that called is held while a function waits, for a disk or for a key; that it waits is not state: it calls again.
 */
import { assert } from '../../../shared/base/errors.ts';
import type { EfiVariable } from '../../../shared/model/efi.ts';
import type { EfiSettings } from '../../../shared/model/vm.ts';
import type { Alarm, Clock } from '../../time/clock.ts';
import { acpiTables } from '../acpi/convert.ts';
import { placeTables } from '../acpi/place.ts';
import { placeSmbios, type SmbiosFacts } from '../smbios.ts';
import { BootManager, type BootManagerState } from './boot-manager.ts';
import { Call, EfiError, ELSEWHERE, statusOf, type Later, type Result, type UefiCpu } from './call.ts';
import { fileOf, filePath, isSameNode, partitionOf, pathAt, pathBytes, startsWith, uart, pciRoot, type DevicePath } from './device-path.ts';
import { Disks, type DisksState, type FirmwareDisk, type FoundRange } from './disks.ts';
import { Events, TPL, type EventsState } from './events.ts';
import { FUNCTIONS } from './functions.ts';
import { GUID } from './guid.ts';
import { GuestMemory } from './guest-memory.ts';
import { Handles, type HandlesState } from './handles.ts';
import { Images, type ImagesState } from './images.ts';
import { Keyboard, keysOf, type Key } from './keys.ts';
import { MEMORY, MemoryMap, PAGE_BYTES, type MemoryMapState } from './memory-map.ts';
import { blockInterfaces } from './protocols/block.ts';
import { installCollation } from './protocols/collation.ts';
import { fileSystemInterface, readWholeFile, resolvePath, type OpenFile } from './protocols/files.ts';
import { installGraphics, type FirmwareScreen } from './protocols/graphics.ts';
import { installInitrd, installSmall } from './protocols/small.ts';
import { installConsole, showConsole, type ConsoleInterfaces } from './protocols/text.ts';
import { ScreenView, textModes } from './screen-view.ts';
import { DEVICE_ERROR, INVALID_PARAMETER, isError, LOAD_ERROR, NOT_FOUND, OUT_OF_RESOURCES, SUCCESS, UNSUPPORTED } from './status.ts';
import { FIRST_VECTOR, isRuntime, RETURNED, Tables, type TablesState } from './tables.ts';
import { TerminalView, TextScreen, type TextScreenState } from './text-screen.ts';
import { ATTRIBUTE, Variables, type Variable, type VariablesState } from './variables.ts';

const STACK_BYTES = 0x4_0000;
const GIB = 2 ** 30;
/** Polls without a key after which a guest is made to wait a little for the next. */
const POLLS = 32, POLL_NS = 2_000_000;
const KEYS_MOST = 256;
/** The vector of an interrupt at the level that the firmware runs at (Arm ARM D1.3.1). */
const IRQ_VECTOR = 5, FIQ_VECTOR = 6;

/** An address space for the boot CPU: translation tables for all that is below, from `tables`. */
export interface BootCpu { readonly tables: number; readonly vectors: number; readonly sp: number }

/** A kernel that the machine was given. */
export interface DirectBoot { readonly kernel: () => Uint8Array; readonly initrd?: () => Uint8Array; readonly commandLine: string }

/** The watchdog that keeps a boot from hanging. Calls that come at the wrong time do nothing. */
export interface FirmwareWatchdog { install(): void; enable(timeoutNs?: number): void; disable(): void; handOver(): void }

export interface KernelDrill { breaks(start: number, bytes: number): void; commandLine(text: string): string }

export interface UefiIo {
  /** Guest physical addresses of the memory that the guest is told of. */
  readonly ram: { readonly base: number; readonly end: number };
  /** The CPU that firmware starts on. */
  readonly cpu: UefiCpu;
  /** Makes it the CPU that EFI applications expect. */
  readonly prepare: (boot: BootCpu) => void;
  /** Where a byte of a CPU's address space is in guest physical memory. */
  readonly translate: (cpu: number, address: bigint, isWrite: boolean) => number | undefined;
  readonly read: (address: number, into: Uint8Array) => boolean;
  readonly write: (address: number, bytes: Uint8Array) => boolean;
  readonly clock: Clock;
  /** To the serial port. */
  readonly print: (bytes: Uint8Array) => void;
  readonly consoleReady: () => boolean;
  readonly screen?: FirmwareScreen | undefined;
  readonly disks: () => readonly FirmwareDisk[];
  readonly deviceTree: () => Uint8Array;
  readonly smbios: () => SmbiosFacts;
  readonly random: (length: number) => Uint8Array;
  /** Of the real-time clock, in ms since 1970. */
  readonly dateMs: () => number;
  readonly setDateMs: (ms: number) => void;
  readonly power: (request: 'off' | 'reset') => void;
  /** What was kept of variables when the machine was turned on, and whoever keeps them. */
  readonly kept: () => readonly EfiVariable[];
  readonly keep: (variables: readonly EfiVariable[]) => Promise<void>;
  /** A kernel that is started instead of what is on disks. */
  readonly direct: () => DirectBoot | undefined;
  readonly watchdog: FirmwareWatchdog;
  /** How a Linux kernel's next start is broken, as a drill: its bytes in memory, and its command line. */
  readonly drill: () => KernelDrill | undefined;
  readonly settings: EfiSettings;
  /** A CPU that was held is not any more. */
  readonly wake: () => void;
  /** What is to be said of an exception that nobody handles. */
  readonly exception: (cpu: number) => { readonly text: string; readonly mask: () => void };
}

type Phase = 'off' | 'boot' | 'runtime';
export interface UefiState {
  readonly phase: Phase; readonly map: MemoryMapState; readonly handles: HandlesState; readonly events: EventsState; readonly images: ImagesState; readonly tables: TablesState | undefined; readonly disks: DisksState;
  readonly variables: VariablesState; readonly text: TextScreenState; readonly manager: BootManagerState; readonly console: ConsoleInterfaces; readonly files: readonly [bigint, OpenFile][]; readonly waits: readonly [number, number][];
  readonly ranges: readonly [bigint, DevicePath][]; readonly keys: readonly Key[]; readonly count: readonly [number, number]; readonly stack: number; readonly pixels?: Uint8Array;
}

const NO_CONSOLE: ConsoleInterfaces = { handle: 0n, input: 0n, output: 0n, mode: 0n };

export class Uefi {
  readonly io: UefiIo;
  readonly memory: GuestMemory;
  readonly events = new Events();
  readonly handles = new Handles(event => { this.events.signal(event); });
  readonly tables: Tables;
  readonly images: Images = new Images(this);
  readonly disks = new Disks();
  readonly variables = new Variables([`${GUID.globalVariable}/SecureBoot`, `${GUID.globalVariable}/SetupMode`]);
  readonly text: TextScreen;
  map: MemoryMap;
  console = NO_CONSOLE;
  /** By the addresses of their interfaces. */
  files = new Map<bigint, OpenFile>();
  private readonly manager: BootManager = new BootManager(this);
  private readonly keyboard = new Keyboard();
  private readonly terminal: TerminalView;
  private readonly alarm: Alarm;
  private phase: Phase = 'off';
  private keys: Key[] = [];
  private polls = 0;
  /** Until when the call waits that each level of calls is in. */
  private waits = new Map<number, number>();
  private count: readonly [number, number] = [0, 0];
  private caller = 0;
  private stack = 0;
  private heldCpu: UefiCpu | undefined;
  /** Handles of disks and partitions, and their paths. */
  private ranges = new Map<bigint, DevicePath>();
  private working: Promise<void> | undefined;
  /** Whatever is under way of an earlier power-on is nobody's. */
  private generation = 0;

  constructor(io: UefiIo) {
    this.io = io;
    this.memory = new GuestMemory({ translate: (address, isWrite) => io.translate(this.caller, address, isWrite), read: io.read, write: io.write });
    this.tables = new Tables(this.memory);
    this.map = new MemoryMap(io.ram.base, io.ram.end);
    this.terminal = new TerminalView(io.print, () => this.text.size);
    this.text = new TextScreen(textModes(io.screen), [this.terminal, ...(io.screen === undefined ? [] : [new ScreenView(io.screen)])]);
    this.alarm = io.clock.alarm('uefi', () => this.ring());
  }

  get nowNs(): number { return this.io.clock.nowNs; }
  get hasKey(): boolean { return this.keys.length > 0; }
  /** An OS took over. */
  get isRuntime(): boolean { return this.phase === 'runtime'; }
  /** It is the firmware that reads what is typed. */
  get hasConsole(): boolean { return this.phase === 'boot'; }
  /** Until when the function waits that is called again now; undefined of a new call. */
  get waited(): number | undefined { return this.waits.get(this.images.depth); }

  /** At power-on, with memory all zeroes. */
  start(): void {
    this.forget();
    this.phase = 'boot';
    this.map = new MemoryMap(this.io.ram.base, this.io.ram.end);
    const translations = this.map.allocate(MEMORY.bootServicesData, 1), stack = this.map.allocate(MEMORY.bootServicesData, STACK_BYTES / PAGE_BYTES);
    assert(translations !== undefined && stack !== undefined, 'an empty machine has room for its firmware');
    this.stack = stack + STACK_BYTES;
    this.io.write(translations, translationTable(this.io.ram));
    this.tables.make(this.map, Object.keys(FUNCTIONS));
    this.io.prepare({ tables: translations, vectors: this.tables.vectors, sp: this.stack });
    this.variables.load(this.io.kept());
    this.putOwnVariables();
    this.installFirmware();
    this.io.watchdog.install();
    this.io.cpu.held = true;
    this.work(async () => {
      // Whoever builds the machine may add some until now.
      this.disks.take(this.io.disks());
      for (let disk = 0; disk < this.disks.count; disk++) for (const found of await this.disks.find(disk)) await this.installRange(found);
      await this.manager.start();
      return undefined;
    });
  }

  /** Nothing is under way, nothing is known. */
  private forget(): void {
    this.generation++;
    this.working = undefined;
    this.heldCpu = undefined;
    this.alarm.clear();
    this.images.reset();
    this.manager.reset();
    this.disks.reset();
    this.terminal.forget();
    this.handles.reset();
    this.events.reset();
    this.files = new Map();
    this.ranges = new Map();
    this.waits = new Map();
    this.keys = [];
    this.caller = 0;
  }

  private putOwnVariables(): void {
    const volatile = ATTRIBUTE.bootService | ATTRIBUTE.runtime, text = (value: string) => new TextEncoder().encode(`${value}\0`);
    this.putVariable('SecureBoot', Uint8Array.of(0), volatile);
    this.putVariable('SetupMode', Uint8Array.of(1), volatile);
    this.putVariable('OsIndicationsSupported', new Uint8Array(8), volatile);
    this.putVariable('PlatformLangCodes', text('en'), volatile);
    if (this.variables.get('PlatformLang', GUID.globalVariable, false) === undefined) this.putVariable('PlatformLang', text('en'), volatile);
  }

  private installFirmware(): void {
    const { handles, io } = this, console = handles.install(0n, GUID.devicePath, this.place(pathBytes([pciRoot(), uart()]))).id;
    this.images.firmware = handles.install(0n, GUID.loadedImageDevicePath, 0n).id;
    this.console = installConsole(this, console);
    this.tables.setConsole(console, this.console.input, this.console.output);
    showConsole(this);
    if (io.screen !== undefined) installGraphics(this, console, io.screen);
    installCollation(this, this.images.firmware);
    installSmall(this, this.images.firmware);
    if (io.direct()?.initrd !== undefined) installInitrd(this);
    this.describeHardware(io.deviceTree());
    this.putTable(GUID.smbios3Table, MEMORY.runtimeServicesData, base => { const { bytes, entryPointAddress } = placeSmbios(io.smbios(), base); return { bytes, entry: entryPointAddress }; });
  }

  /** ACPI tables are made of the device tree, as the board has none of its own. */
  private describeHardware(deviceTree: Uint8Array): void {
    const { tables: wanted = 'both' } = this.io.settings;
    if (wanted !== 'acpi') this.tables.configure(GUID.deviceTreeTable, this.give(deviceTree, MEMORY.acpiReclaim));
    if (wanted === 'deviceTree') return;
    const { tables } = acpiTables({ deviceTree });
    this.putTable(GUID.acpi20Table, MEMORY.acpiReclaim, base => { const { bytes, rsdpAddress } = placeTables(tables, base); return { bytes, entry: rsdpAddress }; });
  }

  /** Puts what an OS finds by its GUID into pages of its own; `place` says what it is at an address. */
  private putTable(guid: string, type: number, place: (base: number) => { readonly bytes: Uint8Array; readonly entry: number }): void {
    const base = this.map.allocate(type, Math.ceil(place(0).bytes.length / PAGE_BYTES));
    assert(base !== undefined, 'an empty machine has room for its tables');
    const { bytes, entry } = place(base);
    this.memory.write(BigInt(base), bytes);
    this.tables.configure(guid, BigInt(entry));
  }

  private async installRange({ range, path }: FoundRange): Promise<void> {
    const { handles } = this, { id } = handles.install(0n, GUID.devicePath, this.place(pathBytes(path))), { blockIo, diskIo } = blockInterfaces(this, range);
    handles.install(id, GUID.blockIo, blockIo);
    handles.install(id, GUID.diskIo, diskIo);
    this.ranges.set(id, path);
    if (range.sectorCount > 0 && await this.disks.volume(range) !== undefined) handles.install(id, GUID.simpleFileSystem, fileSystemInterface(this, range));
  }

  /** A guest's CPU called one of the functions: it is behind the HVC now. */
  call(cpu: UefiCpu, number: number): void {
    this.caller = cpu.id;
    if (number === RETURNED) { this.callReturned(cpu); return; }
    if (number >= FIRST_VECTOR && number < RETURNED) { this.exception(cpu, number - FIRST_VECTOR); return; }
    const name = this.tables.nameOf(number), run = name === undefined ? undefined : FUNCTIONS[name];
    if (name === undefined || run === undefined || this.phase === 'off' || this.isRuntime && !isRuntime(name)) { cpu.setX(0, UNSUPPORTED); return; }
    if (!this.isRuntime) this.events.runTimers(this.nowNs);
    const depth = this.images.depth;
    let answer;
    try { answer = run(this, new Call(cpu, this.memory)); } catch (error) { answer = statusOf(this.reported(error)); }
    if (!(answer instanceof Promise)) { this.finish(cpu, depth, answer); return; }
    cpu.held = true;
    this.work(async () => {
      const result = await answer.catch((error: unknown) => statusOf(this.reported(error)));
      return () => {
        cpu.held = false;
        this.caller = cpu.id;
        this.finish(cpu, depth, result);
      };
    });
  }

  /** Our own bugs are not the guest's. */
  private reported(error: unknown): unknown {
    if (error instanceof Error && /^(Type|Reference|Range)Error$|AssertionError/.test(error.name)) throw error;
    return error;
  }

  private finish(cpu: UefiCpu, depth: number, result: Result): void {
    if (typeof result !== 'bigint' && result !== ELSEWHERE) { this.wait(cpu, depth, result); return; }
    this.waits.delete(depth);
    if (typeof result === 'bigint') cpu.setX(0, result);
    if (!this.isRuntime) this.images.notify(cpu);
  }

  /** The CPU calls again when something happened, after events that it is called for. */
  private wait(cpu: UefiCpu, depth: number, { untilNs }: Later): void {
    this.waits.set(depth, untilNs);
    cpu.pc -= 4n;
    if (this.images.notify(cpu)) return;
    cpu.held = true;
    this.heldCpu = cpu;
    this.setAlarm(untilNs);
  }

  private setAlarm(untilNs: number): void {
    const atNs = Math.min(untilNs, this.events.nextDueNs);
    if (Number.isFinite(atNs)) this.alarm.set(atNs);
    else this.alarm.clear();
  }

  private ring(): void {
    if (this.manager.isWaiting) { this.manager.tick(); this.rearm(); } else this.letGo();
  }

  /** What the CPU waits for may be there. */
  private letGo(): void {
    if (this.heldCpu === undefined) return;
    this.heldCpu.held = false;
    this.heldCpu = undefined;
    this.io.wake();
  }

  private rearm(): void { if (this.manager.isWaiting && Number.isFinite(this.manager.nextNs)) this.alarm.set(this.manager.nextNs); }

  /** Does something that takes a while, and what it says to do then; one after the other. */
  work(job: () => Promise<(() => void) | undefined>): void {
    const { generation } = this, before = this.working ?? Promise.resolve();
    const mine: Promise<void> = this.working = before.then(async () => {
      if (generation !== this.generation) return;
      const after = await job();
      if (generation !== this.generation) return;
      after?.();
      this.rearm();
      this.io.wake();
    }).finally(() => { if (this.working === mine) this.working = undefined; });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> { while (this.working !== undefined) await this.working; }

  private callReturned(cpu: UefiCpu): void {
    const over = this.images.returned(cpu);
    if (over?.isOutermost) { this.imageEnded(cpu, over.status); return; }
    this.images.notify(cpu);
  }

  /** What the boot manager started is over. */
  imageEnded(cpu: UefiCpu, status: bigint): void {
    cpu.held = true;
    this.events.tpl = TPL.application;
    this.waits.clear();
    this.manager.ended(status);
    this.rearm();
  }

  /** The first CPU goes on in an image. */
  startOutermost(handle: bigint): void {
    const image = this.images.find(handle), { cpu } = this.io;
    assert(image !== undefined, 'the image is loaded');
    this.events.signalGroup(GUID.eventReadyToBoot);
    this.images.start(cpu, image, [0n, 0n], BigInt(this.stack));
    cpu.held = false;
  }

  private exception(cpu: UefiCpu, vector: number): void {
    const { text, mask } = this.io.exception(cpu.id);
    // Nobody asked for an interrupt: it is masked again.
    if (vector === IRQ_VECTOR || vector === FIQ_VECTOR) { mask(); return; }
    this.text.setAttribute(15);
    this.text.print(`\r\n${text}\r\n`);
    cpu.held = true;
  }

  /** The boot services end, once everybody who wants to hear of it was called. */
  exitBootServices(key: bigint): Result {
    const { events } = this;
    if (this.waited === undefined) {
      if (key !== BigInt(this.map.key)) return INVALID_PARAMETER;
      events.signalGroup(GUID.eventBeforeExitBootServices);
      events.signalGroup(GUID.eventExitBootServices);
    }
    if (events.hasNotification) return { untilNs: this.nowNs };
    this.phase = 'runtime';
    this.tables.endBootServices();
    this.alarm.clear();
    this.disks.forget();
    this.keys = [];
    // Whatever became of it before: from here on only the OS keeps the machine from its reset.
    this.io.watchdog.enable();
    this.io.watchdog.handOver();
    return SUCCESS;
  }

  // What functions use.

  /** Bytes in memory of the firmware's own. */
  place(bytes: Uint8Array): bigint { return this.give(bytes, MEMORY.bootServicesData); }
  /** Bytes in a pool, which a guest may free. */
  give(bytes: Uint8Array, type: number = MEMORY.bootServicesData): bigint {
    const at = this.map.allocatePool(type, Math.max(1, bytes.length));
    if (at === undefined) throw new EfiError(OUT_OF_RESOURCES);
    this.memory.write(BigInt(at), bytes);
    return BigInt(at);
  }
  /** A table of functions, by their names, and of values. */
  interface(fields: readonly (string | bigint)[]): bigint {
    return this.place(new Uint8Array(BigUint64Array.from(fields.map(field => (typeof field === 'bigint' ? field : this.tables.addressOf(field)))).buffer));
  }

  takeKey(): Key | undefined {
    const key = this.keys.shift();
    if (key !== undefined) this.polls = 0;
    return key;
  }
  dropKeys(): void { this.keys = []; }

  /** Whoever asks again and again for what is not there is made to wait a little each time. */
  notYet(status: bigint): Result {
    if (this.waited !== undefined || ++this.polls < POLLS) return status;
    return { untilNs: this.nowNs + POLL_NS };
  }

  /** Somebody typed at the serial port. */
  typed(bytes: Uint8Array): void { for (const key of keysOf(bytes)) this.pressed(key); }
  /** A key of the keyboard, by its Linux code. */
  keyboardKey(code: number, isDown: boolean): void {
    const key = this.keyboard.key(code, isDown);
    if (key !== undefined) this.pressed(key);
  }

  private pressed(key: Key): void {
    if (this.manager.isWaiting) { this.manager.key(key); this.rearm(); return; }
    if (this.keys.length < KEYS_MOST) this.keys.push(key);
    this.letGo();
  }

  /** A variable of the firmware's own, by the global GUID; keeping it is for `keepVariables`. */
  putVariable(name: string, data: Uint8Array, attributes: number): void { this.variables.set({ name, guid: GUID.globalVariable, attributes, data }, 'firmware'); }
  /** Says whether they are. */
  keepVariables(): Promise<boolean> { return this.io.keep(this.variables.kept).then(() => true, () => false); }

  setVariable(variable: Variable, by: 'boot' | 'runtime'): bigint | Promise<bigint> {
    const { status, isKept } = this.variables.set(variable, by);
    return isKept && !isError(status) ? this.keepVariables().then(areKept => (areKept ? status : DEVICE_ERROR)) : status;
  }

  nextCount(): bigint {
    const [high, low] = this.count;
    this.count = low === 0xffff_ffff ? [high + 1, 0] : [high, low + 1];
    return BigInt(this.count[0]) << 32n | BigInt(this.count[1]);
  }
  nextHighCount(): number {
    this.count = [this.count[0] + 1, 0];
    return this.count[0];
  }

  /** The handle with a protocol, and a path that a path begins with most of. */
  longestMatch(guid: string, path: DevicePath): { readonly handle: bigint; readonly nodes: number } | undefined {
    let best: { readonly handle: bigint; readonly nodes: number } | undefined;
    for (const { id, protocols } of this.handles.having(guid)) {
      const at = protocols.find(each => each.guid === GUID.devicePath)?.interface ?? 0n, its = at === 0n ? undefined : pathAt(this.memory, at);
      if (its !== undefined && startsWith(path, its) && its.length >= (best?.nodes ?? 0)) best = { handle: id, nodes: its.length };
    }
    return best;
  }

  /** The file system that a path leads to, and what is left of the path there. */
  placeOf(path: DevicePath): { readonly device: bigint; readonly rest: DevicePath } | undefined {
    const match = this.longestMatch(GUID.simpleFileSystem, path);
    return match && { device: match.handle, rest: path.slice(match.nodes) };
  }

  async readFileAt(path: DevicePath): Promise<Uint8Array> {
    const place = this.placeOf(path), file = place && fileOf(place.rest), range = place && this.disks.at(this.handles.protocol(place.device, GUID.simpleFileSystem)!.interface);
    if (file === undefined || range === undefined) throw new EfiError(NOT_FOUND);
    const volume = await this.disks.volume(range), bytes = volume && await readWholeFile(volume, resolvePath([], file) ?? []).catch(() => { throw new EfiError(LOAD_ERROR); });
    if (bytes === undefined) throw new EfiError(NOT_FOUND);
    return bytes;
  }

  /** The whole path of what an option means: a partition or a file alone is looked for on all disks, and a disk leads to what it is to be booted by. */
  async bootPath(path: DevicePath, fallback: string): Promise<DevicePath> {
    const [first] = path, partition = partitionOf(path.slice(0, 1));
    if (partition !== undefined) {
      const found = [...this.ranges.values()].find(each => isSameNode(each.at(-1), first)) ?? [...this.ranges.values()].find(each => { const its = partitionOf(each.slice(-1)); return its?.signature === partition.signature && its.number === partition.number; });
      if (found === undefined) throw new EfiError(NOT_FOUND);
      return path.length === 1 ? [...found, filePath(fallback)] : [...found, ...path.slice(1)];
    }
    const isFile = fileOf(path) !== undefined, isDevice = isFile || [...this.ranges.values()].some(each => each.length === path.length && startsWith(each, path));
    if (!isDevice) return path;
    const file = isFile ? fileOf(path)! : fallback;
    for (const [handle, its] of this.ranges) {
      const range = isFile || startsWith(its, path) ? this.disks.at(this.handles.protocol(handle, GUID.simpleFileSystem)?.interface ?? 0n) : undefined, volume = range && await this.disks.volume(range);
      if (await volume?.stat(resolvePath([], file) ?? []).catch(() => undefined)) return [...its, filePath(file)];
    }
    throw new EfiError(NOT_FOUND);
  }

  /** Nothing is under way. */
  save(): UefiState {
    const { phase, map, handles, events, images, disks, variables, text, manager, console, io: { screen } } = this;
    return {
      phase, map: map.save(), handles: handles.save(), events: events.save(), images: images.save(), tables: phase === 'off' ? undefined : this.tables.save(), disks: disks.save(), variables: variables.save(), text: text.save(), manager: manager.save(), console,
      files: structuredClone([...this.files]), waits: [...this.waits], ranges: [...this.ranges], keys: this.keys, count: this.count, stack: this.stack,
      ...(screen !== undefined && phase === 'boot' && { pixels: screen.pixels.slice() }),
    };
  }

  restore(state: UefiState): void {
    this.forget();
    this.phase = state.phase;
    this.map.restore(state.map);
    this.handles.restore(state.handles);
    this.events.restore(state.events);
    this.images.restore(state.images);
    if (state.tables !== undefined) this.tables.restore(state.tables);
    this.disks.take(this.io.disks());
    this.disks.restore(state.disks);
    this.variables.restore(state.variables);
    this.text.restore(state.text);
    this.manager.restore(state.manager);
    this.console = state.console;
    this.files = new Map(structuredClone(state.files));
    this.waits = new Map(state.waits);
    this.ranges = new Map(state.ranges);
    this.keys = [...state.keys];
    this.count = state.count;
    this.stack = state.stack;
    const { screen } = this.io;
    if (screen !== undefined && state.pixels?.length === screen.pixels.length) { screen.pixels.set(state.pixels); screen.drawn(0, 0, screen.width, screen.height); }
    this.io.cpu.held = state.phase === 'boot' && this.manager.isWaiting;
    this.rearm();
  }
}

/** Level 1 of a 39-bit address space of 4 KiB pages (Arm ARM D8.3): devices in the first GiB, memory behind it, all of it where it is. */
function translationTable({ end }: { readonly end: number }): Uint8Array {
  const BLOCK = 1n, ACCESS = 1n << 10n, INNER_SHAREABLE = 3n << 8n, NEVER_EXECUTE = 3n << 53n, MEMORY_ATTRIBUTE = 3n << 2n, table = new BigUint64Array(512);
  table[0] = BLOCK | ACCESS | NEVER_EXECUTE;
  for (let gib = 1; gib * GIB < end; gib++) table[gib] = BigInt(gib * GIB) | BLOCK | ACCESS | INNER_SHAREABLE | MEMORY_ATTRIBUTE;
  return new Uint8Array(table.buffer);
}
