/** Keys of `gpio-keys` that are the power button: ACPI has a device for it (ACPI 6.5, 4.8.2.2.1.2), which the pin's controller notifies. */
import type { TreeNode } from '../fdt-reader.ts';
import type { DeviceTree } from './device-tree.ts';

/** Linux' code of it, which trees use. */
const KEY_POWER = 116;
/** An event's method has the pin in two digits. */
const MOST_PINS = 256;

export interface PowerKey { readonly node: TreeNode; readonly controller: TreeNode; readonly pin: number; readonly isLow: boolean }

/** Those of a node that have a pin of a PL061, whose driver hears events. */
export function powerKeys(tree: DeviceTree, node: TreeNode): readonly PowerKey[] {
  if (!node.isCompatible('gpio-keys')) return [];
  return node.children.flatMap(key => {
    const [one] = tree.specifiers(key, 'gpios', '#gpio-cells'), [pin = MOST_PINS, flags = 0] = one?.cells ?? [];
    const isButton = key.cell('linux,code') === KEY_POWER && !key.isDisabled && one?.controller.isCompatible('arm,pl061') === true && tree.isEnabled(one.controller) && pin < MOST_PINS;
    return isButton ? [{ node: key, controller: one.controller, pin, isLow: (flags & 1) !== 0 }] : [];
  });
}
