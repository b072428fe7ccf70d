import type { CallOptions } from '../../core/abort'
import { sleep } from '../../core/clock'
import { type Deadline, withinDeadline } from '../../core/deadline'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { textIndexOf, vectorIndexOf } from '../../repositories/generations'
import type { TruthSession } from '../../repositories/truth'
import type { WriterPorts } from '../ports'
import { allTargets } from '../rebuild/generations'
import type { Receipt } from './receipt'

const firstPollMs = 2
const longestPollMs = 200

/**
 * Resolves when every target has what the receipt stands for, searchable. `help` is called between looks: it nudges
 * the relay, or does its work. Rejects with HW_JOB_PARKED, HW_EPOCH_CHANGED, HW_RECEIPT_ROLLED_BACK, HW_TIMEOUT.
 */
export async function waitForReceipt(
  ports: WriterPorts,
  tenant: TenantId,
  receipt: Receipt,
  options: CallOptions,
  help: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  checkReceipt(receipt, tenant)
  await withinDeadline(ports.clock, options, 30_000, async (deadline) => {
    const { signal } = deadline
    const session = ports.truth.session({ tenant })
    let pollMs = firstPollMs
    if (receipt.commit !== undefined) await awaitCommit(ports, tenant, receipt.commit, deadline.options())
    if ((await session.registry.epoch()) !== receipt.epoch && !(await stillStands(session, receipt, deadline))) {
      throw new HeadwaterError('HW_EPOCH_CHANGED', `The database was restored since this receipt (${receipt.epoch})`)
    }
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
      if (pending.length === 0) break
      await help(signal)
      await sleep(ports.clock, pollMs, signal)
      pollMs = Math.min(pollMs * 2, longestPollMs)
    }
    const live = await session.generations.list({ collection: receipt.collection, states: ['live'] })
    await Promise.all(
      live.map((generation) =>
        generation.target === 'vector'
          ? ports.vectors.refresh(vectorIndexOf(generation), deadline.options())
          : ports.texts.refresh(textIndexOf(generation), deadline.options()),
      ),
    )
  }).catch((error: unknown) => {
    if (!isHeadwaterError(error, 'HW_TIMEOUT') || options.signal?.aborted) throw error
    throw new HeadwaterError('HW_TIMEOUT', 'waitFor: the projections did not follow in time', { cause: error })
  })
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
  if (await commits.exists(tenant, marker)) return
  await ports.truth.transaction(
    { tenant },
    async (session) => {
      rolledBack = await session.commits.refute(tenant, marker)
    },
    call,
  )
  if (rolledBack) throw new HeadwaterError('HW_RECEIPT_ROLLED_BACK', 'The transaction of this receipt was rolled back')
}

function checkReceipt(receipt: Receipt, tenant: TenantId): void {
  if (typeof receipt !== 'object' || receipt === null || typeof receipt.fence !== 'number') {
    throw new HeadwaterError('HW_INVALID_ARGUMENT', 'receipt: pass what a write returned', { path: 'receipt' })
  }
  if (receipt.tenant !== tenant) {
    throw new HeadwaterError('HW_INVALID_ARGUMENT', 'receipt: it is of another tenant', { path: 'receipt.tenant' })
  }
}
