import { createRouter, createWebHashHistory, type Router } from 'vue-router';
import RootPage from '../views/root/RootPage.vue';
import HostPage from '../views/host/HostPage.vue';
import AppShell from '../views/shell/AppShell.vue';
import ConsoleWindow from '../views/vm/ConsoleWindow.vue';
import VmPage from '../views/vm/VmPage.vue';

declare module 'vue-router' {
  interface RouteMeta { readonly kind?: 'root' | 'host' | 'vm' }
}

/** Addresses live in the hash: the files come from `app://` or any server, which need to know nothing of them. */
export const createAppRouter = (): Router => createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/console/:id', component: ConsoleWindow },
    {
      path: '/', component: AppShell, redirect: '/root/root/summary', children: [
        { path: 'root/:id/:tab', component: RootPage, meta: { kind: 'root' } },
        { path: 'host/:id/:tab', component: HostPage, meta: { kind: 'host' } },
        { path: 'vm/:id/:tab', component: VmPage, meta: { kind: 'vm' } },
      ],
    },
    { path: '/:rest(.*)*', redirect: '/root/root/summary' },
  ],
});
