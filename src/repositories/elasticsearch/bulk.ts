import type { ElasticsearchConnection } from '../../connections/elasticsearch/connection'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { describeFault, type ElasticsearchFault } from '../../resilience/classify-elasticsearch'

/** One line of a bulk, or two, as sent. `id` is that of the entry, for errors. */
export interface BulkOperation {
  readonly id: string
  readonly kind: 'index' | 'delete'
  readonly lines: readonly string[]
}

export interface BulkLimits {
  readonly batchSize: number
  readonly batchBytes: number
}

interface BulkItem {
  readonly status: number
  readonly error?: { readonly type?: string; readonly reason?: string } | undefined
}

interface Refused {
  readonly id: string
  readonly error: HeadwaterError
}

/**
 * Applies every operation or says which was not. Of each item by itself: 409 is superseded and a delete's 404 is done;
 * 429, 503 and the like send that item again; another 4xx is about that document (HW_DATABASE, once all others are
 * through). A batch that the server finds too large is halved.
 */
export async function runBulk(
  connection: ElasticsearchConnection,
  operations: readonly BulkOperation[],
  limits: BulkLimits,
  call: CallOptions | undefined,
): Promise<void> {
  if (operations.length === 0) return
  const refused: Refused[] = []
  for (const batch of batches(operations, limits)) await apply(connection, batch, refused, call)
  if (refused.length > 0) throw refusal(refused, operations.length)
}

/** Of an answer nothing else is looked at. */
const querystring = Object.freeze({ require_alias: true, filter_path: 'items.*.status,items.*.error' })

async function apply(
  connection: ElasticsearchConnection,
  batch: readonly BulkOperation[],
  refused: Refused[],
  call: CallOptions | undefined,
): Promise<void> {
  let left = batch
  try {
    await connection.retrying(async (deadline) => {
      const bulkBody = `${left.flatMap(({ lines }) => lines).join('\n')}\n`
      const request = { method: 'POST', path: '/_bulk', querystring, bulkBody }
      const answer = await connection.request(request, { ...deadline.options(), idempotent: false })
      const { again, error } = judge(left, itemsOf(answer, left.length), refused)
      left = again
      if (error) throw error
    }, call)
  } catch (error) {
    if (!isHeadwaterError(error, 'HW_LIMIT_EXCEEDED')) throw error
    if (left.length === 1) {
      refused.push({ id: left[0]!.id, error })
      return
    }
    const half = Math.ceil(left.length / 2)
    await apply(connection, left.slice(0, half), refused, call)
    await apply(connection, left.slice(half), refused, call)
  }
}

/** What is to be sent again, with the reason; an error of the whole index is thrown at once. */
function judge(
  sent: readonly BulkOperation[],
  items: readonly BulkItem[],
  refused: Refused[],
): { again: BulkOperation[]; error: HeadwaterError | undefined } {
  const again: BulkOperation[] = []
  let reason: HeadwaterError | undefined
  for (const [i, operation] of sent.entries()) {
    const { status, error } = items[i]!
    if (status < 300 || status === 409) continue
    if (status === 404 && operation.kind === 'delete' && !error) continue
    const fault: ElasticsearchFault = {
      status,
      type: error?.type ?? 'unknown',
      reason: error?.reason ?? 'no reason given',
    }
    const failure = describeFault(fault, `Elasticsearch, entry ${operation.id}`)
    if (failure.code === 'HW_GENERATION_MISSING' || failure.code === 'HW_UNAUTHORIZED') throw failure
    if (failure.code === 'HW_STORAGE') throw failure
    if (failure.retryable || status >= 500) {
      again.push(operation)
      reason = failure.retryable
        ? failure
        : new HeadwaterError('HW_UNAVAILABLE', failure.message, { cause: failure.cause, details: failure.details })
    } else refused.push({ id: operation.id, error: failure })
  }
  return { again, error: reason }
}

function itemsOf(answer: unknown, expected: number): BulkItem[] {
  const items = (answer as { items?: Record<string, BulkItem>[] } | null)?.items
  if (Array.isArray(items) && items.length === expected) return items.map((item) => Object.values(item)[0]!)
  throw new HeadwaterError('HW_UNAVAILABLE', `Elasticsearch answered a bulk of ${expected} without as many items`)
}

function refusal(refused: readonly Refused[], total: number): HeadwaterError {
  const { error } = refused[0]!
  const message = refused.length === 1 ? error.message : `${refused.length} of ${total} entries: ${error.message}`
  return new HeadwaterError(error.code, message, {
    cause: error.cause,
    details: { ...error.details, ids: refused.slice(0, 100).map(({ id }) => id) },
  })
}

/** By count and by bytes; an operation that is too large alone still goes, alone. */
function* batches(operations: readonly BulkOperation[], limits: BulkLimits): Generator<BulkOperation[]> {
  let batch: BulkOperation[] = []
  let bytes = 0
  for (const operation of operations) {
    const size = operation.lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0)
    if (batch.length > 0 && (batch.length >= limits.batchSize || bytes + size > limits.batchBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(operation)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
