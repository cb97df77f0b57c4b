/** Everything the console, the command line and the tests may ask of the engine. */
import type { AlarmDefinitionId, DatastoreId, HostId, PeerId, ResourcePoolId, SnapshotId, TaskId, TriggeredAlarmId, VmId } from '../base/ids.ts';
import type { Problem, Said } from '../base/phrase.ts';
import type { AlarmPlace, AlarmSettings } from '../model/alarm.ts';
import type { CloneRequest, VmPlace } from '../model/clone.ts';
import type { InventoryEvent } from '../model/event.ts';
import type { Change } from './engine-events.ts';
import type { ClientProperties, DisplaySession, HeadWindow, VmDisplay } from '../model/display.ts';
import type { DatastoreEdit, DatastoreEntry, DatastoreRequest, DatastoreUsage, PoolSettings } from '../model/container.ts';
import type { FirmwareTables } from '../model/firmware-tables.ts';
import type { HostLink, HostProfile, HostRole, HostStats, NewHost } from '../model/host.ts';
import type { LabelChange } from '../model/labels.ts';
import type { EfiBoot, EfiBootChange } from '../model/efi.ts';
import type { BootChange } from '../model/boot-watchdog.ts';
import type { TimeChange } from '../model/guest-time.ts';
import type { MeteredId, Metric, MetricQuery, MetricSeries } from '../model/metric.ts';
import type { Migration, MigrationCheck, MigrationRequest } from '../model/migration.ts';
import type { NewObject, ObjectId } from '../model/objects.ts';
import type { NewPeer, Peer, PeerIdentity, PeerStatus } from '../model/peer.ts';
import type { Place } from '../model/place.ts';
import type { ObjectRef, Task, TaskFilter } from '../model/task.ts';
import type { BulkOperation, DISK_FORMATS, SnapshotEdit, SnapshotRequest, VmRequest, VmStats } from '../model/vm.ts';

/** What a file on the engine's machine is, for fields that take a path. */
export interface FileProbe extends Partial<Problem> { readonly exists: boolean; readonly sizeBytes: number; readonly what: 'linux-image' | 'gzip' | 'cpio' | 'directory' | 'other'; readonly image?: ImageProbe }
/** A file as a disk image: what is not known to be anything else is raw. */
export type ImageProbe =
  | { readonly format: typeof DISK_FORMATS[number]; readonly sizeBytes: number; readonly allocatedBytes: number; readonly backingFile?: string | undefined }
  | Problem;
export interface DirectoryEntry { readonly name: string; readonly path: string; readonly directory: boolean; readonly sizeBytes: number }
export interface Directory { readonly path: string; readonly parent?: string; readonly entries: readonly DirectoryEntry[] }

export interface About { readonly name: string; readonly version: string; readonly build: string; readonly pid: number; readonly startedMs: number; readonly dataPath: string }

/** A page of rows, newest first, and the cursor that gets the next page. */
export interface Page<T> { readonly rows: readonly T[]; readonly next?: string }

