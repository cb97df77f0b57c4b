/** One operation on many VMs: a task whose parts are the operation on each. */
import { EngineError } from '../../shared/base/errors.ts';
import type { TaskId, VmId } from '../../shared/base/ids.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import type { BulkOperation } from '../../shared/model/vm.ts';
import { ROOT } from '../../shared/model/task.ts';
import { refOf } from '../inventory/inventory.ts';
import { moveToBin } from './bin.ts';
import type { Engine } from './engine.ts';
import type { TaskOptions, TaskWork } from './task-runner.ts';

type Context = Pick<Engine, 'inventory' | 'tasks' | 'power' | 'files'>;
interface Operation { readonly name: Phrase; readonly many: Phrase; readonly work: (engine: Context, id: VmId) => TaskWork; readonly options?: TaskOptions }
const CANCELABLE = { cancelable: true } as const;

const OPERATIONS: Readonly<Record<BulkOperation, Operation>> = {
  powerOn: { name: say`Power on virtual machine`, many: say`Power on virtual machines`, work: ({ power }, id) => context => power.on(id, context), options: CANCELABLE },
  shutDownGuest: { name: say`Shut down guest`, many: say`Shut down guests`, work: ({ power }, id) => context => power.shutDownGuest(id, context), options: CANCELABLE },
  restartGuest: { name: say`Restart guest`, many: say`Restart guests`, work: ({ power }, id) => context => power.restartGuest(id, context), options: CANCELABLE },
  powerOff: { name: say`Power off virtual machine`, many: say`Power off virtual machines`, work: ({ power }, id) => () => power.off(id) },
  suspend: { name: say`Suspend virtual machine`, many: say`Suspend virtual machines`, work: ({ power }, id) => context => power.suspend(id, context), options: CANCELABLE },
  reset: { name: say`Reset virtual machine`, many: say`Reset virtual machines`, work: ({ power }, id) => () => power.reset(id) },
  delete: { name: say`Delete virtual machine`, many: say`Delete virtual machines`, work: (engine, id) => () => moveToBin(engine, id) },
};

export function bulk(engine: Context, operation: BulkOperation, ids: readonly VmId[]): Promise<TaskId> {
  const { name, many, work, options = {} } = OPERATIONS[operation], vms = [...new Set(ids)].map(id => engine.inventory.vm(id));
  if (vms.length === 0) throw new EngineError('invalid', 'Choose a VM.');
  return engine.tasks.run(many, ROOT, ({ parts }) => parts(vms.map(vm => ({ name, target: refOf(vm), work: work(engine, vm.id), options }))), CANCELABLE);
}
