/** What the engine and a VM's worker say to each other. */
import type { MessagePort } from 'node:worker_threads';
import type { EfiVariable } from '../../shared/model/efi.ts';
import type { GuestTimeSpec, TimeChange } from '../../shared/model/guest-time.ts';
import type { BootChange, BootRecord } from '../../shared/model/boot-watchdog.ts';
import type { BootWatchdogSpec, DiskSpec } from '../../shared/model/vm.ts';
import type { MigrationFigures, MigrationRules } from './migration/outgoing.ts';
import type { NicChannel } from './network-messages.ts';
import type { VmProfile } from './profile.ts';
import type { SnapshotLayers, VmStop } from './vm-launch.ts';
import type { Said } from '../../shared/base/phrase.ts';

export type ToWorker =
  | { readonly kind: 'input'; readonly bytes: Uint8Array }
  | { readonly kind: 'acknowledge'; readonly bytes: number }
  | { readonly kind: 'power-button' }
  | { readonly kind: 'restart-button' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'plug-disk'; readonly id: number; readonly slot: number; readonly disk: DiskSpec }
  | { readonly kind: 'plug-nic'; readonly id: number; readonly slot: number; readonly channel: NicChannel }
  | { readonly kind: 'unplug'; readonly id: number; readonly slot: number }
  | { readonly kind: 'change-medium'; readonly id: number; readonly drive: number; readonly path: string | undefined }
  | { readonly kind: 'set-cpus'; readonly id: number; readonly cpus: number }
  | { readonly kind: 'set-balloon'; readonly id: number; readonly mib: number }
  | { readonly kind: 'set-time'; readonly id: number; readonly time: GuestTimeSpec }
  | { readonly kind: 'change-time'; readonly id: number; readonly change: TimeChange }
  | { readonly kind: 'set-boot-watchdog'; readonly id: number; readonly spec: BootWatchdogSpec }
  | { readonly kind: 'change-boots'; readonly id: number; readonly change: BootChange }
  /** Stop the VM, as it has something to say first. */
  | { readonly kind: 'end' }
  | { readonly kind: 'stats'; readonly id: number }
  /** Try again what had no room. */
  | { readonly kind: 'room' }
  /** The answer to `keep-variables`. */
  | { readonly kind: 'variables-kept'; readonly id: number; readonly areKept: boolean }
  /** The answer to `ask-room`: how many bytes more the image may take. */
  | { readonly kind: 'granted-room'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'suspend'; readonly id: number; readonly path: string }
  | { readonly kind: 'snapshot'; readonly id: number; readonly what: SnapshotLayers }
  /** Copy each disk that has a path, in the order of the figures, to that image, and go on with those. */
  | { readonly kind: 'move-disks'; readonly id: number; readonly paths: readonly (string | undefined)[] }
  | { readonly kind: 'migrate'; readonly id: number; readonly port: MessagePort; readonly rules: MigrationRules }
  /** The answer to `has-moved?`: whether the guest runs elsewhere. */
  | { readonly kind: 'has-moved'; readonly id: number; readonly hasMoved: boolean }
  /** The answer to `may-run?`, with the reason when it may not. */
  | { readonly kind: 'may-run'; readonly mayRun: boolean; readonly why?: Said }
  /** The answer to `prepared`. */
  | { readonly kind: 'proceed'; readonly id: number; readonly isRecorded: boolean }
  /** Gives up what was asked for by that number. */
  | { readonly kind: 'cancel'; readonly id: number };

export type FromWorker =
  | { readonly kind: 'started' }
  | { readonly kind: 'output'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** By the guest itself, or by its watchdog. */
  | { readonly kind: 'reset-by-guest'; readonly byWatchdog: boolean }
  | { readonly kind: 'boots'; readonly record: BootRecord }
  /** What the built-in UEFI keeps is to outlive the power from now on. */
  | { readonly kind: 'keep-variables'; readonly id: number; readonly variables: readonly EfiVariable[] }
  /** How much more of its datastore may an image take? */
  | { readonly kind: 'ask-room'; readonly id: number; readonly path: string }
  /** There is no room for a disk's image, on its file system or its datastore; nothing runs until there is. */
  | { readonly kind: 'full'; readonly path: string }
  | { readonly kind: 'room-again' }
  | { readonly kind: 'resuming'; readonly part: number }
  | { readonly kind: 'progress'; readonly id: number; readonly part: number }
  /** The layers, or the copies of disks, are there; nothing runs until there is an answer. */
  | { readonly kind: 'prepared'; readonly id: number }
  | { readonly kind: 'migration'; readonly id: number; readonly figures: MigrationFigures }
  /** The guest stands still, to move. */
  | { readonly kind: 'switching'; readonly id: number }
  /** The guest was given away, and nothing is heard of it. */
  | { readonly kind: 'has-moved?'; readonly id: number }
  /** The guest was given to this worker, whose disks are open. */
  | { readonly kind: 'may-run?' }
  /** Nothing of the memory of a guest that was given to this worker is missing any more. */
  | { readonly kind: 'memory-whole' }
  | { readonly kind: 'answer'; readonly id: number; readonly result?: unknown }
  | { readonly kind: 'refusal'; readonly id: number; readonly code: string; readonly said: Said }
  | { readonly kind: 'profile'; readonly profile: VmProfile }
  | { readonly kind: 'stopped'; readonly stop: VmStop };
