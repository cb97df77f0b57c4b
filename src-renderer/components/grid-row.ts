/**
 * A row of a `DataGrid`. It renders by itself, so that a change costs the rows that it is of, and it takes another row in
 * place of the one it showed. Cells are rendered by the slots that the grid was given, as long as it is the same slots.
 */
import { defineComponent, h, type PropType, type VNodeChild } from 'vue';
import { t } from '../i18n/i18n.ts';
import type { Column } from './data-grid.ts';

export type CellSlots = Readonly<Record<string, ((props: { row: never; text: string }) => VNodeChild) | undefined>>;

export const GridRow = defineComponent({
  props: {
    row: { type: Object, required: true },
    columns: { type: Array as PropType<readonly Column<never>[]>, required: true },
    cells: { type: Object as PropType<CellSlots>, required: true },
    selectable: Boolean, chosen: Boolean, /** Whether Tab stops here. */ stop: Boolean,
  },
  setup: props => () => {
    const row = props.row as never;
    const check = () => h('td', { class: 'left data-grid-check' }, [h('input', { type: 'checkbox', 'aria-label': t`Select ${props.columns[0]?.text(row) ?? ''}`, checked: props.chosen, tabindex: props.stop ? 0 : -1 })]);
    return h('tr', { class: { chosen: props.chosen } }, [
      props.selectable ? check() : undefined,
      ...props.columns.map(({ key, text }) => {
        const said = text(row), cell = props.cells[`cell-${key}`];
        return h('td', { key, class: 'left' }, cell ? [cell({ row, text: said })] : said);
      }),
    ]);
  },
});
