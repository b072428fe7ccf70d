import { abortable, type CallOptions } from '../../core/abort'
import { asHeadwaterError, HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { uuidV7 } from '../../core/ids'
import type { Json } from '../../core/json'
import type { TransactionModes, TruthSession } from '../../repositories/truth'
import type { WriterPorts } from '../ports'

const attempts = 3

/** What it takes to leave a marker and to ask for it. */
type MarkerPorts = Pick<WriterPorts, 'truth' | 'clock' | 'random'>

/** Key of the row that tells whether one attempt committed; a caller's own keys live beside it. */
export function markerKey(ports: Pick<MarkerPorts, 'clock' | 'random'>): string {
  return `attempt:${uuidV7(ports.clock, ports.random)}`
}

/**
 * Runs a write transaction to a known end. When the answer to COMMIT is lost, the attempt's marker is taken: if that
 * works the write never happened and is tried again; if not, it did. HW_COMMIT_UNKNOWN is left only when the truth
 * cannot be asked. One that is read only has nothing to commit.
 */
export async function committed<T>(
  ports: MarkerPorts,
  tenant: TenantId,
  options: CallOptions & TransactionModes,
  work: (session: TruthSession) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const marker = markerKey(ports)
    let result: { value: T } | undefined
    try {
      return await ports.truth.transaction(
        { tenant },
        async (session) => {
          if (!options.readOnly) await session.commits.begin(tenant, marker, '')
          const value = await work(session)
          result = { value }
          return value
        },
        options,
      )
    } catch (error) {
      if (!isHeadwaterError(error, 'HW_COMMIT_UNKNOWN') || !result) throw error
      if (options.readOnly) return result.value
      if (!(await neverCommitted(ports, tenant, marker, error, options))) return result.value
      if (attempt === attempts) throw notCommitted(error)
    }
  }
}

/**
 * As `committed`, of a write that is one statement and leaves its marker itself. What it wrote is read from there when its
 * answer was lost.
 */
export async function committedAlone<T>(
  ports: MarkerPorts,
  tenant: TenantId,
  options: CallOptions,
  work: (session: TruthSession, marker: string) => Promise<T>,
  read: (receipt: Json) => T,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const marker = markerKey(ports)
    try {
      return await work(ports.truth.session({ tenant }), marker)
    } catch (error) {
      if (!isHeadwaterError(error, 'HW_COMMIT_UNKNOWN')) throw error
      if (!(await neverCommitted(ports, tenant, marker, error, options))) {
        const left = await found(ports, tenant, marker, error, options)
        if (left) return read(left.receipt)
      }
      if (attempt === attempts) throw notCommitted(error)
    }
  }
}

function notCommitted(cause: HeadwaterError): HeadwaterError {
  return new HeadwaterError('HW_TRANSACTION_ABORTED', `Not committed after ${attempts} attempts`, { cause })
}

function neverCommitted(
  ports: MarkerPorts,
  tenant: TenantId,
  marker: string,
  unknown: HeadwaterError,
  options: CallOptions,
): Promise<boolean> {
  // Taking it twice gives the same answer, so an answer that is lost here too may be asked for again.
  return settled(ports, tenant, marker, unknown, options, (commits) => commits.refute(tenant, marker))
}

function found(
  ports: MarkerPorts,
  tenant: TenantId,
  marker: string,
  unknown: HeadwaterError,
  options: CallOptions,
): Promise<{ readonly receipt: Json } | null> {
  return settled(ports, tenant, marker, unknown, options, (commits) => commits.find(tenant, marker))
}

async function settled<T>(
  ports: MarkerPorts,
  tenant: TenantId,
  marker: string,
  unknown: HeadwaterError,
  options: CallOptions,
  ask: (commits: TruthSession['commits']) => Promise<T>,
): Promise<T> {
  let last: unknown = unknown
  for (let attempt = 1; attempt <= attempts && !options.signal?.aborted; attempt++) {
    try {
      return await abortable(ask(ports.truth.session({ tenant }).commits), options.signal)
    } catch (error) {
      last = error
      if (!asHeadwaterError(error).retryable && !isHeadwaterError(error, 'HW_COMMIT_UNKNOWN')) break
    }
  }
  throw new HeadwaterError('HW_COMMIT_UNKNOWN', 'The answer to COMMIT was lost and the database cannot be asked', {
    cause: last,
    details: { marker },
  })
}

/**
 * Applies `work` once per caller's key: a repetition is answered with what the first left; another request under the
 * same key is HW_IDEMPOTENCY_CONFLICT.
 */
export async function once<T>(
  session: TruthSession,
  tenant: TenantId,
  key: string | undefined,
  requestHash: string,
  work: () => Promise<T>,
): Promise<T> {
  if (key === undefined) return work()
  const stored = `key:${key}`
  const earlier = await session.commits.begin(tenant, stored, requestHash)
  if (earlier) {
    if (earlier.requestHash !== requestHash) {
      throw new HeadwaterError(
        'HW_IDEMPOTENCY_CONFLICT',
        `idempotencyKey: ${JSON.stringify(key)} was used for another request`,
        { path: 'idempotencyKey' },
      )
    }
    return earlier.receipt as unknown as T
  }
  const value = await work()
  await session.commits.finish(tenant, stored, JSON.parse(JSON.stringify(value ?? null)) as Json)
  return value
}
