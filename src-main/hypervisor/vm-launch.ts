/** The contract between the engine, which wants VMs to run, and the hypervisor, which runs each in a worker of its own. */
import type { MessagePort } from 'node:worker_threads';
import type { HostId } from '../../shared/base/ids.ts';
import type { DisplaySpec } from '../../shared/model/display.ts';
import type { EfiVariable } from '../../shared/model/efi.ts';
import type { GuestTimeSpec, TimeChange } from '../../shared/model/guest-time.ts';
import type { BootChange, BootRecord } from '../../shared/model/boot-watchdog.ts';
import type { BootWatchdogSpec, DiskSpec, GuestSource, NicSpec, SmpMode, VirtioBus, VmStats } from '../../shared/model/vm.ts';
import type { MigrationFigures, MigrationRules } from './migration/outgoing.ts';
import type { NicHandle } from './network-messages.ts';
import type { ProfileOptions, VmProfile } from './profile.ts';
import type { Message } from '../../shared/base/phrase.ts';

/** Everything a VM needs to run, by value: a worker gets it as its `workerData`. */
export interface VmLaunch {
  readonly name: string;
  readonly cpus: number;
  /** How many `setCpus` can give it; `cpus` when absent. */
  readonly maxCpus?: number | undefined;
  /** Parallel when absent. */
  readonly smpMode?: SmpMode | undefined;
  /** For a deterministic VM: what its random numbers follow from, and its date at power-on in ms since the epoch. */
  readonly counted?: { readonly seed?: string; readonly startMs?: number };
  readonly memoryMib: number;
  /** Frequency of the host's system counter, in Hz. */
  readonly counterHz: number;
  readonly guest: GuestSource;
  readonly disks: readonly DiskSpec[];
  /** Whether an SMMU is between PCI and memory; it is when absent. */
  readonly iommu?: boolean;
  /** Of entropy, console and balloon; virtio-mmio when absent. */
  readonly virtioBus?: VirtioBus;
  /** None when absent. */
  readonly nics?: readonly NicSpec[] | undefined;
  /** Whose switches its adapters are at; without one they are at what joins the switches of all hosts. */
  readonly host?: HostId | undefined;
  /** What MAC addresses and the machine's UUID follow from; the name when absent. */
  readonly nicSeed?: string;
  /** With a keyboard and something to point with; none when absent. */
  readonly display?: DisplaySpec | undefined;
  /** The VM's own, unscaled, when absent. */
  readonly time?: GuestTimeSpec | undefined;
  /** One that only the guest uses when absent. */
  readonly bootWatchdog?: BootWatchdogSpec | undefined;
  /** Of the watchdog's architecture; 1 when absent. */
  readonly watchdogRevision?: 0 | 1 | undefined;
  /** What became of its boots so far; it says which bank is booted. */
  readonly boots?: BootRecord | undefined;
  /** What its built-in UEFI kept so far. */
  readonly efiVariables?: readonly EfiVariable[] | undefined;
  /** Samples where its vCPUs are. When the VM stops, whoever stops it, its listener gets the profile. */
  readonly profile?: ProfileOptions | undefined;
  /** A file that `suspend` wrote, to go on from instead of booting. It is removed before the first instruction, as its disks then go on. */
  readonly resumeFrom?: string | undefined;
  /** The buffer of a `CpuGate`: how much of its host's CPU the VM may use; all it likes when absent. */
  readonly cpuGate?: SharedArrayBuffer | undefined;
}

/** Why a VM is no longer running. */
export type VmStop =
  | { readonly kind: 'poweredOff' }              // the guest asked (PSCI SYSTEM_OFF)
  | { readonly kind: 'reset' }                   // the guest asked, and `stopOnReset` was set
  | { readonly kind: 'suspended' }               // `suspend()` was called, and its file is whole
  | { readonly kind: 'migrated' }                // `migrate()` was called, and the guest runs at the destination
  | { readonly kind: 'terminated' }              // `terminate()` was called
  | { readonly kind: 'failed' } & Message;       // unreadable image, or a bug of ours; one sentence

export interface VmListener {
  /** Every image is loaded and the first instruction is about to run. */
  started(): void;
  consoleOutput(bytes: Uint8Array): void;
  /** How much of `resumeFrom` has been read, before `started`. */
  resuming?(part: number): void;
  /** The guest reset itself, or its watchdog did, and starts again. */
  resetByGuest(byWatchdog: boolean): void;
  /** A boot began, came to a stage, or ended; with the reasons for what is booted next. */
  booted?(record: BootRecord): void;
  /** All that the built-in UEFI keeps, after a change. The guest hears that it is kept when this resolves; nothing is kept when absent. */
  keepEfiVariables?(variables: readonly EfiVariable[]): Promise<void>;
  /** How many bytes more an image may take, for now; as many as there are when absent. */
  roomFor?(path: string): Promise<number>;
  /** There is no room for a disk's image: the VM is paused until `retryStorage`. */
  storageFull?(path: string): void;
  /** It goes on. */
  storageHasRoom?(): void;
  /** Of a launch that asked for it, before `stopped`; not of a VM that failed. */
  profiled?(profile: VmProfile): void;
  /** Exactly once, last. */
  stopped(stop: VmStop): void;
}

