/** Variables of a VM's built-in UEFI that outlive its power, as the inventory keeps them (UEFI 2.10, 8.2). */
import * as v from 'valibot';

/** `guid` as text in lower case, `data` in base64. */
export const EfiVariable = v.object({
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(1024)),
  guid: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)),
  attributes: v.pipe(v.number(), v.integer(), v.minValue(0)),
  data: v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]*={0,2}$/)),
});
export type EfiVariable = Readonly<v.InferOutput<typeof EfiVariable>>;

/** An entry of the boot menu: a Boot#### variable (UEFI 2.10, 3.1.3). */
export interface EfiBootEntry {
  readonly number: number;
  readonly description: string;
  /** Its device path, as text. */
  readonly path: string;
  readonly isActive: boolean;
  /** The firmware makes it for each disk and drive. */
  readonly isOwn: boolean;
}

/** What a VM's built-in UEFI boots, as it was last powered on. */
export interface EfiBoot {
  /** In the order in which they are tried; those that are in no order come last. */
  readonly entries: readonly EfiBootEntry[];
  /** The one that is tried first at the next power-on, once. */
  readonly next?: number;
  /** How many variables there are, and the bytes that they take. */
  readonly variables: { readonly count: number; readonly bytes: number };
}

/** What an operator changes of it, while the VM is off. */
export const EfiBootChange = v.variant('kind', [
  v.object({ kind: v.literal('order'), order: v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff))) }),
  /** Absent for none. */
  v.object({ kind: v.literal('next'), next: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff))) }),
  v.object({ kind: v.literal('remove'), number: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff)) }),
  /** All variables, as of a new machine. */
  v.object({ kind: v.literal('forget') }),
]);
export type EfiBootChange = v.InferOutput<typeof EfiBootChange>;
