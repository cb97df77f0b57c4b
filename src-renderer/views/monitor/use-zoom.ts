/** A range of time that is chosen by its name, zoomed and moved. */
import { computed, shallowRef } from 'vue';
import { usePreferences } from '../../stores/preferences.ts';
import type { Range, RangeName } from './use-series.ts';

export interface Span { readonly fromMs: number; readonly toMs: number }
const LEAST_MS = 10_000;

export function useZoom() {
  const preferences = usePreferences(), zoom = shallowRef<Span>();
  const range = computed({ get: () => preferences.values.chartRange, set: (now: RangeName) => { preferences.values.chartRange = now; zoom.value = undefined; } });
  return {
    zoom, range, asked: computed((): Range => zoom.value ?? range.value),
    /** What is shown becomes so many times as long, and is moved by a part of its length; what ends now keeps its end. */
    step: ({ fromMs, toMs }: Span, scale: number, shift: number) => {
      const span = toMs - fromMs, half = Math.max(LEAST_MS / 2, span * scale / 2), middle = fromMs + span * (0.5 + shift);
      const last = Math.min(Date.now(), zoom.value === undefined && shift === 0 ? toMs : middle + half);
      zoom.value = { fromMs: Math.round(Math.max(0, last - 2 * half)), toMs: Math.round(last) };
    },
    to: (fromMs: number, toMs: number) => { zoom.value = { fromMs: Math.max(0, fromMs), toMs }; },
  };
}
