// Counts the tests of the last run from vitest's JSON report. Run alone, it prints the line that CI ends with.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const self = fileURLToPath(import.meta.url)
export const resultsFile =
  process.env.HW_TEST_JSON ?? path.join(path.dirname(self), '../node_modules/.cache/headwater/tests.json')

/** A file that failed outside its tests (at load, in a hook) counts as one failure, and so does no report at all. */
export function countTests() {
  if (!fs.existsSync(resultsFile)) return { passed: 0, failed: 1, skipped: 0 }
  const report = JSON.parse(fs.readFileSync(resultsFile, 'utf8'))
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

if (process.argv[1] === self) {
  const { passed, failed, skipped } = countTests()
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
}
