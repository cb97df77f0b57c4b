/** The engine: one inventory, its tasks and running VMs, and everybody connected to it. */
import { join } from 'node:path';
import type { About, EngineApi } from '../../shared/api/engine-api.ts';
import type { EngineEvents } from '../../shared/api/engine-events.ts';
import { serve, type Port } from '../../shared/api/rpc.ts';
import type { Task } from '../../shared/model/task.ts';
import type { StartVm } from '../hypervisor/vm-launch.ts';
import { Inventory } from '../inventory/inventory.ts';
import { Store } from '../inventory/store.ts';
import { deleteExpired } from './bin.ts';
import { BUILD, VERSION } from './build-info.ts';
import { Captures } from './captures.ts';
import { consoleMethods } from './console-methods.ts';
import { checked } from './checked.ts';
import { eventMethods, fileMethods, taskMethods } from './plain-methods.ts';
import { hostMethods, poolMethods } from './host-methods.ts';
import { inventoryMethods } from './inventory-methods.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { Power } from './power.ts';
import { recover } from './recover.ts';
import type { Session } from './session.ts';
import { Snapshots } from './snapshots.ts';
import { TaskRunner } from './task-runner.ts';
import { VmFiles } from './vm-files.ts';
import { vmMethods } from './vm-methods.ts';

export class Engine {
  readonly inventory: Inventory;
  readonly tasks: TaskRunner;
  readonly power: Power;
  readonly snapshots: Snapshots;
  readonly store: Store;
  readonly files: VmFiles;
  readonly captures: Captures;
  readonly oneAtATime = new OneAtATime();
  private readonly about: About;
  private closing: Promise<void> | undefined;

  private constructor(store: Store, inventory: Inventory, startVm: StartVm, dataPath: string) {
    this.store = store;
    this.inventory = inventory;
    this.tasks = new TaskRunner(store);
    this.files = new VmFiles(dataPath);
    this.power = new Power(inventory, startVm, this.files);
    this.snapshots = new Snapshots(this);
    this.captures = new Captures(this);
    this.about = { name: 'Quarterdeck', version: VERSION, build: BUILD, pid: process.pid, startedMs: Date.now(), dataPath };
  }

  /** Rejects with a sentence when the data folder is in use, damaged or from a newer version. */
  static async open({ dataPath, startVm }: { dataPath: string; startVm: StartVm }): Promise<Engine> {
    const store = await Store.open(join(dataPath, 'inventory.db'));
    await recover(store, new VmFiles(dataPath));
    const engine = new Engine(store, await Inventory.open(store), startVm, dataPath);
    await deleteExpired(engine);
    return engine;
  }

  /** Serves a client for as long as its port is open. */
  connect(port: Port): void {
    const cleanups: (() => void)[] = [];
    const session: Session = { emit: (name, payload) => server.emit(name, payload), onEnd: cleanup => { cleanups.push(cleanup); } };
    const server = serve<EngineApi, EngineEvents>(port, this.api(session));
    port.onClose(() => { for (const cleanup of cleanups) cleanup(); });
  }

  /** Powers everything off, waits for what runs, and gives the data folder free. */
  close(): Promise<void> {
    return this.closing ??= this.shutDown();
  }

  private async shutDown(): Promise<void> {
    await this.power.allOff();
    await this.tasks.idle();
    await this.store.close();
  }

  private api(session: Session): EngineApi {
    return {
      engine: {
        about: () => Promise.resolve(this.about),
        subscribe: checked([], () => { this.subscribe(session); }),
      },
      inventory: inventoryMethods(this),
      hosts: hostMethods(this),
      resourcePools: poolMethods(this),
      vms: vmMethods(this),
      consoles: consoleMethods(this, session),
      tasks: taskMethods(this),
      events: eventMethods(this),
      files: fileMethods(),
    };
  }

  private subscribe({ emit, onEnd }: Session): void {
    const subscriptions = [
      this.inventory.changed.on(changes => emit('inventory.changed', changes)),
      this.inventory.eventAdded.on(event => emit('event.added', event)),
      this.tasks.changed.on((task: Task) => emit('task.changed', task)),
    ];
    onEnd(() => { for (const subscription of subscriptions) subscription.dispose(); });
  }
}
