/** Unit and integration tests, beside the code they test. They run under Node; nothing here needs a browser. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['{shared,src-main,src-renderer,scripts,bench}/**/*.test.ts'],
    globalSetup: 'scripts/vitest-setup.ts',
    testTimeout: 30_000,
    restoreMocks: true,
  },
});
