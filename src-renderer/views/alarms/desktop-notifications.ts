/** What alarms tell, on the operator's desktop: by the browser's notifications where they are allowed, and in the page. */
import { computed, onBeforeUnmount, ref, type ComputedRef } from 'vue';
import { useRouter } from 'vue-router';
import { useEngine } from '../../engine/use-engine.ts';
import { t, translate } from '../../i18n/i18n.ts';
import { useNotices } from '../../stores/notices.ts';
import { linkTo } from '../links.ts';

const permission = ref(typeof Notification === 'undefined' ? 'unsupported' as const : Notification.permission);

/** To be used once, by what is always there. */
export function useDesktopNotifications(): void {
  const [engine, notices, router] = [useEngine(), useNotices(), useRouter()];
  const subscription = engine.on('notification.raised', ({ level, target, ...said }) => {
    const [title, text] = [translate(said.title), translate(said.text)];
    notices.add(level === 'critical' ? 'danger' : 'info', `${title}. ${text}`);
    if (permission.value !== 'granted') return;
    const shown = new Notification(title, { body: text, tag: `${target.kind} ${target.id} ${title}` });
    shown.onclick = () => { window.focus(); void router.push(linkTo(target)); };
  });
  onBeforeUnmount(() => subscription.dispose());
}

/** The button that asks: browsers only ask after a click. */
export function useNotificationPermission(): { readonly granted: ComputedRef<boolean>; readonly disabledReason: ComputedRef<string | undefined>; readonly ask: () => Promise<void> } {
  const reason = () => (permission.value === 'unsupported' ? t`This browser has no desktop notifications.` : permission.value === 'denied' ? t`They were denied to this page; allow them in the browser’s settings.` : undefined);
  return { granted: computed(() => permission.value === 'granted'), disabledReason: computed(reason), ask: async () => { permission.value = await Notification.requestPermission(); } };
}
