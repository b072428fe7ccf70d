import type { CallOptions } from '../core/abort'
import type { Clock } from '../core/clock'
import { withinDeadline } from '../core/deadline'
import { HeadwaterError } from '../core/errors'
import type { TenantId } from '../core/ids'
import type { JsonObject } from '../core/json'
import type { Limits } from '../core/limits'
import type { Random } from '../core/random'
import type { EntityRowRepository, EntityWrite } from '../repositories/entities'
import type { Truth } from '../repositories/truth'
import type { CollectionPlan } from '../writer/ports'
import { committed, committedAlone } from '../writer/write/committed'
import type { DocumentInput } from '../writer/write/document-input'
import type { Receipt } from '../writer/write/receipt'
import type { WriterTransaction } from '../writer/write/transaction'
import type { CoordinatedWriter } from '../writer/writer'

/** What repositories of entities need of their store. */
export interface EntityContext {
  readonly truth: Truth
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  /** Writes the documents of rows that are searched. */
  readonly writer?: Pick<CoordinatedWriter, 'transaction' | 'plan'> | undefined
  /** Runs a call of the store: refused when it is closed or when it comes from inside a transaction. */
  enter<T>(work: () => Promise<T>): Promise<T>
}

/** Statements of one call, under its deadline. */
export interface EntityCall {
  read<T>(ask: (rows: EntityRowRepository, call: CallOptions) => Promise<T>): Promise<T>
  write<T extends object>(change: EntityChange<T>): Promise<T>
  /** Several statements, and documents, that are committed together. */
  together<T>(work: (within: EntityWithin) => Promise<T>): Promise<T>
}

/** One transaction. */
export interface EntityWithin {
  readonly rows: EntityRowRepository
  readonly documents: EntityDocuments
  readonly call: CallOptions
}

/** Documents of a transaction, by their collections. */
export interface EntityDocuments {
  put(collection: string, document: DocumentInput<JsonObject>): Promise<Receipt>
  delete(collection: string, id: string): Promise<Receipt>
  /** Keeps documents as they are until the transaction ends; returns the ids of those that are not there. */
  hold(collection: string, ids: readonly string[]): Promise<readonly string[]>
}

type EntityChange<T> = (rows: EntityRowRepository, write: EntityWrite, call: CallOptions) => Promise<T>

/** How a repository reaches its rows: each statement for itself, or all in one transaction. */
export type EntityAccess = <T>(options: CallOptions | undefined, work: (call: EntityCall) => Promise<T>) => Promise<T>

/**
 * Each statement commits on its own. Where the answer to a write was lost, its marker says whether it happened, and what it
 * answered.
 */
export function ownStatements({ truth, clock, random, writer, enter }: EntityContext, tenant: TenantId): EntityAccess {
  const callOf = (options: CallOptions): EntityCall => ({
    read: (ask) => ask(truth.session({ tenant }).entities, options),
    write: <T extends object>(change: EntityChange<T>) =>
      committedAlone(
        { truth, clock, random },
        tenant,
        options,
        (session, marker) => change(session.entities, { marker }, options),
        (receipt) => receipt as T,
      ),
    together: async (work) => {
      if (!writer) {
        return committed({ truth, clock, random }, tenant, options, ({ entities }) =>
          work({ rows: entities, documents: none, call: options }),
        )
      }
      const inside = (inner: WriterTransaction) => work(withinOf(inner, (name) => writer.plan(name), options))
      return (await writer.transaction(tenant, inside, options)).value
    },
  })
  return (options, work) =>
    enter(() => {
      if (options?.signal === undefined && options?.timeoutMs === undefined) return work(callOf({}))
      return withinDeadline(clock, options, undefined, (deadline) => work(callOf(deadline.options())))
    })
}

/** Within a transaction, which commits or is known to have failed as a whole. */
export function withinTransaction(
  begin: () => Promise<WriterTransaction>,
  planOf: (collection: string) => CollectionPlan,
): EntityAccess {
  return async (options = {}, work) => withinOne(withinOf(await begin(), planOf, options))(options, work)
}

/** Within a transaction that is under way, under its own time unless a call brings another. */
export function withinOne(within: EntityWithin): EntityAccess {
  return (options, work) => {
    const call = { ...within.call, ...options }
    return work({
      read: (ask) => ask(within.rows, call),
      write: (change) => change(within.rows, {}, call),
      together: (several) => several({ ...within, call }),
    })
  }
}

function withinOf(
  inner: WriterTransaction,
  planOf: (collection: string) => CollectionPlan,
  call: CallOptions,
): EntityWithin {
  return {
    rows: inner.session().entities,
    documents: {
      put: (collection, document) => inner.put(planOf(collection), document),
      delete: (collection, id) => inner.delete(planOf(collection), id),
      hold: (collection, ids) => inner.hold(planOf(collection), ids),
    },
    call,
  }
}

/** Ports alone, without a writer, have no documents to follow. */
const noDocuments = async (): Promise<never> => {
  throw new HeadwaterError('HW_INTERNAL', 'Rows that are searched, or go with documents, need a writer')
}
const none: EntityDocuments = { put: noDocuments, delete: noDocuments, hold: noDocuments }
