/** The engine: one inventory, its tasks and running VMs, and everybody connected to it. */
import { join } from 'node:path';
import type { About, EngineApi } from '../../shared/api/engine-api.ts';
import type { EngineEvents } from '../../shared/api/engine-events.ts';
import type { Disposable } from '../../shared/base/disposable.ts';
import { serve, type Port } from '../../shared/api/rpc.ts';
import { ROOT, type Task } from '../../shared/model/task.ts';
import { linkOf, type HostLink } from '../../shared/model/host.ts';
import type { Vm } from '../../shared/model/vm.ts';
import type { LinkQuality } from '../fabric/switch/switch-link.ts';
import { setHostLink } from '../hypervisor/start-network.ts';
import type { StartVm } from '../hypervisor/vm-launch.ts';
import { hostRef, Inventory, refOf } from '../inventory/inventory.ts';
import { MetricsStore } from '../inventory/metrics-store.ts';
import { Store } from '../inventory/store.ts';
import { Alarms } from './alarms.ts';
import { alarmMethods } from './alarm-methods.ts';
import { deleteExpired } from './bin.ts';
import { BUILD, VERSION } from './build-info.ts';
import { Captures } from './captures.ts';
import { consoleMethods } from './console-methods.ts';
import { checked } from './checked.ts';
import { datastoreMethods } from './datastore-methods.ts';
import { Datastores } from './datastores.ts';
import { eventMethods, fileMethods, taskMethods } from './plain-methods.ts';
import { displayMethods } from './display-methods.ts';
import { Displays } from './displays.ts';
import { hostMethods, poolMethods } from './host-methods.ts';
import { followSystem, systemsToStart } from './host-systems.ts';
import { inventoryMethods } from './inventory-methods.ts';
import { Migrations } from './migrations.ts';
import { Notifications } from './notifications.ts';
import { KeptOff } from './kept-off.ts';
import { everySecond, Performance, type Ticks } from './performance.ts';
import { performanceMethods } from './performance-methods.ts';
import { peerMethods } from './peer-methods.ts';
import { Peers } from './peers/peers.ts';
import { Power } from './power.ts';
import { recover } from './recover.ts';
import type { Session } from './session.ts';
import { Snapshots } from './snapshots.ts';
import { TaskRunner } from './task-runner.ts';
import { VmFiles } from './vm-files.ts';
import { vmMethods } from './vm-methods.ts';
import { say } from '../../shared/base/phrase.ts';

export class Engine {
  readonly inventory: Inventory;
  readonly tasks: TaskRunner;
  readonly power: Power;
  readonly snapshots: Snapshots;
  readonly store: Store;
  readonly files: VmFiles;
  readonly captures: Captures;
  readonly performance: Performance;
  readonly notifications = new Notifications();
  readonly alarms: Alarms;
  readonly datastores: Datastores;
  readonly displays: Displays;
  readonly migrations: Migrations;
  readonly peers: Peers;
  readonly keptOff = new KeptOff();
  private readonly about: About;
  private readonly ticking: Disposable;
  private closing: Promise<void> | undefined;

  private constructor({ store, metrics, inventory, startVm, files, ticks }: { store: Store; metrics: MetricsStore; inventory: Inventory; startVm: StartVm; files: VmFiles; ticks: Ticks }) {
    this.store = store;
    this.inventory = inventory;
    this.tasks = new TaskRunner(store);
    this.files = files;
    this.datastores = new Datastores(this);
    this.power = new Power({ inventory, startVm, files, keptOff: this.keptOff, datastores: this.datastores });
    this.displays = new Displays(this);
    this.peers = new Peers(this);
    this.migrations = new Migrations(this);
    this.snapshots = new Snapshots(this);
    this.performance = new Performance(this, metrics);
    this.captures = new Captures(this);
    for (const host of inventory.all('host')) setHostLink(host.id, qualityOf(linkOf(host)));
    inventory.changed.on(changes => { for (const { kind, after } of changes) if (kind === 'host' && after !== null) setHostLink(after.id, qualityOf(linkOf(after))); });
    this.alarms = new Alarms(this);
    this.ticking = ticks(atMs => void this.tick(atMs));
    this.about = { name: 'Quarterdeck', version: VERSION, build: BUILD, pid: process.pid, startedMs: Date.now(), dataPath: files.dataPath };
  }

