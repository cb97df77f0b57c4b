/** What the engine and a VM's worker say to each other. */
import type { DiskSpec, VmStats } from '../../shared/model/vm.ts';
import type { VmProfile } from './profile.ts';
import type { VmStop } from './vm-launch.ts';

export type ToWorker =
  | { readonly kind: 'input'; readonly bytes: Uint8Array }
  | { readonly kind: 'acknowledge'; readonly bytes: number }
  | { readonly kind: 'power-button' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'plug-disk'; readonly id: number; readonly slot: number; readonly disk: DiskSpec }
  | { readonly kind: 'unplug'; readonly id: number; readonly slot: number }
  /** Stop the VM, as it has something to say first. */
  | { readonly kind: 'end' }
  | { readonly kind: 'stats'; readonly id: number };

export type FromWorker =
  | { readonly kind: 'started' }
  | { readonly kind: 'output'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'reset-by-guest' }
  | { readonly kind: 'stats'; readonly id: number; readonly stats: VmStats }
  /** What was asked for with `id` is done, or cannot be, for a reason. */
  | { readonly kind: 'done'; readonly id: number; readonly problem?: { readonly code: string; readonly message: string } }
  | { readonly kind: 'profile'; readonly profile: VmProfile }
  | { readonly kind: 'stopped'; readonly stop: VmStop };
