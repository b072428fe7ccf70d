import { type CallOptions, callKinds } from '../core/abort'
import { withinDeadline } from '../core/deadline'
import { HeadwaterError } from '../core/errors'
import type { TenantId } from '../core/ids'
import type { JsonObject } from '../core/json'
import { checkPageSize, decodeListCursor, encodeListCursor } from '../core/list-cursor'
import { anything, checkOptions, type OptionKinds, oneOf, text, whole } from '../core/option-kinds'
import type { AuditAction, AuditKind, AuditQuery, AuditSubject, PlacedAuditRow } from '../repositories/audit'
import { type AuditProof, proveAuditRow } from '../writer/audit/proof'
import { type AuditVerification, verifyAuditOf } from '../writer/audit/verify'
import type { TenantContext } from './tenant-context'

/** Which row: of an entity by its key, or a document of a collection by its id. */
export interface AuditSubjectOptions {
  /** Name of an entity, or */
  entity?: string | undefined
  /** a collection. */
  collection?: string | undefined
  /** Key of the row, or id of the document. */
  key?: string | number | undefined
}

/** What to list of an audit; all of it when nothing is said. */
export interface AuditListQuery extends AuditSubjectOptions {
  actor?: string | undefined
  action?: AuditAction | undefined
  /** 1 to 1,000; 100 by default. */
  limit?: number | undefined
  /** From the page before, of the same query. */
  cursor?: string | undefined
}

/** Who did what to which row. */
export interface AuditEntry extends AuditSubject {
  readonly id: number
  /** ISO 8601, by the clock of the database. */
  readonly at: string
  /** Null where the handle named nobody. */
  readonly actor: string | null
  readonly action: AuditAction
  /** Of the row, after the change. */
  readonly version: number
  /** The declared fields; null where there was no row, or they were erased. */
  readonly before: JsonObject | null
  /** The declared fields; null where there is no row any more, or they were erased. */
  readonly after: JsonObject | null
  /** Names of all columns of an entity that an update changed, those that are not shown among them; else null. */
  readonly changed: readonly string[] | null
  /** Its contents were taken away by `store.audit.erase`. */
  readonly erased: boolean
  /** Number of the batch that it was sealed in; null as long as it is not. */
  readonly batch: number | null
}

/** A page of an audit, the latest change first. */
export interface AuditPage {
  readonly items: readonly AuditEntry[]
  /** Absent on the last page. */
  readonly cursor?: string | undefined
}

const name = text(128)
/** Keys of entities may be numbers, which are told apart from no text here. */
export const subjectKinds = {
  entity: name,
  collection: name,
  key: (value, path, code) => text(512)(typeof value === 'number' ? String(value) : value, path, code),
} satisfies OptionKinds<AuditSubjectOptions>
const listKinds = {
  ...subjectKinds,
  actor: text(256),
  action: oneOf('insert', 'update', 'delete', 'restore', 'erase'),
  limit: anything,
  cursor: anything,
} satisfies OptionKinds<AuditListQuery>
const id = whole(1, Number.MAX_SAFE_INTEGER)

/** What was done to a tenant's rows and documents that are declared with `audit`. */
export class TenantAudit {
  readonly #context: TenantContext
  readonly #tenant: TenantId

  /** @internal */
  constructor(context: TenantContext, tenant: TenantId) {
    this.#context = context
    this.#tenant = tenant
  }

  /** Changes, the latest first. HW_INVALID_ARGUMENT, HW_INVALID_CURSOR, HW_LIMIT_EXCEEDED. */
  list(given: AuditListQuery = {}, options?: CallOptions): Promise<AuditPage> {
    return this.#call(options, async (call) => {
      const query = checkOptions(given, listKinds, '', 'HW_INVALID_ARGUMENT')
      const limit = checkPageSize(query.limit, this.#context.limits.pageSize)
      const { actor, action } = query
      const wanted: Omit<AuditQuery, 'limit'> = { ...partOf(query), actor, action }
      const request = JSON.stringify([this.#tenant, wanted])
      const before =
        query.cursor === undefined
          ? undefined
          : decodeListCursor(request, query.cursor as string, 16, (place) =>
              Number(id(Number(place), 'cursor', 'HW_INVALID_ARGUMENT')),
            )
      const rows = await this.#audit().list(this.#tenant, { ...wanted, before, limit: limit + 1 }, call)
      const items = rows.slice(0, limit).map(entryOf)
      const more = rows.length > limit
      return { items, ...(more && { cursor: encodeListCursor(request, String(items.at(-1)!.id)) }) }
    })
  }

  /**
   * That a change is in a seal, and so was there when it was sealed: checked by `checkAuditProof`, without this store.
   * HW_NOT_FOUND where there is no such change, or it has no seal yet.
   */
  prove(entry: number, options?: CallOptions): Promise<AuditProof> {
    return this.#call(options, (call) =>
      proveAuditRow(this.#audit(), this.#tenant, Number(id(entry, 'id', 'HW_INVALID_ARGUMENT')), call),
    )
  }

  /** Compares every row of this tenant with its seal, and seals with their copies; says which rows differ, and how. */
  verify(options?: CallOptions): Promise<AuditVerification> {
    return this.#call(options, (call) => verifyAuditOf(this.#context, this.#tenant, call))
  }

  #audit() {
    return this.#context.truth.session({ tenant: this.#tenant }).audit
  }

  #call<T>(given: CallOptions | undefined, work: (call: CallOptions) => Promise<T>): Promise<T> {
    return this.#context.enter(() => {
      const options = checkOptions(given, callKinds, '', 'HW_INVALID_ARGUMENT')
      return withinDeadline(this.#context.clock, options, undefined, (deadline) => work(deadline.options()))
    })
  }
}

/** What is named of a row: nothing, a kind and a name, or one row. */
export function partOf({ entity, collection, key }: AuditSubjectOptions): Partial<AuditSubject> {
  if (entity !== undefined && collection !== undefined) throw invalid('collection', 'give an entity or a collection')
  const named = entity ?? collection
  if (named === undefined && key !== undefined) throw invalid('key', 'name the entity or the collection that it is of')
  if (named === undefined) return {}
  const kind: AuditKind = entity === undefined ? 'document' : 'entity'
  return { kind, name: named, ...(key !== undefined && { key: String(key) }) }
}

function entryOf({ tenant: _, content, contentHash: __, at, ...row }: PlacedAuditRow): AuditEntry {
  const { before = null, after = null, changed = null } = contentOf(content)
  return { ...row, at: new Date(at).toISOString(), before, after, changed, erased: content === null }
}

/** As it was written; what somebody has made of it since is `verify`'s to tell. */
function contentOf(content: string | null): Partial<Pick<AuditEntry, 'before' | 'after' | 'changed'>> {
  try {
    return JSON.parse(content ?? '{}') ?? {}
  } catch {
    return {}
  }
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