  /** Rejects with a sentence when the data folder is in use, damaged or from a newer version. */
  static async open({ dataPath, startVm, ticks = everySecond }: { dataPath: string; startVm: StartVm; ticks?: Ticks }): Promise<Engine> {
    const store = await Store.open(join(dataPath, 'inventory.db'));
    const files = new VmFiles(dataPath);
    locateVms(store.contents, files);
    await recover(store, files);
    const metrics = await MetricsStore.open(join(dataPath, 'metrics.db')), engine = new Engine({ store, metrics, inventory: await Inventory.open(store), startVm, files, ticks });
    if (metrics.isRenewed) await engine.inventory.transact(edit => edit.event({ severity: 'warning', type: 'metrics.renewed', message: say`The file of figures was damaged: it was set aside as metrics.db.damaged, and charts begin anew.`, target: ROOT }));
    await deleteExpired(engine);
    engine.consolidateWhenOff();
    engine.peers.resume();
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

  /** Layers that could not become one while a VM was on do so when it goes off. What an engine that was killed left of this is done first. */
  private consolidateWhenOff(): void {
    const on = new Set<string>(), start = (vm: Vm) => this.tasks.launch(say`Consolidate virtual machine disks`, refOf(vm), context => this.snapshots.consolidate(vm.id, context), { cancelable: true, alone: vm.id });
    this.inventory.changed.on(changes => {
      for (const { kind, id, after } of changes) {
        if (kind !== 'vm') continue;
        if (after !== null && after.powerState !== 'poweredOff') on.add(id);
        else if (on.delete(id) && after?.needsConsolidation === true && this.closing === undefined) start(after);
      }
    });
    for (const vm of this.inventory.vms) {
      const left = vm.snapshots?.find(snapshot => snapshot.temporary);
      if (left !== undefined) this.tasks.launch(say`Delete snapshot`, refOf(vm), context => this.snapshots.delete(vm.id, left.id, context), { alone: vm.id });
      else if (vm.needsConsolidation === true && vm.powerState === 'poweredOff') start(vm);
    }
  }

  /** Boots what hosts that are on boot themselves, as when power comes back: for an engine that stays. */
  async startHosts(): Promise<void> {
    const found = systemsToStart(this.inventory);
    if (found.length > 0) await this.inventory.transact(edit => { for (const { vm } of found) followSystem(edit, vm.id); });
    for (const { vm, host } of found) this.tasks.launch(say`Boot host`, hostRef(host), context => this.power.on(vm.id, context), { cancelable: true });
  }

  private async tick(atMs: number): Promise<void> {
    await this.performance.sample(atMs);
  }

  private async shutDown(): Promise<void> {
    this.ticking.dispose();
    await this.displays.finishRecordings();
    await this.peers.close();
    await this.power.close();
    await this.displays.close();
    await this.tasks.idle();
    await this.performance.close();
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
      datastores: datastoreMethods(this, session),
      consoles: consoleMethods(this, session),
      displays: displayMethods(this, session),
      tasks: taskMethods(this),
      events: eventMethods(this),
      files: fileMethods(),
      performance: performanceMethods(this, session),
      peers: peerMethods(this),
      alarms: alarmMethods(this),
    };
  }

  private subscribe({ emit, onEnd }: Session): void {
    const subscriptions = [
      this.inventory.changed.on(changes => emit('inventory.changed', changes)),
      this.inventory.eventAdded.on(event => emit('event.added', event)),
      this.notifications.raised.on(notification => emit('notification.raised', notification)),
      this.tasks.changed.on((task: Task) => emit('task.changed', task)),
    ];
    onEnd(() => { for (const subscription of subscriptions) subscription.dispose(); });
  }
}

/** As frames between guests of different hosts have it; memory of VMs that move, see `Migrations`. */
const qualityOf = ({ mbps, latencyMs, lossPercent, connected }: HostLink): LinkQuality => ({ bitsPerSecond: mbps * 1e6, latencyNs: latencyMs * 1e6, loss: lossPercent / 100, isCut: !connected });

/** Says where VMs are whose files are on datastores elsewhere. */
function locateVms({ objects }: Store['contents'], files: VmFiles): void {
  const paths = new Map(objects.flatMap(each => (each.kind === 'datastore' && each.object.path !== '' ? [[each.object.id, each.object.path] as const] : [])));
  for (const { kind, object } of objects) {
    const path = kind === 'vm' && object.datastoreId !== undefined ? paths.get(object.datastoreId) : undefined;
    if (kind === 'vm' && path !== undefined) files.locate(object.id, path);
  }
}
