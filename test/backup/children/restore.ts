import { writeSync } from 'node:fs'
import { PostgresConnection } from '../../../src/connections/postgres/connection'
import { systemRandom } from '../../../src/core/random'
import { sourceOf } from '../../../src/store/backup/source'
import { FolderFiles } from '../../../src/transfer/backup/folder-files'
import { restoreRows } from '../../../src/transfer/backup/restore'

/** Restores over what is there, and stands still at the step that is named, until it is killed. */
const [where, place, confirm, step] = process.argv.slice(2) as [string, string, string, string]

const stop = (): void => {
  writeSync(1, `${JSON.stringify({ at: step })}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
const source = sourceOf(JSON.parse(where))
if (step === 'switch' || step === 'switched') {
  const session = PostgresConnection.prototype.transaction
  PostgresConnection.prototype.transaction = function (as, work, options) {
    const watched: typeof work = (executor) =>
      work({
        query: async (text, values, more) => {
          const result = await executor.query(text, values, more)
          // The last statement before its commit, or all but.
          if (step === 'switch' && text.startsWith('DROP SCHEMA')) stop()
          return result as never
        },
      })
    return session.call(this, as, watched, options) as never
  }
}
await restoreRows(source, new FolderFiles(place, systemRandom), {
  confirm,
  force: true,
  onProgress: ({ phase }) => {
    if (phase === step) stop()
  },
})
stop()
