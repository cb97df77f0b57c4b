import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import { saidOf } from '../../shared/base/errors.ts';
import { translate } from '../i18n/i18n.ts';

export interface Notice { readonly id: number; readonly kind: 'danger' | 'success' | 'info'; readonly text: string }

/** Short messages about what the operator just did, until dismissed. */
export const useNotices = defineStore('notices', () => {
  const all = shallowRef<readonly Notice[]>([]);
  let nextId = 1;

  function add(kind: Notice['kind'], text: string) { all.value = [...all.value.slice(-3), { id: nextId++, kind, text }]; }
  function dismiss(id: number) { all.value = all.value.filter(notice => notice.id !== id); }

  /** Waits for an operation and shows why it failed; true when it did not. */
  async function attempt(operation: Promise<unknown>): Promise<boolean> {
    try {
      await operation;
      return true;
    } catch (error) {
      add('danger', translate(saidOf(error)));
      return false;
    }
  }

  return { all, add, dismiss, attempt };
});
