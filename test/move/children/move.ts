import { writeSync } from 'node:fs'
import { PostgresConnection } from '../../../src/connections/postgres/connection'
import { moveStore } from '../../../src/store/backup/index'

/** Moves a store, and stands still at the step that is named, until it is killed. */
const [from, to, step] = process.argv.slice(2) as [string, string, string]

const stop = (): void => {
  writeSync(1, `${JSON.stringify({ at: step })}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
/** What each of these is the last statement of, or all but. */
const statements: Readonly<Record<string, RegExp>> = {
  'scratch schema': /^COMMENT ON SCHEMA/,
  'new epoch': /^DELETE FROM \S+\.generations/,
  switch: /^DROP SCHEMA "headwater_move_\w+"$/,
}
const transaction = PostgresConnection.prototype.transaction
const session = PostgresConnection.prototype.session
const watched = <T extends { query: (text: string, ...more: never[]) => Promise<unknown> }>(executor: T): T => {
  const query = executor.query.bind(executor)
  return Object.assign(Object.create(executor), {
    query: async (text: string, ...more: never[]) => {
      const result = await query(text, ...more)
      if (statements[step]?.test(text)) stop()
      return result
    },
  })
}
if (statements[step]) {
  PostgresConnection.prototype.transaction = function (as, work, options) {
    return transaction.call(this, as, (executor) => work(watched(executor) as never), options) as never
  }
  PostgresConnection.prototype.session = function (as) {
    return watched(session.call(this, as) as never)
  }
}
let seen = 0
await moveStore(JSON.parse(from), JSON.parse(to), {
  onProgress: ({ phase }) => {
    if (phase === step && (phase !== 'rows' || ++seen === 6)) stop()
  },
})
stop()
