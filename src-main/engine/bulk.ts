/** One operation on many VMs: a task whose parts are the operation on each. */
import { EngineError } from '../../shared/base/errors.ts';
import type { TaskId, VmId } from '../../shared/base/ids.ts';
import type { BulkOperation } from '../../shared/model/vm.ts';
import { ROOT } from '../../shared/model/task.ts';
import { refOf } from '../inventory/inventory.ts';
import { moveToBin } from './bin.ts';
import type { Engine } from './engine.ts';
import type { TaskOptions, TaskWork } from './task-runner.ts';

type Context = Pick<Engine, 'inventory' | 'tasks' | 'power' | 'files'>;
interface Operation { readonly name: string; readonly work: (engine: Context, id: VmId) => TaskWork; readonly options?: TaskOptions }
const CANCELABLE = { cancelable: true } as const;

const OPERATIONS: Readonly<Record<BulkOperation, Operation>> = {
  powerOn: { name: 'Power on virtual machine', work: ({ power }, id) => context => power.on(id, context), options: CANCELABLE },
  shutDownGuest: { name: 'Shut down guest', work: ({ power }, id) => context => power.shutDownGuest(id, context), options: CANCELABLE },
  restartGuest: { name: 'Restart guest', work: ({ power }, id) => context => power.restartGuest(id, context), options: CANCELABLE },
  powerOff: { name: 'Power off virtual machine', work: ({ power }, id) => () => power.off(id) },
  suspend: { name: 'Suspend virtual machine', work: ({ power }, id) => context => power.suspend(id, context), options: CANCELABLE },
  reset: { name: 'Reset virtual machine', work: ({ power }, id) => () => power.reset(id) },
  delete: { name: 'Delete virtual machine', work: (engine, id) => () => moveToBin(engine, id) },
};

export function bulk(engine: Context, operation: BulkOperation, ids: readonly VmId[]): Promise<TaskId> {
  const { name, work, options = {} } = OPERATIONS[operation], vms = [...new Set(ids)].map(id => engine.inventory.vm(id));
  if (vms.length === 0) throw new EngineError('invalid', 'Choose a VM.');
  return engine.tasks.run(`${name}s`, ROOT, ({ parts }) => parts(vms.map(vm => ({ name, target: refOf(vm), work: work(engine, vm.id), options }))), CANCELABLE);
}
