import { offAbort, onAbort } from '../../core/abort'
import { type Deadline, withDeadline } from '../../core/deadline'
import { asHeadwaterError } from '../../core/errors'
import { GroupedCalls } from '../../core/grouped-calls'
import type { Scope } from '../../core/ids'
import type { Erasure } from '../../repositories/documents'
import type { WriterOptions, WriterPorts } from '../ports'
import { changeDocuments, eraseDocuments, type OverHead } from './change-documents'
import { presetOf } from './embed-ahead'
import { isOutageByItself } from './error-scope'
import type { PreparedDocument } from './prepared-document'
import type { WriteContext, Written } from './write-documents'
import type { GroupedWrite, WritePath } from './write-path'

/** One document of a caller's. */
interface Item<T> {
  readonly scope: Scope
  readonly document: T
  readonly id: string
  readonly bytes: number
  readonly deadline: Deadline
}

/** Statements under way: what takes long does not keep all others waiting. */
const atOnce = 2
/** Time for several, ms: one of them may be locked by a transaction of somebody's, and the others are not to wait for it. */
const groupMs = 1_000

/**
 * Single writes of several callers, in one statement each kind. Undefined for one that has to go alone: it is not as it
 * was read any more, or it is refused, or the others would have to wait for it.
 */
export class GroupedWrites {
  readonly #ports: WriterPorts
  readonly #options: Pick<WriterOptions, 'batchDocuments' | 'batchBytes'>
  readonly #path: WritePath
  readonly #inserts: GroupedCalls<Item<PreparedDocument>, GroupedWrite | undefined>
  readonly #changes: GroupedCalls<Item<OverHead & { readonly chunkings: readonly string[] }>, GroupedWrite | undefined>
  readonly #erasures: GroupedCalls<Item<Erasure>, GroupedWrite | undefined>

  constructor(
    ports: WriterPorts,
    options: WriterOptions,
    path: WritePath,
    insert: (context: WriteContext, documents: readonly PreparedDocument[]) => Promise<Written | undefined>,
  ) {
    this.#ports = ports
    this.#options = options
    this.#path = path
    this.#inserts = this.#of(insert, (prepared) => prepared)
    this.#changes = this.#of(
      (context, documents) => changeDocuments(context, documents, documents[0]!.chunkings),
      ({ prepared }) => prepared,
    )
    this.#erasures = this.#of(eraseDocuments, () => undefined)
  }

  /** Of a document that was not there a moment ago. */
  insert(scope: Scope, prepared: PreparedDocument, deadline: Deadline): Promise<GroupedWrite | undefined> {
    const { bytes, document } = prepared
    return this.#inserts.ask(keyOf(scope), { scope, document: prepared, id: document.id, bytes, deadline }, deadline)
  }

  change(
    scope: Scope,
    over: OverHead,
    chunkings: readonly string[],
    deadline: Deadline,
  ): Promise<GroupedWrite | undefined> {
    const { bytes, document } = over.prepared
    const item = { scope, document: { ...over, chunkings }, id: document.id, bytes, deadline }
    return this.#changes.ask(keyOf(scope, ...chunkings), item, deadline)
  }

  erase(scope: Scope, document: Erasure, deadline: Deadline): Promise<GroupedWrite | undefined> {
    return this.#erasures.ask(keyOf(scope), { scope, document, id: document.id, bytes: 0, deadline }, deadline)
  }

  #of<T>(
    write: (context: WriteContext, documents: readonly T[]) => Promise<Written | undefined>,
    preparedOf: (document: T) => PreparedDocument | undefined,
  ): GroupedCalls<Item<T>, GroupedWrite | undefined> {
    const call = async (items: readonly Item<T>[]): Promise<(GroupedWrite | undefined)[]> => {
      const documents = items.map(({ document }) => document)
      const prepared = documents.flatMap((document) => preparedOf(document) ?? [])
      const found = await this.#within(items, (deadline) =>
        this.#path.group(items[0]!.scope, deadline, (context) => write(context, documents), presetOf(prepared)),
      )
      return items.map(({ id }) => found?.(id))
    }
    const { batchDocuments: count, batchBytes: bytes } = this.#options
    return new GroupedCalls(call, { count, bytes, atOnce }, ({ id, bytes: size }) => ({ names: [id], bytes: size }))
  }

  /** Undefined where each has to go alone. One whose time is up ends it for all: whether he is written must be known. */
  async #within<R>(items: readonly Item<unknown>[], work: (deadline: Deadline) => Promise<R>): Promise<R | undefined> {
    const callers = items.map(({ deadline }) => deadline)
    if (items.length === 1) return work(callers[0]!)
    try {
      return await withDeadline(this.#ports.clock, { timeoutMs: groupMs }, undefined, async (deadline) => {
        const end = (): void => deadline.abort(deadline.error())
        for (const caller of callers) onAbort(caller, end)
        try {
          return await work(deadline)
        } finally {
          for (const caller of callers) offAbort(caller, end)
        }
      })
    } catch (cause) {
      const error = asHeadwaterError(cause)
      if (error.code === 'HW_TIMEOUT') return undefined
      if (error.code === 'HW_COMMIT_UNKNOWN' || isOutageByItself(error)) throw error
      return undefined
    }
  }
}

function keyOf({ tenant, collection }: Scope, ...more: readonly string[]): string {
  return [tenant, collection, ...more].join(' ')
}
