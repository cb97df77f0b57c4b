/** Which rows of a grid are selected, by the ways of Shift, Ctrl and the keyboard. */
export type RowKey = string | number;
export interface Selection { readonly keys: ReadonlySet<RowKey>; /** Where a range begins. */ readonly anchor?: RowKey | undefined }
export const NOTHING: Selection = { keys: new Set() };

/** A click selects only that row, with Ctrl that one too or no longer, with Shift all from the anchor to it. */
export function select(order: readonly RowKey[], { keys, anchor }: Selection, key: RowKey, how: 'only' | 'toggle' | 'range'): Selection {
  if (how === 'only') return { keys: new Set([key]), anchor: key };
  if (how === 'toggle') {
    const next = new Set(keys);
    if (!next.delete(key)) next.add(key);
    return { keys: next, anchor: key };
  }
  const to = order.indexOf(key), from = anchor === undefined ? to : Math.max(0, order.indexOf(anchor));
  return { keys: new Set(order.slice(Math.min(from, to), Math.max(from, to) + 1)), anchor: anchor ?? key };
}

export const howClicked = ({ shiftKey, ctrlKey, metaKey }: Pick<MouseEvent, 'shiftKey' | 'ctrlKey' | 'metaKey'>, plain: 'only' | 'toggle'): 'only' | 'toggle' | 'range' =>
  (shiftKey ? 'range' : ctrlKey || metaKey ? 'toggle' : plain);
