import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const globalSetup = here('./test/support/global-setup.ts')

export default defineConfig({
  resolve: {
    // Tests and examples import the package by its name and run over the source; the built package has its own checks.
    alias: [
      { find: /^headwater$/, replacement: here('./index.ts') },
      { find: /^headwater\/(testing|migrations)$/, replacement: here('./src/$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: existsSync(globalSetup) ? [globalSetup] : [],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: [
      'default',
      ['json', { outputFile: process.env['HW_TEST_JSON'] ?? 'node_modules/.cache/headwater/tests.json' }],
    ],
  },
})
