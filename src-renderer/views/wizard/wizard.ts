/** The state of one open wizard: its form, and where the operator is. */
import { computed, inject, reactive, ref, toRefs, watch, type InjectionKey } from 'vue';
import { assert } from '../../../shared/base/errors.ts';
import type { HostId } from '../../../shared/base/ids.ts';
import { useHosts } from '../../stores/hosts.ts';
import { useVms } from '../../stores/vms.ts';
import { createForm } from '../settings/form.ts';
import { FIRST_PAGE, followGuest, newDraft, PAGES, pageOf } from './draft.ts';

export type Wizard = ReturnType<typeof createWizard>;
export const WIZARD: InjectionKey<Wizard> = Symbol('wizard');

/** The wizard that a page stands in. */
export function useWizard(): Wizard {
  const wizard = inject(WIZARD);
  assert(wizard, 'the page stands in a wizard');
  return wizard;
}

export function createWizard(hostId: HostId | undefined) {
  const [hosts, vms] = [useHosts(), useVms()];
  const draft = reactive(newDraft(hostId ?? hosts.all.find(host => host.connected)?.id));
  const form = createForm(draft, { takenNames: () => vms.all.map(vm => vm.spec.name) });
  /** Whether a new VM is made, or what is made by the clone dialog. */
  const creation = ref<'new' | 'template' | 'clone'>('new');
  const index = ref(0);
  const furthest = ref(0);

  const page = computed(() => PAGES[index.value] ?? FIRST_PAGE);
  const pageProblems = (id: string) => [...form.problems.keys()].filter(field => pageOf(field) === id);

  watch(() => draft.guest, (now, before) => { followGuest(draft, before, now); });

  /** False, and every problem of the page shown, when the page is not complete. */
  function next(): boolean {
    const wrong = pageProblems(page.value.id);
    for (const field of wrong) form.touch(field);
    if (wrong.length > 0) return false;
    go(index.value + 1);
    return true;
  }

  function go(to: number) {
    index.value = Math.min(PAGES.length - 1, Math.max(0, to));
    furthest.value = Math.max(furthest.value, index.value);
  }

  return reactive({ ...toRefs(form), form, creation, index, furthest, page, hasShownProblem: (id: string) => pageProblems(id).some(field => form.isTouched(field)), next, go });
}
