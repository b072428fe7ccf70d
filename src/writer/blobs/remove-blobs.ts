import { type CallOptions, throwIfAborted } from '../../core/abort'
import type { Clock } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import type { TenantId } from '../../core/ids'
import type { BlobRepository } from '../../repositories/blobs'
import type { Truth, TruthView } from '../../repositories/truth'
import { blobsAreHeld } from './blob-lease'

/** What a removal touches. */
export interface BlobRemovalPorts {
  readonly truth: Truth
  readonly blobs: BlobRepository
  readonly clock: Clock
}

/** Well within `removalMs`: a removal that has ended by itself makes no request when others take its blobs for free. */
const deletingMs = 5 * 60_000
const atOnce = 8

/** What a removal came to. */
export interface BlobRemoval {
  /** Those that it was free to delete. */
  readonly condemned: readonly string[]
  /** Those of them that were there and not put since. */
  readonly deleted: number
  /** A backup keeps the blobs: nothing was condemned. */
  readonly held: boolean
}

/**
 * Deletes those of these blobs that no document owns and none is about to, in three steps: condemn them in a transaction,
 * delete them, end the removal. A crash in between leaves blobs that nobody may refer to for some minutes, and never a
 * document without its blob. While a backup reads the blobs nothing is deleted.
 */
export async function removeBlobs(
  ports: BlobRemovalPorts,
  view: TruthView,
  tenant: TenantId,
  keys: readonly string[],
  putBefore: number | undefined,
  call: CallOptions,
): Promise<BlobRemoval> {
  const { truth, blobs, clock } = ports
  let held = false
  const condemned = await truth.transaction(
    view,
    async ({ blobReferences, registry }) => {
      const free = await blobReferences.condemn(tenant, keys)
      // Looked at last: a snapshot that is taken after this look shows what is condemned here as owned by nobody.
      held = free.length > 0 && (await blobsAreHeld(registry))
      if (!held) return free
      await blobReferences.release(tenant, free)
      return []
    },
    call,
  )
  if (condemned.length === 0) return { condemned, deleted: 0, held }
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
  return { condemned, deleted, held }
}