/** All methods reject with `EngineError`; anything slow returns a `TaskId` at once. */
export interface EngineApi {
  engine: {
    about(): Promise<About>;
    /** Starts the event stream on this connection; events before this call are not repeated. */
    subscribe(): Promise<void>;
  };
  /** The trees of objects, and what is attached to objects. VMs that run, hosts and datastores have methods of their own besides. */
  inventory: {
    /** Every object, as if it had just been made. */
    list(): Promise<readonly Change[]>;
    create(wanted: NewObject): Promise<TaskId>;
    rename(id: ObjectId, name: string): Promise<TaskId>;
    /** All of them or none. A VM goes to a VM folder, a resource pool, or while it is off to another host; everything else within its tree. */
    move(ids: readonly ObjectId[], to: Place): Promise<TaskId>;
    /** The sentence with which `move` would be refused now; null where it would not. */
    moveProblem(ids: readonly ObjectId[], to: Place): Promise<Said | null>;
    /** What is in it must be gone, but resource pools: what is in them goes to their parent. Of VMs, see `vms.delete`. */
    remove(ids: readonly ObjectId[]): Promise<TaskId>;
    /** Tags, custom attributes and notes of any number of objects. */
    label(ids: readonly ObjectId[], change: LabelChange): Promise<TaskId>;
  };
  hosts: {
    add(wanted: NewHost): Promise<TaskId>;
    /** Changes its hardware; no VM on it may be on or suspended. */
    edit(id: HostId, profile: HostProfile): Promise<TaskId>;
    /** Its VMs and resource pools must be gone. */
    remove(id: HostId): Promise<TaskId>;
    powerOn(id: HostId): Promise<TaskId>;
    /** VMs that run on it lose their power with it when that is forced; otherwise there must be none. */
    powerOff(id: HostId, options?: { force?: boolean }): Promise<TaskId>;
    reboot(id: HostId, options?: { force?: boolean }): Promise<TaskId>;
    /** Waits until no VM of it is on, and starts none meanwhile. They can go to other hosts of its cluster, those that are on while they run. */
    enterMaintenance(id: HostId, options?: { moveVms?: boolean }): Promise<TaskId>;
    exitMaintenance(id: HostId): Promise<TaskId>;
    /** Makes a VM that is on it, and off, what it boots itself, or its SmartNIC; null for nothing. The host must be off. */
    setSystem(id: HostId, role: HostRole, vm: VmId | null): Promise<TaskId>;
    /** What its way to other hosts is like from now on, also for what is under way. */
    setLink(id: HostId, link: HostLink): Promise<TaskId>;
    stats(id: HostId): Promise<HostStats>;
    connect(id: HostId): Promise<TaskId>;
    /** No VM of it may be on. */
    disconnect(id: HostId): Promise<TaskId>;
  };
  resourcePools: {
    /** Takes effect on VMs that run at once. */
    edit(id: ResourcePoolId, settings: PoolSettings): Promise<TaskId>;
  };
  vms: {
    /** Makes the images of new disks first; none is left when that fails. */
    create(spec: VmRequest, hostId: HostId, place?: VmPlace): Promise<TaskId>;
    /**
     * Makes the VM what is asked for. Of a VM that is on, what `hardware-change.ts` names is done at once or kept for the
     * next power on, and the rest is refused.
     */
    reconfigure(id: VmId, spec: VmRequest): Promise<TaskId>;
    powerOn(id: VmId): Promise<TaskId>;
    /** Presses the virtual power button and waits until the guest has powered off. */
    shutDownGuest(id: VmId): Promise<TaskId>;
    restartGuest(id: VmId): Promise<TaskId>;
    powerOff(id: VmId): Promise<TaskId>;
    reset(id: VmId): Promise<TaskId>;
    /** Writes the running machine to disk and stops it; the next power on goes on from there, and power off gives that up. */
    suspend(id: VmId): Promise<TaskId>;
    /** Moves VMs to a host, those that are on while they run: one task, with a part for each when there are several. */
    migrate(ids: readonly VmId[], request: MigrationRequest): Promise<TaskId>;
    /** What stands against that or should be known before, each VM for itself. */
    checkMigration(id: VmId, request: MigrationRequest): Promise<readonly MigrationCheck[]>;
    /** Of a VM that was given to another engine whose answer is missing for good: it is this engine's again. Two of it run when the other engine took it after all. */
    goOnHere(id: VmId): Promise<TaskId>;
    /** The newest first, with the one that is going on. */
    migrations(id: VmId): Promise<readonly Migration[]>;
    /** One operation on many VMs: a task with a part for each. All are tried. */
    each(operation: BulkOperation, ids: readonly VmId[]): Promise<TaskId>;
    /** Moves it to the bin, with its snapshots and all its files. No other method takes a VM in the bin than the next two. */
    delete(id: VmId): Promise<TaskId>;
    /** Puts it back into the inventory, under another name where its own is taken meanwhile. */
    restore(id: VmId): Promise<TaskId>;
    /** Removes a VM that is in the bin, and the files that were made for it. */
    deleteFromDisk(id: VmId): Promise<TaskId>;
    /** The same for all that are in the bin. */
    emptyBin(): Promise<TaskId>;
    /** Keeps what the VM is now; it goes on, with a new layer on each disk. Memory is only there to keep while it runs. */
    takeSnapshot(id: VmId, request: SnapshotRequest): Promise<TaskId>;
    /** Makes the VM what it was. What it is now is lost, unless a snapshot has it; with memory it then goes on running. */
    revertToSnapshot(id: VmId, snapshotId: SnapshotId): Promise<TaskId>;
    editSnapshot(id: VmId, snapshotId: SnapshotId, text: SnapshotEdit): Promise<TaskId>;
    /** Layers of disks that only it kept apart become one: at once while the VM is off, else when it goes off. */
    deleteSnapshot(id: VmId, snapshotId: SnapshotId): Promise<TaskId>;
    deleteAllSnapshots(id: VmId): Promise<TaskId>;
    /** What a deleted snapshot of a VM that was on, or a task that was cancelled, left to do. */
    consolidate(id: VmId): Promise<TaskId>;
    /** Copies a VM or a template, on or off; deploys one from a template. */
    clone(id: VmId, request: CloneRequest): Promise<TaskId>;
    /** A template is copied, and neither powered on nor changed. */
    convertToTemplate(id: VmId): Promise<TaskId>;
    convertToVm(id: VmId): Promise<TaskId>;
    /** Puts an image, or nothing, into a CD drive of a VM that is on or off; drives are counted from 0 among its CD drives. */
    changeMedium(id: VmId, drive: number, path?: string): Promise<void>;
    /** Asks the guest of a VM that is on to give up so much of its memory; what it did is in `stats`. */
    setBalloon(id: VmId, mib: number): Promise<void>;
    /** Of a VM that is on and whose guest's time is scaled. Says whether the guest's clock itself was set: an earlier date is one of its real-time clock only. */
    changeTime(id: VmId, change: TimeChange): Promise<{ readonly stepped: boolean }>;
    /** What is booted next, which banks are good, and what is broken of the next boot, as a drill. */
    changeBoots(id: VmId, change: BootChange): Promise<void>;
    /** Keeps what is in the settings of a VM that is on or off as a boot bank; the same for what is to go. */
    saveBootBank(id: VmId, name: string): Promise<void>;
    removeBootBank(id: VmId, bank: string): Promise<void>;
    /** What the built-in UEFI of a VM can boot, and in which order. It is changed while the VM is off. */
    efiBoot(id: VmId): Promise<EfiBoot>;
    changeEfiBoot(id: VmId, change: EfiBootChange): Promise<void>;
    stats(id: VmId): Promise<VmStats | null>;
    /** The device tree of a VM's board and the ACPI tables that are made of it, whether it is on or off: those of its next power-on. */
    firmwareTables(id: VmId): Promise<FirmwareTables>;
    /** Presses the restart button, which a guest that knows it, as systemd does, takes for a wish to restart. */
    pressRestart(id: VmId): Promise<void>;
    /** Writes what passes an adapter of a VM that is on, counted from 0, to a pcapng file: a new one in the VM's folder where none is given. */
    startCapture(id: VmId, nic: number, path?: string): Promise<{ readonly path: string }>;
    /** Resolves when the file is whole. */
    stopCapture(id: VmId, nic: number): Promise<void>;
  };
  /** Other engines, which VMs move to and from (decision 31). Both sides have to know each other. */
  peers: {
    list(): Promise<readonly Peer[]>;
    add(wanted: NewPeer): Promise<TaskId>;
    /** Nothing may be under way with it. */
    remove(id: PeerId): Promise<TaskId>;
    identity(): Promise<PeerIdentity>;
    /** Asks it; rejects with why it does not answer. */
    check(id: PeerId): Promise<PeerStatus>;
  };
  /** Folders for VMs' files. Paths are relative to the datastore, with `/`; '' is the datastore itself. */
  datastores: {
    add(request: DatastoreRequest, parent: Place): Promise<TaskId>;
    edit(id: DatastoreId, change: DatastoreEdit): Promise<TaskId>;
    usage(id: DatastoreId): Promise<DatastoreUsage>;
    list(id: DatastoreId, path: string): Promise<readonly DatastoreEntry[]>;
    makeFolder(id: DatastoreId, path: string): Promise<void>;
    /** Renames a file or moves it within the datastore. What VMs use stays where it is. */
    move(id: DatastoreId, from: string, to: string): Promise<void>;
    delete(id: DatastoreId, paths: readonly string[]): Promise<TaskId>;
    /** The SHA-256 is in the details of the task. */
    checksum(id: DatastoreId, path: string): Promise<TaskId>;
    /** Up to 4 MiB; fewer bytes than were asked for at the end of the file. */
    read(id: DatastoreId, path: string, offset: number, length: number): Promise<Uint8Array>;
    /** A new file, in pieces of up to 4 MiB, in order; it is there when it is whole. */
    startUpload(id: DatastoreId, path: string, sizeBytes: number): Promise<string>;
    upload(uploadId: string, bytes: Uint8Array): Promise<void>;
    finishUpload(uploadId: string): Promise<void>;
    cancelUpload(uploadId: string): Promise<void>;
  };
  consoles: {
    /**
     * Attaches this connection to the VM's serial console, powered on or not. Output then arrives as
     * `console.output` events, beginning with a replay of what the engine still holds (up to 256 KiB).
     */
    attach(id: VmId): Promise<{ readonly consoleId: string }>;
    detach(consoleId: string): Promise<void>;
    /** Bytes the operator typed. */
    write(consoleId: string, bytes: Uint8Array): Promise<void>;
    /** Tells that the client has shown this many bytes, so that the engine may send more. */
    acknowledge(consoleId: string, bytes: number): Promise<void>;
  };
  displays: {
    /** Opens a session at a VM's display for this connection, powered on or not; it ends with the connection. What it is told of comes in `display.changed` events. */
    open(id: VmId, properties: ClientProperties): Promise<DisplaySession>;
    /** A window of a session is there, or has another size, or was turned. */
    update(sessionId: string, window: HeadWindow): Promise<void>;
    /** Ends a session, one's own or another's. */
    close(sessionId: string): Promise<void>;
    /** A stream of RFB (RFC 6143) for a head of a session, of whichever connection; what comes from the engine are `display.output` events, from its greeting on. */
    stream(sessionId: string, head: number): Promise<{ readonly streamId: string }>;
    write(streamId: string, bytes: Uint8Array): Promise<void>;
    /** Tells that the client has taken this many bytes, so that the engine may send more. */
    acknowledge(streamId: string, bytes: number): Promise<void>;
    closeStream(streamId: string): Promise<void>;
    get(id: VmId): Promise<VmDisplay>;
    /** What a head shows as a PNG, at most so wide. */
    screenshot(id: VmId, options?: { readonly head?: number | undefined; readonly width?: number | undefined }): Promise<Uint8Array>;
    /** Records a head to a file, in the VM's folder unless a path is given, until `stopRecording` or the VM goes off. */
    startRecording(id: VmId, options?: { readonly head?: number | undefined; readonly path?: string | undefined }): Promise<{ readonly path: string }>;
    stopRecording(id: VmId): Promise<void>;
    /** Recordings in the VM's folder, by name, oldest first. */
    recordings(id: VmId): Promise<readonly { readonly name: string; readonly sizeBytes: number }[]>;
    /** A part of a recording, at most 1 MiB; empty at its end. */
    readRecording(id: VmId, name: string, offset: number): Promise<Uint8Array>;
  };
  tasks: {
    /** The most recent tasks, newest first. */
    list(limit: number, before?: string, filter?: TaskFilter): Promise<Page<Task>>;
    get(id: TaskId): Promise<Task>;
    cancel(id: TaskId): Promise<void>;
    /** Undoes what a task changed of a VM's settings, and nothing that was changed since; by a task of its own. */
    revert(id: TaskId): Promise<TaskId>;
  };
  events: {
    list(limit: number, options?: { before?: string; target?: ObjectRef }): Promise<Page<InventoryEvent>>;
  };
  performance: {
    /** What is measured, of whatever object. */
    metrics(): Promise<readonly Metric[]>;
    /** Figures of the past; a series that has none at all is left out. */
    query(query: MetricQuery): Promise<readonly MetricSeries[]>;
    /** Figures of an object then arrive each second as `performance.sampled`. */
    watch(object: MeteredId): Promise<void>;
    unwatch(object: MeteredId): Promise<void>;
  };
  alarms: {
    /** What is defined on an object holds for all of the kind in it. */
    create(on: AlarmPlace, settings: AlarmSettings): Promise<TaskId>;
    change(id: AlarmDefinitionId, settings: AlarmSettings): Promise<TaskId>;
    /** An alarm that is not enabled has nothing triggered. */
    setEnabled(ids: readonly AlarmDefinitionId[], enabled: boolean): Promise<TaskId>;
    delete(ids: readonly AlarmDefinitionId[]): Promise<TaskId>;
    /** Its actions are not repeated any more. */
    acknowledge(ids: readonly TriggeredAlarmId[]): Promise<TaskId>;
    /** To green; what is still wrong triggers it again. */
    reset(ids: readonly TriggeredAlarmId[]): Promise<TaskId>;
  };
  files: {
    probe(path: string): Promise<FileProbe>;
    /** Lists a directory; the home directory of the engine's user when no path is given. */
    list(path?: string): Promise<Directory>;
  };
}
