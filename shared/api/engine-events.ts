import type { InventoryEvent } from '../model/event.ts';
import type { MeteredId, Values } from '../model/metric.ts';
import type { Notification } from '../model/notification.ts';
import type { ObjectKind, ObjectKinds } from '../model/objects.ts';
import type { Task } from '../model/task.ts';
import type { Vm } from '../model/vm.ts';

/** One object after a change; null when it is gone. */
export type Change =
  | { [K in ObjectKind]: { readonly kind: K; readonly id: string; readonly after: ObjectKinds[K] | null } }[ObjectKind]
  /** A VM in the bin. */
  | { readonly kind: 'deletedVm'; readonly id: string; readonly after: Vm | null };

/** The one stream of past facts from the engine to its clients. */
export interface EngineEvents {
  'inventory.changed': readonly Change[];
  'task.changed': Task;
  'event.added': InventoryEvent;
  'notification.raised': Notification;
  /** Of objects that this connection watches. */
  'performance.sampled': { readonly object: MeteredId; readonly atMs: number; readonly values: Values };
  'console.output': { readonly consoleId: string; readonly bytes: Uint8Array };
}
