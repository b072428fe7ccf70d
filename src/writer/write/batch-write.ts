import { throwIfAborted } from '../../core/abort'
import type { Clock } from '../../core/clock'
import { describeValue, shortened } from '../../core/describe-value'
import { asHeadwaterError, HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { Scope } from '../../core/ids'
import { itemsOf } from '../../core/items'
import type { Limits } from '../../core/limits'
import type { WriterOptions } from '../ports'
import { inBatches } from './batches'
import { checkId } from './document-input'
import { isOfTheStore } from './error-scope'
import type { PreparedDocument } from './prepared-document'
import type { Delivery, FailedDocument } from './receipt'
import { mostIds } from './transaction'
import type { Written } from './write-documents'
import type { BatchProgress } from './write-options'

/** What a batch goes through. Commits happen in order, one at a time; the rest overlaps. */
interface Steps<T> {
  ready?(batch: readonly T[]): Promise<void>
  commit(batch: readonly T[], number: string): Promise<Written>
  apply(written: Written, batch: readonly T[]): Promise<Delivery>
}

export interface BatchTally {
  written: number
  unchanged: number
  /** The first of them. */
  failed: FailedDocument[]
  failedCount: number
  /** Highest fence seen. */
  fence: number
  /** Chunks that the embedder does not read to the end. */
  truncated: number
  queued: boolean
  /** The documents, while they are few. */
  ids: string[] | undefined
}

/** Batches that may be under way at once: while one is prepared, another is committed and a third is applied. */
const inFlight = 3

/**
 * One call for many documents: batches by count and bytes, the last of equal ids wins, a document that is refused
 * is reported while the others go on. A failure of the store ends the call with what was done so far in `details`.
 */
export class BatchWrite {
  readonly #scope: Scope
  readonly #clock: Clock
  readonly #limits: { readonly count: number; readonly bytes: number; readonly failures: number }
  readonly #progress: ((progress: BatchProgress) => void) | undefined
  readonly #tally: BatchTally = {
    written: 0,
    unchanged: 0,
    failed: [],
    failedCount: 0,
    fence: 0,
    truncated: 0,
    queued: false,
    ids: [],
  }

  constructor(
    scope: Scope,
    clock: Clock,
    options: Pick<WriterOptions, 'batchDocuments' | 'batchBytes'> & Pick<Limits, 'failures'>,
    progress?: (progress: BatchProgress) => void,
  ) {
    this.#scope = scope
    this.#clock = clock
    this.#limits = { count: options.batchDocuments, bytes: options.batchBytes, failures: options.failures }
    this.#progress = progress
  }

  async put<I>(
    inputs: Iterable<I> | AsyncIterable<I>,
    signal: AbortSignal,
    steps: Steps<PreparedDocument> & { prepare(input: I): PreparedDocument | Promise<PreparedDocument> },
  ): Promise<BatchTally> {
    const items = itemsOf(inputs, 'documents', this.#clock, signal)
    const prepared = this.#checked(items, (input) => steps.prepare(input))
    return this.#run(prepared, signal, steps, {
      idOf: (document) => document.document.id,
      sizeOf: (document) => document.bytes,
    })
  }

  async delete(
    ids: Iterable<string> | AsyncIterable<string>,
    signal: AbortSignal,
    steps: Steps<string>,
  ): Promise<BatchTally> {
    const checked = this.#checked(itemsOf(ids, 'ids', this.#clock, signal), (id) => checkId(id))
    return this.#run(checked, signal, steps, { idOf: (id) => id, sizeOf: (id) => id.length * 2 })
  }

  /** Items that pass `check`; the others are put down as failed. */
  async *#checked<I, T>(
    items: AsyncIterable<{ readonly item: I }>,
    check: (item: I) => T | Promise<T>,
  ): AsyncGenerator<T> {
    for await (const { item } of items) {
      let checked: T
      try {
        const given = check(item)
        checked = given instanceof Promise ? await given : given
      } catch (cause) {
        // A blob that could not be sent says nothing about the document.
        if (isHeadwaterError(cause) && isOfTheStore(cause)) throw cause
        this.#fail(idIn(item), cause)
        continue
      }
      yield checked
    }
  }

  async #run<T>(
    items: AsyncIterable<T>,
    signal: AbortSignal,
    steps: Steps<T>,
    shape: { idOf(item: T): string; sizeOf(item: T): number },
  ): Promise<BatchTally> {
    const under: Promise<void>[] = []
    let committedBefore: Promise<unknown> = Promise.resolve()
    let number = 0
    try {
      for await (const all of inBatches(items, this.#limits, shape.sizeOf)) {
        throwIfAborted(signal)
        const batch = [...new Map(all.map((item) => [shape.idOf(item), item])).values()]
        const name = String(number++)
        const ready = Promise.resolve(steps.ready?.(batch))
        const commits = committedBefore.then(async () => {
          await ready
          return this.#commit(batch, name, steps, shape.idOf)
        })
        committedBefore = commits
        const done = commits.then((parts) => this.#apply(parts, steps))
        for (const promise of [ready, commits, done]) promise.catch(() => undefined)
        under.push(done)
        if (under.length >= inFlight) await under.shift()
      }
      for (const done of under) await done
    } catch (cause) {
      await Promise.allSettled(under)
      throw this.#interrupted(cause)
    }
    return this.#tally
  }

  /** Commits a batch; a document that the truth refuses is found by halves, so that the others are written. */
  async #commit<T>(
    batch: readonly T[],
    number: string,
    steps: Steps<T>,
    idOf: (item: T) => string,
  ): Promise<{ written: Written; batch: readonly T[] }[]> {
    try {
      return [{ written: await steps.commit(batch, number), batch }]
    } catch (cause) {
      const error = asHeadwaterError(cause)
      if (isOfTheStore(error) || error.code === 'HW_IDEMPOTENCY_CONFLICT') throw error
      if (batch.length === 1) {
        this.#fail(idOf(batch[0]!), error)
        return []
      }
      const half = batch.length >> 1
      const first = await this.#commit(batch.slice(0, half), `${number}.0`, steps, idOf)
      return [...first, ...(await this.#commit(batch.slice(half), `${number}.1`, steps, idOf))]
    }
  }

  async #apply<T>(parts: readonly { written: Written; batch: readonly T[] }[], steps: Steps<T>): Promise<void> {
    for (const { written, batch } of parts) {
      const tally = this.#tally
      for (const { id, unchanged, fence, truncated = 0 } of written.outcomes) {
        tally.truncated += truncated
        if (unchanged) tally.unchanged++
        else tally.written++
        tally.fence = Math.max(tally.fence, fence)
        if (tally.ids && tally.ids.push(id) > mostIds) tally.ids = undefined
      }
      if ((await steps.apply(written, batch)) === 'queued') tally.queued = true
    }
    this.#report()
  }

  #fail(id: string, cause: unknown): void {
    const error = asHeadwaterError(cause)
    if (error.code === 'HW_INTERNAL') throw error
    this.#tally.failedCount++
    if (this.#tally.failed.length < this.#limits.failures) this.#tally.failed.push({ id, error })
    this.#report()
  }

  #report(): void {
    const { written, unchanged, failedCount } = this.#tally
    try {
      this.#progress?.({ written, unchanged, failed: failedCount })
    } catch (cause) {
      throw new HeadwaterError('HW_INVALID_ARGUMENT', 'onProgress: it threw', { path: 'onProgress', cause })
    }
  }

  #interrupted(cause: unknown): HeadwaterError {
    const error = asHeadwaterError(cause)
    const { written, unchanged, failedCount } = this.#tally
    return new HeadwaterError(error.code, error.message, {
      cause: error,
      path: error.path,
      retryable: error.retryable,
      details: { ...error.details, scope: this.#scope, written, unchanged, failed: failedCount },
    })
  }
}

/** Characters of an id that is none. */
const longestShown = 600

/** The id of an input that was refused, as far as it has one. */
function idIn(item: unknown): string {
  try {
    const id: unknown = typeof item === 'object' && item !== null && 'id' in item ? item.id : item
    return typeof id === 'string' ? shortened(id, longestShown) : describeValue(id)
  } catch {
    return describeValue(item)
  }
}
