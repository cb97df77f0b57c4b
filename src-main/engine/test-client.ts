/** An engine of its own on a data folder, and a client of it. For tests only. */
import type { EngineApi } from '../../shared/api/engine-api.ts';
import type { EngineEvents } from '../../shared/api/engine-events.ts';
import { pagePort } from '../../shared/api/port.ts';
import { connect, type Connection } from '../../shared/api/rpc.ts';
import type { TaskId } from '../../shared/base/ids.ts';
import type { ObjectKind, ObjectKinds } from '../../shared/model/objects.ts';
import type { Task } from '../../shared/model/task.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { startVm } from '../hypervisor/start-vm.ts';
import type { StartVm } from '../hypervisor/vm-launch.ts';
import { Engine } from './engine.ts';
import type { Ticks } from './performance.ts';

export interface TestClient {
  readonly engine: Engine;
  readonly client: Connection<EngineApi, EngineEvents>;
  /** The task when it has ended. */
  readonly ended: (id: TaskId) => Promise<Task>;
  /** All objects of a kind, or the VMs in the bin. */
  readonly objects: <K extends ObjectKind | 'deletedVm'>(kind: K) => Promise<(K extends ObjectKind ? ObjectKinds[K] : Vm)[]>;
  readonly close: () => Promise<void>;
}

/** With a clock of its own where ticks are given. */
export async function openTestClient(dataPath: string, ticks?: Ticks, start: StartVm = startVm): Promise<TestClient> {
  const engine = await Engine.open({ dataPath, startVm: start, ...(ticks && { ticks }) }), { port1, port2 } = new MessageChannel();
  engine.connect(pagePort(port2));
  const client = connect<EngineApi, EngineEvents>(pagePort(port1));
  await client.api.engine.subscribe();
  return {
    client, engine,
    ended: id => new Promise((resolve, reject) => {
      const see = (task: Task) => { if (task.id === id && task.completedMs !== undefined) resolve(task); };
      client.on('task.changed', see);
      client.api.tasks.get(id).then(see, reject);
    }),
    objects: async kind => (await client.api.inventory.list()).flatMap(change => (change.kind === kind ? [change.after as never] : [])),
    close: async () => {
      port1.close();
      await engine.close();
    },
  };
}
