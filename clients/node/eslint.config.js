import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const NODE = { console: false, fetch: false, performance: false, process: false };
const WEB = { AbortController: false, Response: false, URL: false };
const TIMERS = { clearTimeout: false, setImmediate: false, setTimeout: false };

export default defineConfig(
  { ignores: ['dist/', 'test/consumer/'] },
  js.configs.recommended,
  {
    files: ['src/**'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // JavaScript calls it, too, and gives what types forbid.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // Methods of clients and responses are called with their objects by hand.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
    },
  },
  {
    files: ['**/*.mjs', '*.js'],
    languageOptions: { globals: { ...NODE, ...WEB, ...TIMERS } },
    rules: { 'no-unused-vars': ['error', { argsIgnorePattern: '^_' }] },
  },
);
