/** What forms in dialogs have in common: problems that are shown once the operator has been at their fields, and saving. */
import { nextTick, reactive, shallowRef, useTemplateRef } from 'vue';
import { saidOf } from '../../shared/base/errors.ts';
import { translate } from '../i18n/i18n.ts';

export interface Fields { /** What is wrong, by field. */ readonly problems: () => ReadonlyMap<string, string>; readonly touch: (field: string) => void }

/** Fields, and whether the operator has been at each. */
export function createFields(problems: () => ReadonlyMap<string, string>) {
  const touched = reactive(new Set<string>());
  return {
    problems, touch: (field: string) => { touched.add(field); }, isTouched: (field: string) => touched.has(field),
    /** The problem to show at a field: none before the operator has been there. */
    shown: (field: string) => (touched.has(field) ? problems().get(field) : undefined),
  };
}

/**
 * Saves a form, which is the template's ref `formElement`: a problem is shown and its field is focused, wherever `reveal` has to look
 * for it; without one `run` asks the engine, whose refusal stays to be shown.
 */
export function useSaving({ problems, touch }: Fields, run: () => Promise<void>, reveal: (field: string) => void = () => {}) {
  const refused = shallowRef<string>(), isBusy = shallowRef(false), form = useTemplateRef<HTMLElement>('formElement');

  async function save() {
    const wrong = [...problems().keys()];
    for (const field of wrong) touch(field);
    if (wrong[0] !== undefined) {
      reveal(wrong[0]);
      await nextTick();
      const field = form.value?.querySelector<HTMLElement>('[aria-invalid="true"]');
      field?.focus({ preventScroll: true });
      // With what is wrong, which stands below it.
      (field?.closest('.clr-form-control') ?? field)?.scrollIntoView({ block: 'center' });
      return;
    }
    if (isBusy.value) return;
    isBusy.value = true;
    try { await run(); } catch (error) { refused.value = translate(saidOf(error)); } finally { isBusy.value = false; }
  }

  return { refused, isBusy, save };
}
