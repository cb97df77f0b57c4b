/** Builds the console's renderer; the same files are served by Electron (`app://`) and by `quarterdeck serve`. */
import { join } from 'node:path';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

export default defineConfig({
  root: join(import.meta.dirname, 'src-renderer'),
  base: './',
  plugins: [vue({ template: { compilerOptions: { isCustomElement: tag => tag === 'clr-modal' } } })],
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false', __VUE_I18N_FULL_INSTALL__: 'false', __VUE_I18N_LEGACY_API__: 'false', __INTLIFY_PROD_DEVTOOLS__: 'false' },
  build: {
    outDir: '../dist/renderer', emptyOutDir: true, target: 'chrome140', sourcemap: false, chunkSizeWarningLimit: 2048,
    // The page's policy has no 'unsafe-inline' for scripts, and preload helpers are not needed by one chunk.
    modulePreload: false,
  },
});
