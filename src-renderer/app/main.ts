/** Wires the page: engine client, stores, router, views. */
import '@clr/ui/clr-ui.min.css';
import { createPinia } from 'pinia';
import { createApp } from 'vue';
import { EngineClient } from '../engine/client.ts';
import { electronLink } from '../engine/electron-link.ts';
import { ENGINE } from '../engine/use-engine.ts';
import { webSocketLink } from '../engine/web-socket-link.ts';
import { useConnection } from '../stores/connection.ts';
import { useDisplays } from '../stores/displays.ts';
import { useEvents } from '../stores/events.ts';
import { useInventory } from '../stores/inventory.ts';
import { usePerformance } from '../stores/performance.ts';
import { useTasks } from '../stores/tasks.ts';
import { speakChosen } from '../views/language.ts';
import { createDialogs, DIALOGS } from '../views/shell/dialogs.ts';
import App from './App.vue';
import { createAppRouter } from './router.ts';
import './styles.css';

const engine = new EngineClient();
const app = createApp(App).use(createPinia()).use(createAppRouter()).provide(ENGINE, engine).provide(DIALOGS, createDialogs());

const stores = app.runWithContext(() => [useConnection(), useInventory(), useTasks(), useEvents(), usePerformance(), useDisplays()]);
const link = window.quarterdeck ? electronLink(window.quarterdeck) : webSocketLink(new URL('engine', location.href));
engine.start(link, () => Promise.all(stores.map(store => store.load())));
// In its language from the first text on.
await app.runWithContext(speakChosen);
app.mount('#app');
