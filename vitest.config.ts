/**
 * Unit and integration tests, beside the code they test. They run under Node; nothing here needs a browser. Those that take
 * too long to run with every change are in the mode "long".
 */
import { defineConfig } from 'vitest/config';

export default defineConfig(({ mode }) => ({
  test: {
    environment: 'node',
    include: [`{shared,src-main,src-renderer,scripts,bench}/**/*${mode === 'long' ? '.long' : ''}.test.ts`],
    exclude: mode === 'long' ? [] : ['**/*.long.test.ts'],
    globalSetup: 'scripts/vitest-setup.ts',
    testTimeout: 30_000,
    restoreMocks: true,
  },
}));
