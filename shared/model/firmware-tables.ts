/** What firmware tells a guest of its board: the device tree, the ACPI tables that were made of it, and what became of each of its nodes. */
import type { Said } from '../base/phrase.ts';
import type { GuestTimeSpec } from './guest-time.ts';
import type { GuestSource } from './vm.ts';

/**
 * A node is `converted` when it is in a table itself, `part` when it only says something of another node that is, `left-out` when ACPI has no place for it or its
 * drivers would not find it there, `disabled` by its own status, and `structure` when it only holds others.
 */
export const NODE_FATES = ['converted', 'part', 'left-out', 'disabled', 'structure'] as const;
export type NodeFate = (typeof NODE_FATES)[number];

/** `object` is a path in the namespace, of a device in the DSDT; `id` its _HID. */
export interface Became { readonly table: string; readonly object?: string; readonly id?: string }

export interface NodeExplanation {
  readonly path: string;
  readonly name: string;
  readonly compatible: readonly string[];
  readonly fate: NodeFate;
  readonly became: readonly Became[];
  /** Whole sentences. */
  readonly notes: readonly Said[];
  readonly children: readonly NodeExplanation[];
}

/** Either what the tree became, or why it was not converted. */
export type TablesExplanation = { readonly kind: 'converted'; readonly root: NodeExplanation } | { readonly kind: 'skipped'; readonly why: Said };

/** Bytes as they are in the guest's memory, but for addresses that firmware puts into them. */
export interface FirmwareTable { readonly signature: string; readonly bytes: Uint8Array }

export interface FirmwareTables {
  /** The flattened device tree, without what differs from boot to boot: the command line, an initrd, random bytes. */
  readonly deviceTree: Uint8Array;
  readonly tables: readonly FirmwareTable[];
  readonly explanation: TablesExplanation;
  /** Whether the VM's firmware offers the tables to its guest, which otherwise has the device tree only. */
  readonly offersAcpi: boolean;
}

/** Of firmware in flash not where time is scaled: Linux needs the virtual timer where it has ACPI, which is hidden then. */
export function offersAcpi({ guest, time }: { readonly guest: GuestSource; readonly time?: GuestTimeSpec | undefined }): boolean {
  if (time?.scaling === true) return false;
  return guest.kind === 'uefi' ? guest.settings?.tables !== 'deviceTree' : guest.kind === 'firmware' && guest.acpi !== false;
}
