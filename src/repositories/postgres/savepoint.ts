import type { Executor } from '../../connections/postgres/executor'
import { HeadwaterError } from '../../core/errors'

const name = 'headwater'

/**
 * Runs `work` between SAVEPOINT and RELEASE, or ROLLBACK TO when it rejects. Within one another, the inner one hides the
 * outer one's name for as long as it lasts.
 */
export async function savepoint<T>(executor: Executor, work: (within: Executor) => Promise<T>): Promise<T> {
  let over = false
  const within: Executor = {
    async query(text, values, options) {
      if (!over) return executor.query(text, values, options)
      throw new HeadwaterError('HW_CLOSED', 'The savepoint of this handle is over')
    },
  }
  await executor.query(`SAVEPOINT ${name}`)
  try {
    const value = await work(within)
    over = true
    await executor.query(`RELEASE SAVEPOINT ${name}`)
    return value
  } catch (error) {
    over = true
    // Where even this fails there is no transaction any more, which is told by whatever comes next.
    await executor.query(`ROLLBACK TO SAVEPOINT ${name}`).catch(() => undefined)
    await executor.query(`RELEASE SAVEPOINT ${name}`).catch(() => undefined)
    throw error
  }
}
