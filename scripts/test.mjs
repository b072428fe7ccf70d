// `npm test [-- vitest arguments]`: installs and builds what is missing, then runs every test.
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

const { passed, failed, skipped } = countTests()
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
const incomplete = process.env.HW_REQUIRE_ALL === '1' && skipped > 0
if (incomplete) console.error('HW_REQUIRE_ALL=1: skipped tests count as a failure')
process.exitCode = done.status || (failed > 0 || incomplete ? 1 : 0)
