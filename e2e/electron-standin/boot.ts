/** Preloaded before the app's main file: makes `electron` resolve to the stand-in, and starts Chromium. */
import { registerHooks } from 'node:module';

const electron = new URL('./electron.ts', import.meta.url).href;
registerHooks({ resolve: (specifier, context, next) => (specifier === 'electron' ? { url: electron, format: 'module-typescript', shortCircuit: true } : next(specifier, context)) });
Object.defineProperty(process.versions, 'electron', { value: '0.0.0-standin' });

const { startChromium } = await import('./chromium.ts');
const { userDataPath } = await import('./app.ts');
const url = await startChromium(userDataPath());
// Playwright waits for this line, and then requires `electron`, which it can only once that is loaded.
await import('./electron.ts');
process.stderr.write(`DevTools listening on ${url}\n`);
