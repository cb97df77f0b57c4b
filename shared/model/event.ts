import type { EventId } from '../base/ids.ts';
import type { Message } from '../base/phrase.ts';
import type { ObjectRef } from './task.ts';

/** Something that happened, kept for ever; vSphere's Event. */
export interface InventoryEvent extends Message {
  readonly id: EventId;
  readonly atMs: number;
  readonly severity: 'info' | 'warning' | 'error';
  /** A past fact such as `vm.poweredOn`. */
  readonly type: string;
  readonly target: ObjectRef;
}
