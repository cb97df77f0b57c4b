import type { InventoryEvent } from '../model/event.ts';
import type { Host } from '../model/host.ts';
import type { Task } from '../model/task.ts';
import type { Vm } from '../model/vm.ts';
import type { HostId, VmId } from '../base/ids.ts';

/** One object after a change; null when it is gone. */
export type Change =
  | { readonly kind: 'vm'; readonly id: VmId; readonly after: Vm | null }
  /** A VM in the bin. */
  | { readonly kind: 'deletedVm'; readonly id: VmId; readonly after: Vm | null }
  | { readonly kind: 'host'; readonly id: HostId; readonly after: Host | null };

/** The one stream of past facts from the engine to its clients. */
export interface EngineEvents {
  'inventory.changed': readonly Change[];
  'task.changed': Task;
  'event.added': InventoryEvent;
  'console.output': { readonly consoleId: string; readonly bytes: Uint8Array };
}
