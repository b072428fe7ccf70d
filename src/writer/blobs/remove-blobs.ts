import { type CallOptions, throwIfAborted } from '../../core/abort'
import type { Clock } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import type { TenantId } from '../../core/ids'
import type { BlobRepository } from '../../repositories/blobs'
import type { Truth, TruthView } from '../../repositories/truth'

/** What a removal touches. */
export interface BlobRemovalPorts {
  readonly truth: Truth
  readonly blobs: BlobRepository
  readonly clock: Clock
}

/** Well within `removalMs`: a removal that has ended by itself makes no request when others take its blobs for free. */
const deletingMs = 5 * 60_000
const atOnce = 8

/**
 * Deletes those of these blobs that no document owns and none is about to, in three steps: condemn them in a transaction,
 * delete them, end the removal. A crash in between leaves blobs that nobody may refer to for some minutes, and never a
 * document without its blob. `condemned` are those that it was free to delete, `deleted` those of them that were there
 * and not put since.
 */
export async function removeBlobs(
  ports: BlobRemovalPorts,
  view: TruthView,
  tenant: TenantId,
  keys: readonly string[],
  putBefore: number | undefined,
  call: CallOptions,
): Promise<{ readonly condemned: readonly string[]; readonly deleted: number }> {
  const { truth, blobs, clock } = ports
  const condemned = await truth.transaction(view, (session) => session.blobReferences.condemn(tenant, keys), call)
  if (condemned.length === 0) return { condemned, deleted: 0 }
  // What was asked for and not answered may still be deleted: it stays condemned until that is long over.
  const unknown = new Set<string>()
  let deleted = 0
  try {
    const timeoutMs = Math.min(deletingMs, call.timeoutMs ?? deletingMs)
    await withDeadline(clock, { signal: call.signal, timeoutMs }, undefined, async (deadline) => {
      for (let at = 0; at < condemned.length; at += atOnce) {
        throwIfAborted(deadline.signal)
        const results = await Promise.allSettled(
          condemned.slice(at, at + atOnce).map(async (key) => {
            unknown.add(key)
            if (await blobs.delete(tenant, key, { ...deadline.options(), putBefore })) deleted++
            unknown.delete(key)
          }),
        )
        for (const result of results) if (result.status === 'rejected') throw result.reason
      }
    })
  } finally {
    const over = condemned.filter((key) => !unknown.has(key))
    await truth.session(view).blobReferences.release(tenant, over)
  }
  return { condemned, deleted }
}
