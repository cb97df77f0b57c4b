/** The state of one open wizard: the draft, where the operator is, and which problems to show. */
import { computed, inject, reactive, ref, shallowRef, watch, type InjectionKey } from 'vue';
import type { FileProbe } from '../../../shared/api/engine-api.ts';
import { assert } from '../../../shared/base/errors.ts';
import type { HostId } from '../../../shared/base/ids.ts';
import { useEngine } from '../../engine/use-engine.ts';
import { useHosts } from '../../stores/hosts.ts';
import { useVms } from '../../stores/vms.ts';
import { filesOf, FIRST_PAGE, newDraft, PAGES, pageOf, problemsOf } from './draft.ts';

export type Wizard = ReturnType<typeof createWizard>;
export const WIZARD: InjectionKey<Wizard> = Symbol('wizard');

/** The wizard that a page stands in. */
export function useWizard(): Wizard {
  const wizard = inject(WIZARD);
  assert(wizard, 'the page stands in a wizard');
  return wizard;
}

export function createWizard(hostId: HostId | undefined) {
  const [engine, hosts, vms] = [useEngine(), useHosts(), useVms()];
  const draft = reactive(newDraft(hostId ?? hosts.all.find(host => host.connected)?.id));
  const index = ref(0);
  const furthest = ref(0);
  const probes = shallowRef<ReadonlyMap<string, FileProbe>>(new Map());
  const touched = reactive(new Set<string>());

  const page = computed(() => PAGES[index.value] ?? FIRST_PAGE);
  const problems = computed(() => problemsOf(draft, { takenNames: vms.all.map(vm => vm.spec.name), hosts: hosts.all, probes: probes.value }));
  const pageProblems = (id: string) => [...problems.value.keys()].filter(field => pageOf(field) === id);

  watch(() => filesOf(draft).map(file => file.path).filter(Boolean).join('\n'), async paths => {
    for (const path of paths.split('\n')) if (path) await look(path);
  });

  /** Looks again at each change: the file may be there by now. */
  async function look(path: string) {
    const probe = await engine.call(api => api.files.probe(path)).catch(() => undefined);
    if (probe) probes.value = new Map(probes.value).set(path, probe);
  }

  /** False, and every problem of the page shown, when the page is not complete. */
  function next(): boolean {
    const wrong = pageProblems(page.value.id);
    for (const field of wrong) touched.add(field);
    if (wrong.length > 0) return false;
    go(index.value + 1);
    return true;
  }

  function go(to: number) {
    index.value = Math.min(PAGES.length - 1, Math.max(0, to));
    furthest.value = Math.max(furthest.value, index.value);
  }

  return reactive({
    draft, index, furthest, page, problems, probes, hosts: computed(() => hosts.all),
    touch: (field: string) => { touched.add(field); },
    /** The problem to show at a field: none before the operator has been there. */
    shown: (field: string) => (touched.has(field) ? problems.value.get(field) : undefined),
    hasShownProblem: (id: string) => pageProblems(id).some(field => touched.has(field)),
    next, go,
  });
}
