/** Everything the console, the command line and the tests may ask of the engine. */
import type { HostId, SnapshotId, TaskId, VmId } from '../base/ids.ts';
import type { InventoryEvent } from '../model/event.ts';
import type { Host } from '../model/host.ts';
import type { ObjectRef, Task } from '../model/task.ts';
import type { SnapshotRequest, Vm, VmSpec, VmStats } from '../model/vm.ts';

/** What a file on the engine's machine is, for fields that take a path. */
export interface FileProbe { readonly exists: boolean; readonly sizeBytes: number; readonly what: 'linux-image' | 'gzip' | 'cpio' | 'directory' | 'other'; readonly problem?: string }
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
  hosts: {
    list(): Promise<readonly Host[]>;
  };
  vms: {
    list(): Promise<readonly Vm[]>;
    create(spec: VmSpec, hostId: HostId): Promise<TaskId>;
    rename(id: VmId, name: string): Promise<void>;
    powerOn(id: VmId): Promise<TaskId>;
    /** Presses the virtual power button and waits until the guest has powered off. */
    shutDownGuest(id: VmId): Promise<TaskId>;
    powerOff(id: VmId): Promise<TaskId>;
    reset(id: VmId): Promise<TaskId>;
    /** Writes the running machine to disk and stops it; the next power on goes on from there, and power off gives that up. */
    suspend(id: VmId): Promise<TaskId>;
    delete(id: VmId): Promise<TaskId>;
    /** Keeps what the VM is now; it goes on, with a new layer on each disk. Memory is only there to keep while it runs. */
    takeSnapshot(id: VmId, request: SnapshotRequest): Promise<TaskId>;
    /** Makes the VM what it was. What it is now is lost, unless a snapshot has it; with memory it then goes on running. */
    revertToSnapshot(id: VmId, snapshotId: SnapshotId): Promise<TaskId>;
    /** Its disks' layers stay for as long as something is on top of them. */
    deleteSnapshot(id: VmId, snapshotId: SnapshotId): Promise<TaskId>;
    stats(id: VmId): Promise<VmStats | null>;
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
  tasks: {
    /** The most recent tasks, newest first. */
    list(limit: number, before?: string): Promise<Page<Task>>;
    get(id: TaskId): Promise<Task>;
    cancel(id: TaskId): Promise<void>;
  };
  events: {
    list(limit: number, options?: { before?: string; target?: ObjectRef }): Promise<Page<InventoryEvent>>;
  };
  files: {
    probe(path: string): Promise<FileProbe>;
    /** Lists a directory; the home directory of the engine's user when no path is given. */
    list(path?: string): Promise<Directory>;
  };
}
