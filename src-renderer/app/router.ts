import { createRouter, createWebHashHistory, type Router } from 'vue-router';
import type { ObjectKind } from '../../shared/model/objects.ts';
import ContainerPage from '../views/container/ContainerPage.vue';
import HostPage from '../views/host/HostPage.vue';
import LabelsPage from '../views/labels/LabelsPage.vue';
import SearchPage from '../views/search/SearchPage.vue';
import AppShell from '../views/shell/AppShell.vue';
import ConsoleWindow from '../views/vm/ConsoleWindow.vue';
import VmPage from '../views/vm/VmPage.vue';

declare module 'vue-router' {
  /** Of a page about an object. */
  interface RouteMeta { readonly kind?: ObjectKind | 'root' }
}

const CONTAINERS = ['root', 'datacenter', 'folder', 'cluster', 'resourcePool', 'network', 'datastore'] as const;

/** Addresses live in the hash: the files come from `app://` or any server, which need to know nothing of them. */
export const createAppRouter = (): Router => createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/console/:id', component: ConsoleWindow },
    {
      path: '/', component: AppShell, redirect: '/root/root/summary', children: [
        ...CONTAINERS.map(kind => ({ path: `${kind}/:id/:tab`, component: ContainerPage, meta: { kind } })),
        { path: 'host/:id/:tab', component: HostPage, meta: { kind: 'host' } },
        { path: 'vm/:id/:tab', component: VmPage, meta: { kind: 'vm' } },
        { path: 'labels/:id/:tab', component: LabelsPage },
        { path: 'search', component: SearchPage },
      ],
    },
    { path: '/:rest(.*)*', redirect: '/root/root/summary' },
  ],
});
