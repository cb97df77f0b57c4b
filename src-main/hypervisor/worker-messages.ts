/** What the engine and a VM's worker say to each other. */
import type { VmStats } from '../../shared/model/vm.ts';
import type { VmProfile } from './profile.ts';
import type { VmStop } from './vm-launch.ts';

export type ToWorker =
  | { readonly kind: 'input'; readonly bytes: Uint8Array }
  | { readonly kind: 'acknowledge'; readonly bytes: number }
  | { readonly kind: 'power-button' }
  | { readonly kind: 'reset' }
  /** Stop the VM, as it has something to say first. */
  | { readonly kind: 'end' }
  | { readonly kind: 'stats'; readonly id: number };

export type FromWorker =
  | { readonly kind: 'started' }
  | { readonly kind: 'output'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'reset-by-guest' }
  | { readonly kind: 'stats'; readonly id: number; readonly stats: VmStats }
  | { readonly kind: 'profile'; readonly profile: VmProfile }
  | { readonly kind: 'stopped'; readonly stop: VmStop };
