import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { compareBytes, type Scope } from '../../core/ids'
import type { ParsedFilter } from '../../filter/parsed'
import { matches } from '../../filter/predicate'
import type { DocumentHead, DocumentQuery, DocumentRepository, DocumentRow } from '../documents'
import { type Access, checkSight } from './access'
import { copyJson, copyLeaves } from './copy'
import type { Changes, StoredDocument } from './tables'
import { purgeTombstones } from './tombstones'

export class MemoryDocuments implements DocumentRepository {
  readonly #access: Access

  constructor(access: Access) {
    this.#access = access
  }

  get(scope: Scope, id: string, call?: CallOptions): Promise<DocumentRow | null> {
    return this.#read('documents.get', scope, call, (changes) => {
      const row = live(changes, scope, id)
      return row ? rowOf(row) : null
    })
  }

  getMany(scope: Scope, ids: readonly string[], call?: CallOptions): Promise<DocumentRow[]> {
    return this.#read('documents.getMany', scope, call, (changes) =>
      [...new Set(ids)].flatMap((id) => {
        const row = live(changes, scope, id)
        return row ? [rowOf(row)] : []
      }),
    )
  }

  list(scope: Scope, query: DocumentQuery, call?: CallOptions): Promise<DocumentRow[]> {
    const { filter, after, limit } = query
    return this.#read('documents.list', scope, call, (changes) =>
      changes.documents
        .group(groupOf(scope))
        .filter((row) => isMatch(row, filter) && (after === undefined || compareBytes(row.id, after) > 0))
        .sort((a, b) => compareBytes(a.id, b.id))
        .slice(0, limit)
        .map(rowOf),
    )
  }

  count(scope: Scope, filter?: ParsedFilter, call?: CallOptions): Promise<number> {
    return this.#read(
      'documents.count',
      scope,
      call,
      (changes) => changes.documents.group(groupOf(scope)).filter((row) => isMatch(row, filter)).length,
    )
  }

  heads(scope: Scope, ids: readonly string[], call?: CallOptions): Promise<DocumentHead[]> {
    return this.#read('documents.heads', scope, call, (changes) => heads(changes, scope, ids))
  }

  /** The mutex has locked everything already; what is noted here is what may be written. */
  lock(scope: Scope, ids: readonly string[], options: { create: boolean }): Promise<DocumentHead[]> {
    return this.#write('documents.lock', scope, (changes) => {
      const found = heads(changes, scope, ids)
      const there = new Set(found.map(({ id }) => id))
      for (const id of new Set(ids)) {
        if (!there.has(id) && !options.create) continue
        changes.locked.add(documentKey(scope, id))
        if (!there.has(id)) found.push(unborn(id, this.#access.engine.clock.now()))
      }
      return found
    })
  }

  fences(count: number): Promise<number[]> {
    return this.#access.write('documents.fences', undefined, () => {
      const { sequences, epoch } = this.#access.engine.tables
      return Array.from({ length: count }, () => epoch * 2 ** 40 + ++sequences.fence)
    })
  }

  save(scope: Scope, rows: readonly DocumentRow[]): Promise<void> {
    return this.#write('documents.save', scope, (changes) => {
      for (const row of rows) {
        const key = locked(changes, scope, row.id)
        const copy = { ...row, metadata: copyJson(row.metadata), leaves: copyLeaves(row.leaves) }
        changes.documents.put(key, { ...copy, ...scope, buriedAt: null })
      }
    })
  }

  bury(
    scope: Scope,
    tombs: readonly { readonly id: string; readonly version: number; readonly fence: number; readonly at: number }[],
  ): Promise<void> {
    return this.#write('documents.bury', scope, (changes) => {
      for (const { id, version, fence, at } of tombs) {
        const key = locked(changes, scope, id)
        const held = changes.documents.get(key)
        if (!held) continue
        const empty = { title: '', text: '', metadata: {}, leaves: {}, source: null, blob: null }
        changes.documents.put(key, { ...held, ...empty, version, fence, updatedAt: at, buriedAt: at })
      }
    })
  }

  restamp(scope: Scope, stamps: readonly { readonly id: string; readonly fence: number }[]): Promise<void> {
    return this.#write('documents.restamp', scope, (changes) => {
      for (const { id, fence } of stamps) {
        const key = locked(changes, scope, id)
        const held = changes.documents.get(key)
        if (held && held.buriedAt === null) changes.documents.put(key, { ...held, fence, payloadFence: fence })
      }
    })
  }

  purge(options: { before: number; limit: number }): Promise<number> {
    return this.#access.write('documents.purge', undefined, (changes) =>
      purgeTombstones(changes, this.#access.view, options),
    )
  }

  #read<T>(op: string, scope: Scope, call: CallOptions | undefined, work: (changes: Changes) => T): Promise<T> {
    return this.#access.read(op, call, (changes) => {
      checkSight(this.#access.view, scope.tenant)
      return work(changes)
    })
  }

  #write<T>(op: string, scope: Scope, work: (changes: Changes) => T): Promise<T> {
    return this.#access.write(op, undefined, (changes) => {
      checkSight(this.#access.view, scope.tenant)
      return work(changes)
    })
  }
}

export function documentKey({ tenant, collection }: Scope, id: string): string {
  return `${tenant}/${collection}/${id}`
}

export function live(changes: Changes, scope: Scope, id: string): StoredDocument | undefined {
  const row = changes.documents.get(documentKey(scope, id))
  return row?.buriedAt === null ? row : undefined
}

function groupOf({ tenant, collection }: Scope): string {
  return `${tenant}/${collection}`
}

function isMatch(row: StoredDocument, filter: ParsedFilter | undefined): boolean {
  return row.buriedAt === null && (filter === undefined || matches(filter, row))
}

/** A row may only be written under a lock: on a server, nothing else keeps two writers apart. */
function locked(changes: Changes, scope: Scope, id: string): string {
  const key = documentKey(scope, id)
  if (changes.locked.has(key)) return key
  throw new HeadwaterError('HW_INTERNAL', `The document ${JSON.stringify(id)} is written without having been locked`)
}

function heads(changes: Changes, scope: Scope, ids: readonly string[]): DocumentHead[] {
  return [...new Set(ids)].flatMap((id) => {
    const row = changes.documents.get(documentKey(scope, id))
    if (!row) return []
    const { contentHash, payloadHash, version, fence, payloadFence, createdAt, blob } = row
    const deleted = row.buriedAt !== null
    const blobKey = blob?.hash ?? null
    return [{ id, contentHash, payloadHash, version, fence, payloadFence, createdAt, blobKey, deleted }]
  })
}

function unborn(id: string, createdAt: number): DocumentHead {
  const hashes = { contentHash: '', payloadHash: '', blobKey: null }
  return { id, ...hashes, version: 0, fence: 0, payloadFence: 0, createdAt, deleted: true }
}

function rowOf(row: StoredDocument): DocumentRow {
  const { tenant: _tenant, collection: _collection, buriedAt: _buriedAt, ...rest } = row
  return { ...rest, metadata: copyJson(rest.metadata), leaves: copyLeaves(rest.leaves) }
}
