import type { CallOptions } from '../../core/abort'
import { sleep } from '../../core/clock'
import { type Deadline, withinDeadline } from '../../core/deadline'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import type { Generation } from '../../repositories/generations'
import { hasEngine } from '../../repositories/index-engines'
import type { JobRow, JobTarget } from '../../repositories/jobs'
import type { TruthSession } from '../../repositories/truth'
import type { WriterPorts } from '../ports'
import { allTargets, refreshIndex } from '../rebuild/generations'
import { checkReceipt, type Receipt } from './receipt'

const firstPollMs = 2
const longestPollMs = 200
/** From here on it takes long enough to ask why. */
const tellingPollMs = 64
const workerSeenMs = 60_000
const besideMs = 1_000

/** The relay of this process, as far as a wait is concerned. */
interface WorkingRelay {
  /** Says that somebody waits. */
  nudge(): void
  /** Why it leaves a target alone for a while, if it does. */
  pausedBy(target: JobTarget): HeadwaterError | undefined
}

/** How far a wait has come: what its time-out says. */
interface Progress {
  stage: 'commit' | 'jobs' | 'refresh'
  pending: readonly JobRow[]
  /** Names of indexes that have not answered a refresh. */
  readonly refreshing: Set<string>
  /** Null while it is not known, or does not matter. */
  workers: number | null
}

/**
 * Resolves when every target has what the receipt stands for, searchable. Rejects with HW_JOB_PARKED, HW_EPOCH_CHANGED,
 * HW_RECEIPT_ROLLED_BACK, and with HW_TIMEOUT that names each target that has not followed, and why.
 */
export async function waitForReceipt(
  ports: WriterPorts,
  tenant: TenantId,
  given: Receipt,
  options: CallOptions,
  relay: WorkingRelay,
): Promise<void> {
  const receipt = checkReceipt(given, tenant)
  const progress: Progress = { stage: 'commit', pending: [], refreshing: new Set(), workers: null }
  await withinDeadline(ports.clock, options, 30_000, async (deadline) => {
    const { signal } = deadline
    const session = ports.truth.session({ tenant })
    let pollMs = firstPollMs
    if (receipt.commit !== undefined) await awaitCommit(ports, tenant, receipt.commit, deadline.options())
    if ((await session.registry.epoch()) !== receipt.epoch && !(await stillStands(session, receipt, deadline))) {
      throw new HeadwaterError('HW_EPOCH_CHANGED', `The database was restored since this receipt (${receipt.epoch})`)
    }
    progress.stage = 'jobs'
    for (;;) {
      const pending = await session.jobs.pending(
        { tenant, collection: receipt.collection, upTo: receipt.fence, documents: receipt.ids, targets: allTargets },
        deadline.options(),
      )
      const parked = pending.find((job) => job.parked)
      if (parked) {
        throw new HeadwaterError(
          'HW_JOB_PARKED',
          `${parked.target} of ${parked.document} is parked: ${parked.reason}`,
          {
            details: { target: parked.target, document: parked.document, reason: parked.reason },
          },
        )
      }
      progress.pending = pending
      if (pending.length === 0) break
      relay.nudge()
      await sleep(ports.clock, pollMs, signal)
      if (pollMs >= tellingPollMs && progress.workers === null) progress.workers = await workersOf(ports, session)
      pollMs = Math.min(pollMs * 2, longestPollMs)
    }
    const { collection } = receipt
    // What is in an engine that this process has not is not searched here either.
    const generations = (await session.generations.list({ collection })).filter((one) => hasEngine(ports, one))
    progress.stage = 'refresh'
    await Promise.all(
      generations.map(async (generation) => {
        if (generation.state !== 'live') return refreshBeside(ports, generation, deadline)
        progress.refreshing.add(generation.name)
        await refreshIndex(ports, generation, deadline.options())
        progress.refreshing.delete(generation.name)
      }),
    )
  }).catch((error: unknown) => {
    if (!isHeadwaterError(error, 'HW_TIMEOUT') || options.signal?.aborted) throw error
    throw timeOut(progress, relay, error)
  })
}

function timeOut(
  { stage, pending, refreshing, workers }: Progress,
  relay: WorkingRelay,
  cause: unknown,
): HeadwaterError {
  if (stage === 'commit') {
    return new HeadwaterError('HW_TIMEOUT', 'waitFor: the transaction of this receipt has not ended', { cause })
  }
  if (stage === 'refresh') {
    const names = [...refreshing]
    return new HeadwaterError('HW_TIMEOUT', `waitFor: ${names.join(', ')} did not answer a refresh in time`, {
      cause,
      details: { indexes: names },
    })
  }
  const late = [...new Set(pending.map(({ target }) => target))].map((target) => {
    const jobs = pending.filter((job) => job.target === target)
    const paused = relay.pausedBy(target)
    const failed = jobs.find(({ attempts }) => attempts > 0)
    const reason = paused
      ? `it is paused: ${paused.code}: ${paused.message}`
      : failed
        ? `${failed.document} was refused ${failed.attempts} times and is tried again: ${failed.reason}`
        : workers === 0
          ? 'no worker was seen within the last minute (`headwater relay`)'
          : 'its jobs wait for their turn'
    return { target, jobs: jobs.length, reason, ...(paused && { code: paused.code }) }
  })
  const said = late.map(({ target, jobs, reason }) => `${target} (${jobs} jobs left): ${reason}`).join('; ')
  return new HeadwaterError(
    'HW_TIMEOUT',
    `waitFor: these did not follow in time: ${said || 'Postgres did not say which jobs are left'}`,
    {
      cause,
      details: { targets: late },
    },
  )
}

/** A switch may make it the live one at any moment, and then what was waited for must be found. Nobody waits for it long. */
async function refreshBeside(ports: WriterPorts, generation: Generation, deadline: Deadline): Promise<void> {
  const timeoutMs = Math.min(besideMs, deadline.remaining())
  await refreshIndex(ports, generation, { signal: deadline.signal, timeoutMs }).catch(() => undefined)
}

/** Of other processes, where those are who works. */
async function workersOf({ options }: WriterPorts, { registry }: TruthSession): Promise<number | null> {
  if (options?.relay !== 'external') return null
  return (await registry.workers(workerSeenMs).catch(() => null))?.length ?? null
}

/** A document that nobody has touched since an earlier epoch keeps its fence: then the receipt's write was not lost. */
async function stillStands(session: TruthSession, receipt: Receipt, deadline: Deadline): Promise<boolean> {
  const { tenant, collection, ids, fence } = receipt
  if (fence === 0) return true
  if (!collection || !ids) return false
  const heads = await session.documents.heads({ tenant, collection }, ids, deadline.options())
  return heads.some((head) => head.fence === fence)
}

/** A write in the caller's transaction: known to be gone once its marker can be taken, which waits for an open one. */
async function awaitCommit(ports: WriterPorts, tenant: TenantId, marker: string, call: CallOptions): Promise<void> {
  let rolledBack = false
  const { commits } = ports.truth.session({ tenant })
  if (await commits.find(tenant, marker)) return
  await ports.truth.transaction(
    { tenant },
    async (session) => {
      rolledBack = await session.commits.refute(tenant, marker)
    },
    call,
  )
  if (rolledBack) throw new HeadwaterError('HW_RECEIPT_ROLLED_BACK', 'The transaction of this receipt was rolled back')
}
