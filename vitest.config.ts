import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { elasticsearchSuites } from './test/support/elasticsearch-suites'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const globalSetup = here('./test/support/global-setup.ts')

const every = ['test/**/*.test.ts']

/** Where a second server is named, the suites over Elasticsearch run on it too, in the same run and count. */
function onElasticsearch9(url: string): TestProjectInlineConfiguration[] {
  const suites = elasticsearchSuites()
  return [
    { extends: true, test: { name: 'all', include: every } },
    { extends: true, test: { name: 'elasticsearch-9', include: suites, env: { HW_TEST_ELASTICSEARCH_URL: url } } },
  ]
}

const nine = process.env['HW_TEST_ELASTICSEARCH9_URL']
if (!nine && process.env['HW_TEST_ELASTICSEARCH_URL']) {
  console.warn('NOT RUN on Elasticsearch 9: HW_TEST_ELASTICSEARCH9_URL is not set (npm run services -- start --all)')
}

export default defineConfig({
  resolve: {
    // Tests and examples import the package by its name and run over the source; the built package has its own checks.
    alias: [
      { find: /^headwater$/, replacement: here('./index.ts') },
      { find: /^headwater\/(testing|migrations)$/, replacement: here('./src/$1/index.ts') },
    ],
  },
  test: {
    ...(nine ? { projects: onElasticsearch9(nine) } : { include: every }),
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
