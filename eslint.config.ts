/** Lint: what the compiler does not say. The AssemblyScript core is another language that looks like this one. */
import vue from 'eslint-plugin-vue';
import globals from 'globals';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  globalIgnores(['dist/', 'release/', '.cache/', 'test-results/', 'src-main/cpu/core/wasm/']),
  ...tseslint.configs.strictTypeChecked,
  ...vue.configs['flat/essential'],
  {
    languageOptions: {
      parserOptions: {
        parser: tseslint.parser, extraFileExtensions: ['.vue'], tsconfigRootDir: import.meta.dirname,
        project: ['shared', 'src-main', 'src-renderer', 'e2e', 'scripts'].map(folder => `./${folder}/tsconfig.json`),
      },
    },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // One-line arrow functions that forward are the house style.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Indexes into typed arrays, and the manual's bit numbers, are known to exist.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      '@typescript-eslint/no-this-alias': ['error', { allowDestructuring: true }],
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      'vue/multi-word-component-names': 'off',
    },
  },
  {
    files: ['src-renderer/**'], languageOptions: { globals: globals.browser },
    // What operators read is in catalogs (src-renderer/i18n), but for figures' marks and the product's name.
    rules: {
      'vue/no-bare-strings-in-template': ['error', {
        allowlist: ['Quarterdeck', '(', ')', ',', '.', ':', ';', '/', '·', '–', '-', '+', '×', '…', '%', 'B', 'KiB', 'MiB', 'GiB', 'TiB', 'MHz', 'MIPS', 'CPU', 'GICv3', 'CSV', 'PNG'],
        attributes: { '/.+/': ['title', 'label', 'text', 'placeholder', 'alt', 'hint', 'helper', 'message', 'heading', 'name-label', 'aria-label', 'aria-description', 'aria-roledescription', 'aria-placeholder', 'aria-valuetext'] },
      }],
    },
  },
);