export interface SnapshotLayers {
  readonly statePath?: string | undefined;
  /** For each disk: first those on bus 0, then by slot. */
  readonly layers: readonly (string | undefined)[];
}

/** What a VM that moves to another worker needs of who started both. */
export interface MigrateOptions {
  /** To the worker that receives it. */
  readonly port: MessagePort;
  readonly rules: MigrationRules;
  /** Aborted, the guest goes on where it is, unless it has been given away. */
  readonly signal: AbortSignal;
  readonly progress: (figures: MigrationFigures) => void;
  /** All is copied but what is left: the guest stands still from now on. */
  readonly switching: () => void;
  /** Asked when the guest was given away and nothing more is heard: whether it runs at the destination. If not, it never will. */
  readonly hasMoved: () => Promise<boolean>;
}

/** For a VM that goes on with the guest of another, which moves to it. */
export interface ReceiveOptions {
  /** Absent when it comes from another engine: then its NICs are new ones. */
  readonly from?: RunningVm | undefined;
  /** The other end of the source's. */
  readonly port: MessagePort;
  /** As in the rules of the source. */
  readonly link?: SharedArrayBuffer | undefined;
  /** Asked once, when the guest has been given away and its disks are open: whether it may run. */
  readonly mayRun: () => boolean | Promise<boolean>;
  /** It runs, and all of its memory is there. */
  readonly whole?: () => void;
}

export interface SaveOptions { readonly signal?: AbortSignal; readonly progress?: (part: number) => void }

/** A VM that is starting or running. */
export interface RunningVm {
  consoleInput(bytes: Uint8Array): void;
  /** How many bytes of console output the reader has taken; output pauses when 256 KiB are outstanding. */
  acknowledgeConsole(bytes: number): void;
  /** Presses the ACPI-style power button, which Linux obeys. */
  powerButton(): void;
  /** Presses a button that guests such as systemd's take for a wish to restart. */
  restartButton(): void;
  reset(): void;
  /** Writes the whole machine to a file, and stops it then. When it rejects the VM goes on. */
  suspend(path: string, options?: SaveOptions): Promise<void>;
  /** Moves the guest to a VM that receives it, while it runs; this one stops then. When it rejects the guest goes on here. */
  migrate(options: MigrateOptions): Promise<void>;
  /** Puts a disk into an empty PCI slot; the guest hears of it. */
  plugDisk(slot: number, disk: DiskSpec): Promise<void>;
  /** The same with a network adapter, which is the last of `nics` then. Rejects when its network does not take it. */
  plugNic(slot: number, spec: NicSpec): Promise<void>;
  /** Resolves when the guest let go of what is in the slot, or lost it as it was too slow. */
  unplug(slot: number): Promise<void>;
  /** Puts an image, or nothing, into a CD drive, by its number among the VM's CD drives, from 0. Whoever resumes the VM from a file says what is in it then. */
  changeMedium(drive: number, path: string | undefined): Promise<void>;
  /** Of a VM that is paused as there was no room: tries again. */
  retryStorage(): void;
  /**
   * How many CPUs the guest may turn on by PSCI, up to `maxCpus`. It has to do so itself: on Linux by writing 1 to
   * `/sys/devices/system/cpu/cpuN/online`. Rejects when one that is to go is on.
   */
  setCpus(cpus: number): Promise<void>;
  /** Asks the guest to give up so much of its memory; what it did is in `stats`. */
  setBalloon(mib: number): Promise<void>;
  /** The rules of the guest's time; whether it is scaled stays as it is. */
  setTime(time: GuestTimeSpec): Promise<void>;
  /** The rules of the boot watchdog; whether there is one stays as it is. */
  setBootWatchdog(spec: BootWatchdogSpec): Promise<void>;
  /** What an operator decides about its boots; `booted` follows. */
  changeBoots(change: BootChange): Promise<void>;
  /** Of a guest whose time is scaled. Says whether its clock itself was set, which an earlier date does not do. */
  changeTime(change: TimeChange): Promise<{ readonly stepped: boolean }>;
  /**
   * Keeps the machine in a file, if there is to be one, and puts a layer on each disk for which there is a path. Nothing runs while `record`
   * makes the layers known: when that rejects they are taken away again, and the VM goes on as before.
   */
  snapshot(what: SnapshotLayers, record: () => Promise<void>, options?: SaveOptions): Promise<void>;
  /**
   * Copies each disk that has a path, first those that are fixed, then by slot, to the image there while the guest uses it, and goes on with that
   * one. Nothing runs while `record` makes them known: when that rejects the VM goes on with what it had.
   */
  moveDisks(paths: readonly (string | undefined)[], record: () => Promise<void>, options?: SaveOptions): Promise<void>;
  /** Pulls the plug; resolves when the worker is gone. */
  terminate(): Promise<void>;
  stats(): Promise<VmStats>;
  /** Of a VM with a display: it takes `ToScreen` and gives `FromScreen`, and may be handed to another thread. It closes when the VM stops. */
  readonly screen: MessagePort | undefined;
  /** In the order of the launch, then as they were plugged in. */
  readonly nics: readonly NicHandle[];
}

/** Given to the engine by its entry point. */
export type StartVm = (launch: VmLaunch, listener: VmListener, options?: { readonly stopOnReset?: boolean; readonly receive?: ReceiveOptions }) => RunningVm;
