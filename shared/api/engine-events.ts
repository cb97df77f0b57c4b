import type { VmId } from '../base/ids.ts';
import type { Said } from '../base/phrase.ts';
import type { VmDisplay } from '../model/display.ts';
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
  /** What the VMs that run use of their hosts' CPUs, in MHz, every five seconds; those that are not there use none. */
  'usage.sampled': readonly (readonly [vm: VmId, cpuMhz: number])[];
  'console.output': { readonly consoleId: string; readonly bytes: Uint8Array };
  'display.output': { readonly streamId: string; readonly bytes: Uint8Array };
  /** The stream is over, also when its session is; `why` is absent when this connection ended it. */
  'display.closed': { readonly streamId: string; readonly why?: Said };
  /** Sessions of VMs whose display this connection has opened or asked about. */
  'display.changed': { readonly vmId: VmId; readonly display: VmDisplay };
}
