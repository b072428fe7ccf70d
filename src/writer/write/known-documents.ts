import { abortable } from '../../core/abort'
import { type Deadline, withDeadline } from '../../core/deadline'
import { GroupedCalls } from '../../core/grouped-calls'
import type { Scope } from '../../core/ids'
import type { ChunkHead } from '../../repositories/chunks'
import type { DocumentHead, DocumentRow, KnownContent, WantedContent } from '../../repositories/documents'
import { readTogether } from '../../repositories/truth'
import type { CollectionPlan, WriterPorts } from '../ports'
import { cutAhead, missingVectors, type StoredContent } from './embed-ahead'
import type { PreparedDocument } from './prepared-document'

/** A document that turns out to be unchanged is not to be cut: a text up to this length, in units, is cut all the same. */
const cutUnseen = 20_000
const limits = { count: 50, bytes: Number.POSITIVE_INFINITY, atOnce: 2 }

interface Asked {
  readonly scope: Scope
  readonly id: string
  readonly chunkings: readonly string[]
  readonly deadline: Deadline
}

interface AskedContent extends Asked, WantedContent {}

interface StoredRows {
  readonly rows: readonly DocumentRow[]
  readonly chunks: readonly ChunkHead[]
}

/** Reads what is stored of documents that callers are about to write one by one: of several at once in one round trip. */
export class KnownDocuments {
  readonly #ports: WriterPorts
  readonly #contents: GroupedCalls<AskedContent, KnownContent>
  readonly #rows: GroupedCalls<Asked, StoredRows>

  constructor(ports: WriterPorts) {
    this.#ports = ports
    this.#contents = this.#reading((asked, deadline) => this.#readContents(asked, deadline))
    this.#rows = this.#reading((asked, deadline) => this.#readRows(asked, deadline))
  }

  /** For a put. Vectors are asked for where it is cut before it is known whether it has changed. */
  async content(
    scope: Scope,
    plan: CollectionPlan,
    chunkings: readonly string[],
    prepared: PreparedDocument,
    embeds: boolean,
    deadline: Deadline,
  ): Promise<StoredContent & { readonly head: DocumentHead | undefined }> {
    const { id, text } = prepared.document
    const cuts = text.length <= cutUnseen
    if (cuts) await cutAhead(this.#ports, plan, chunkings, [prepared])
    const missing = cuts && embeds ? await missingVectors(this.#ports, plan, chunkings, [prepared]) : undefined
    const inputHashes = [...(missing?.inputs.keys() ?? [])]
    const { fingerprint } = plan.embedder
    const asked = { scope, id, chunkings, fingerprint, inputHashes, deadline }
    const known = await this.#ask(this.#contents, asked, fingerprint)
    return {
      head: known.heads.find((head) => head.id === id),
      chunks: known.chunks.filter(({ document }) => document === id),
      vectors: cuts ? known.vectors : undefined,
    }
  }

  /** For a patch: the row, and its chunks. */
  async row(
    scope: Scope,
    chunkings: readonly string[],
    id: string,
    deadline: Deadline,
  ): Promise<readonly [DocumentRow | undefined, readonly ChunkHead[]]> {
    const { rows, chunks } = await this.#ask(this.#rows, { scope, id, chunkings, deadline })
    return [rows.find((row) => row.id === id), chunks.filter(({ document }) => document === id)]
  }

  #reading<A extends Asked, R>(read: (asked: readonly A[], deadline: Deadline) => Promise<R>): GroupedCalls<A, R> {
    const call = async (asked: readonly A[]): Promise<R[]> => {
      const timeoutMs = Math.max(...asked.map(({ deadline }) => deadline.remaining()))
      const found = await withDeadline(this.#ports.clock, { timeoutMs }, undefined, (deadline) => read(asked, deadline))
      return asked.map(() => found)
    }
    return new GroupedCalls(call, limits, () => ({ names: [], bytes: 0 }))
  }

  /** A caller who goes waits no longer, whatever becomes of the read. */
  #ask<A extends Asked, R>(reads: GroupedCalls<A, R>, asked: A, ...more: readonly string[]): Promise<R> {
    const { scope, chunkings, deadline } = asked
    const key = [scope.tenant, scope.collection, ...more, ...chunkings].join(' ')
    return abortable(reads.ask(key, asked, deadline), deadline)
  }

  #readContents(asked: readonly AskedContent[], deadline: Deadline): Promise<KnownContent> {
    const [{ scope, chunkings, fingerprint }] = asked as [AskedContent]
    const inputHashes = [...new Set(asked.flatMap((one) => one.inputHashes))]
    const { documents } = this.#ports.truth.session({ tenant: scope.tenant })
    return documents.known(scope, idsOf(asked), { chunkings, fingerprint, inputHashes }, deadline.options())
  }

  async #readRows(asked: readonly Asked[], deadline: Deadline): Promise<StoredRows> {
    const [{ scope, chunkings }] = asked as [Asked]
    const ids = idsOf(asked)
    const call = deadline.options()
    const [rows, chunks] = await readTogether(
      this.#ports.truth,
      { tenant: scope.tenant },
      [
        ({ documents }) => documents.getMany(scope, ids, call),
        ({ chunks: ofTruth }) => ofTruth.heads(scope, ids, chunkings, call),
      ],
      call,
    )
    return { rows, chunks }
  }
}

function idsOf(asked: readonly Asked[]): string[] {
  return [...new Set(asked.map(({ id }) => id))]
}
