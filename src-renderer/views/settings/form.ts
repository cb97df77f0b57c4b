/** What the fields of a VM's settings share, in the wizard and in Edit Settings: the draft, its files, and what is wrong so far. */
import { computed, inject, nextTick, reactive, shallowRef, watch, type ComputedRef, type InjectionKey } from 'vue';
import type { FileProbe } from '../../../shared/api/engine-api.ts';
import { assert } from '../../../shared/base/errors.ts';
import { useEngine } from '../../engine/use-engine.ts';
import { useHosts } from '../../stores/hosts.ts';
import { createFields } from '../form-fields.ts';
import { filesOf, problemsOf, type Draft } from '../wizard/draft.ts';

export type Form = ReturnType<typeof createForm>;
export const FORM: InjectionKey<Form> = Symbol('form');

/** The form that a field stands in. */
export function useForm(): Form {
  const form = inject(FORM);
  assert(form, 'the field stands in a form');
  return form;
}

/** `isRunning` is whether the VM is on, so that not everything can change now. */
export function createForm(draft: Draft, { takenNames, isRunning }: { takenNames: () => readonly string[]; isRunning?: ComputedRef<boolean> }) {
  const [engine, hosts] = [useEngine(), useHosts()];
  const probes = shallowRef<ReadonlyMap<string, FileProbe>>(new Map());
  const problems = computed(() => problemsOf(draft, { takenNames: takenNames(), hosts: hosts.all, probes: probes.value }));
  const fields = createFields(() => problems.value);

  let looking = Promise.resolve();

  watch(() => filesOf(draft).map(file => file.path).filter(Boolean).join('\n'), paths => { looking = lookAt(paths.split('\n')); }, { immediate: true });

  async function lookAt(paths: readonly string[]) { for (const path of paths) if (path) await look(path); }

  /** Resolves when all files that were named have been looked at. */
  async function settled() {
    await nextTick();
    for (let seen; seen !== looking;) await (seen = looking);
  }

  /** Looks again at each change: the file may be there by now. */
  async function look(path: string) {
    const probe = await engine.call(api => api.files.probe(path)).catch(() => undefined);
    if (probe) probes.value = new Map(probes.value).set(path, probe);
  }

  return reactive({
    draft, probes, problems, isRunning: isRunning ?? computed(() => false), hosts: computed(() => hosts.all),
    settled, touch: fields.touch, isTouched: fields.isTouched, shown: fields.shown,
  });
}
