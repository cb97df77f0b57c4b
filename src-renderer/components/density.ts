/** How close rows stand, for all trees and grids; the page's preference sets it. */
import { computed, ref } from 'vue';

export const compact = ref(false);
export const treeRowPx = computed(() => (compact.value ? 24 : 30));
export const gridRowPx = computed(() => (compact.value ? 25 : 33));
