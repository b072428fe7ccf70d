import { abortable } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { type CallerTransaction, executorFrom } from './caller'
import type { Executor, StatementResult } from './executor'
import { quoteName } from './row-security'
import { pinnedPath } from './statement'

/** Statements of one tenant inside the caller's transaction. */
export interface CallerExecutor extends Executor {
  /**
   * To be asked before anything is written. Rejects with HW_INVALID_ARGUMENT unless this is an open transaction: a
   * setting local to one is still there for its next statement; nor where it does not say how many rows a statement
   * changed, which writes go by. HW_CLOSED when it is another than the first time.
   */
  assertOpen(): Promise<void>
}

/** The last statement sent in each caller's transaction: ours go one after another. */
const turns = new WeakMap<CallerTransaction, Promise<unknown>>()

const probe = `SELECT pg_catalog.current_setting('headwater.within', true) AS seen,
  pg_catalog.set_config('headwater.within', $1, true) AS named,
  pg_catalog.date_part('epoch', pg_catalog.transaction_timestamp()) AS began`

/** Of savepoints: they need neither path nor tenant, and a transaction that has failed takes nothing before ROLLBACK TO. */
const ofSavepoints = /^(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) \w+$/

/** What must hold for a statement of ours, and was otherwise before: the path of names, and the tenant. */
const opening = `SELECT
  pg_catalog.set_config('headwater.caller_path', pg_catalog.current_setting('search_path'), true),
  pg_catalog.set_config('headwater.caller_tenant', coalesce(pg_catalog.current_setting('headwater.tenant', true), ''), true),
  pg_catalog.set_config('search_path', '${pinnedPath}', true),
  pg_catalog.set_config('headwater.tenant', $1, true)`

const closing = `SELECT
  pg_catalog.set_config('search_path', pg_catalog.current_setting('headwater.caller_path'), true),
  pg_catalog.set_config('headwater.tenant', pg_catalog.current_setting('headwater.caller_tenant'), true)`

/** Where an actor is named, he is named to our statements alone. */
const openingAs = `${opening}, pg_catalog.set_config('headwater.actor', $2, true)`
const closingAs = `${closing}, pg_catalog.set_config('headwater.actor', '', true)`

/**
 * Each statement finds its tenant named and the path of names pinned, and gives both back: another tenant's handle may
 * come in between, a rollback to a savepoint may take settings back, and the caller's own statements have a path of
 * their own. A statement that fails has ended the transaction, whose end gives them back.
 *
 * `token` is one that no other handle has, `schema` where the tables are, `actor` whom changes are told to be.
 */
export function executorOfTenant(
  transaction: CallerTransaction,
  tenant: TenantId,
  { token, schema, actor }: { readonly token: string; readonly schema: string; readonly actor?: string | undefined },
): CallerExecutor {
  const { queues, ...executor } = executorFrom(transaction)
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const before = turns.get(transaction) ?? Promise.resolve()
    const answer = before.then(work)
    turns.set(
      transaction,
      answer.catch(() => undefined),
    )
    return answer
  }
  let began: string | undefined
  let counts: boolean | undefined
  const isOpen = async (): Promise<boolean> => {
    const { rows, counted } = await inTurn(() => executor.query<{ seen: unknown; began: unknown }>(probe, [token]))
    counts ??= counted || undefined
    if (rows[0]?.seen !== token) return false
    began ??= String(rows[0].began)
    if (began === String(rows[0].began)) return true
    throw new HeadwaterError('HW_CLOSED', 'The transaction of this handle has ended; call using() anew in the next one')
  }
  const assertCounts = async (): Promise<void> => {
    // Some count what changes alone: asked of a statement that changes nothing.
    const changing = `UPDATE ${quoteName(schema)}.documents SET id = id WHERE false`
    counts ??= (await inTurn(() => executor.query(changing))).counted
    if (counts) return
    throw new HeadwaterError(
      'HW_INVALID_ARGUMENT',
      'using(transaction): its query() does not say how many rows a statement changed; let it return { rows, rowCount }',
      { path: 'transaction' },
    )
  }
  return {
    async assertOpen() {
      // The first time, and after a rollback to a savepoint of before, the setting has yet to be made.
      if ((await isOpen()) || (await isOpen())) return assertCounts()
      throw new HeadwaterError(
        'HW_INVALID_ARGUMENT',
        'using(transaction): there is no open transaction on it; BEGIN one, or give what the callback of transaction() gets',
        { path: 'transaction' },
      )
    },
    query<R>(text: string, values?: readonly unknown[], options?: Parameters<Executor['query']>[2]) {
      const open = () =>
        actor === undefined ? executor.query(opening, [tenant]) : executor.query(openingAs, [tenant, actor])
      const ask = () => executor.query<R>(text, values)
      const close = () => executor.query(actor === undefined ? closing : closingAs)
      if (ofSavepoints.test(text)) return inTurn(ask)
      // A caller who waits no more leaves the statement running, and what belongs to it.
      const answer = inTurn(queues ? () => together(open, ask, close) : () => oneByOne(open, ask, close))
      return abortable(answer, options?.signal)
    },
  }
}

type Ask<R> = () => Promise<StatementResult<R>>

async function oneByOne<R>(open: Ask<unknown>, ask: Ask<R>, close: Ask<unknown>): Promise<StatementResult<R>> {
  await open()
  const result = await ask()
  await close()
  return result
}

/** In one go where the driver keeps them in order: nothing of the caller's gets in between. */
async function together<R>(open: Ask<unknown>, ask: Ask<R>, close: Ask<unknown>): Promise<StatementResult<R>> {
  const [opened, answer, closed] = await Promise.allSettled([open(), ask(), close()])
  // The first that failed is why the others did.
  if (opened.status === 'rejected') throw opened.reason
  if (answer.status === 'rejected') throw answer.reason
  if (closed.status === 'rejected') throw closed.reason
  return answer.value
}
