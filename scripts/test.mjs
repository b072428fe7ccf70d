// `npm test [-- vitest arguments]`: installs and builds what is missing, then runs every test whose servers are there.
// With HW_REQUIRE_ALL=1 (in CI) a skipped test is a failure.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { ensureBuilt, ensureInstalled, root } from './setup.mjs'
import { countTests, resultsFile } from './test-counts.mjs'

ensureInstalled()
ensureBuilt()

fs.rmSync(resultsFile, { force: true })
const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs')
const env = { ...process.env, HW_TEST_JSON: resultsFile }
const done = spawnSync(process.execPath, [vitest, 'run', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env,
})

const servers = {
  HW_TEST_PGVECTOR_URL: 'Postgres with pgvector',
  HW_TEST_PGVECTOR16_URL: 'Postgres 16',
  HW_TEST_ELASTICSEARCH_URL: 'Elasticsearch 8.19',
  HW_TEST_ELASTICSEARCH9_URL: 'Elasticsearch 9',
  HW_TEST_OPENSEARCH_URL: 'OpenSearch',
}
const away = Object.keys(servers).filter((name) => !env[name])
if (away.length > 0) {
  console.log(`Without ${away.map((name) => servers[name]).join(', ')}: what needs one is skipped, and a suite that runs once
for each server is counted for those that are there. \`npm run services -- start --all\` starts them.`)
}

const { passed, failed, skipped } = countTests()
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
const incomplete = process.env.HW_REQUIRE_ALL === '1' && skipped > 0
if (incomplete) console.error('HW_REQUIRE_ALL=1: skipped tests count as a failure')
process.exitCode = done.status || (failed > 0 || incomplete ? 1 : 0)
