/** What the images of a VM's disks are now: looked at when they change, and every few seconds while a page shows them. */
import { onBeforeUnmount, shallowRef, watch, type ShallowRef } from 'vue';
import type { FileProbe } from '../../../shared/api/engine-api.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { useEngine } from '../../engine/use-engine.ts';
import type { Probes } from '../settings/hardware-draft.ts';

const PERIOD_MS = 10_000;

export function useDiskProbes(vm: () => Vm): Readonly<ShallowRef<Probes>> {
  const engine = useEngine(), probes = shallowRef<Probes>(new Map());

  async function look() {
    if (document.hidden) return;
    const paths = vm().spec.disks.flatMap(({ path }) => (path === '' ? [] : [path]));
    // What cannot be looked at is shown without its figures.
    const found = await Promise.all(paths.map(path => engine.call(api => api.files.probe(path)).catch(() => undefined)));
    probes.value = new Map(paths.flatMap((path, at): [string, FileProbe][] => (found[at] ? [[path, found[at]]] : [])));
  }

  watch(() => vm().spec.disks.map(({ path }) => path).join('\n'), () => void look(), { immediate: true });
  const timer = setInterval(() => void look(), PERIOD_MS);
  onBeforeUnmount(() => { clearInterval(timer); });
  return probes;
}
