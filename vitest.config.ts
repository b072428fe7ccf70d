import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const globalSetup = here('./test/support/global-setup.ts')

const every = ['test/**/*.test.ts']

const tests = here('./test')
const needed = here('./test/support/elasticsearch.ts')

/** Every test file that reaches a real Elasticsearch, by what it imports: those run on each version of it. */
function elasticsearchSuites(): string[] {
  const reaches = new Map<string, boolean>()
  const reach = (file: string): boolean => {
    const known = reaches.get(file)
    if (known !== undefined) return known
    // A circle ends here.
    reaches.set(file, false)
    const found = file === needed || importsOf(file).some(reach)
    reaches.set(file, found)
    return found
  }
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  return files
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.join(tests, file))
    .filter(reach)
}

function importsOf(file: string): string[] {
  const found = readFileSync(file, 'utf8').matchAll(/from '(\.[^']*)'/g)
  return [...found].flatMap(([, name]) => {
    const target = `${path.resolve(path.dirname(file), name!)}.ts`
    return target.startsWith(tests) && existsSync(target) ? [target] : []
  })
}

/** Where a second server is named, the suites over Elasticsearch run on it too, in the same run and count. */
function onElasticsearch9(url: string): TestProjectInlineConfiguration[] {
  const suites = elasticsearchSuites()
  return [
    { extends: true, test: { name: 'all', include: every } },
    {
      extends: true,
      test: { name: 'elasticsearch-9', include: suites, env: { HW_TEST_ELASTICSEARCH_URL: url, HW_TEST_AGAIN: '1' } },
    },
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
      { find: /^headwater\/(backup|transfer)$/, replacement: here('./src/store/$1/index.ts') },
      { find: /^headwater\/entities$/, replacement: here('./src/entities/included/index.ts') },
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
