import type { EventId } from '../base/ids.ts';
import type { ObjectRef } from './task.ts';

/** Something that happened, kept for ever; vSphere's Event. */
export interface InventoryEvent {
  readonly id: EventId;
  readonly atMs: number;
  readonly severity: 'info' | 'warning' | 'error';
  /** A past fact such as `vm.poweredOn`. */
  readonly type: string;
  readonly message: string;
  readonly target: ObjectRef;
}
