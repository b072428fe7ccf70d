import type { CallOptions } from '../core/abort'
import type { Clock } from '../core/clock'
import { withinDeadline } from '../core/deadline'
import type { TenantId } from '../core/ids'
import type { Limits } from '../core/limits'
import type { Random } from '../core/random'
import type { EntityRowRepository, EntityWrite } from '../repositories/entities'
import type { Truth, TruthSession } from '../repositories/truth'
import { committed, committedAlone } from '../writer/write/committed'

/** What repositories of entities need of their store. */
export interface EntityContext {
  readonly truth: Truth
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  /** Runs a call of the store: refused when it is closed or when it comes from inside a transaction. */
  enter<T>(work: () => Promise<T>): Promise<T>
}

/** Statements of one call, under its deadline. */
export interface EntityCall {
  read<T>(ask: (rows: EntityRowRepository, call: CallOptions) => Promise<T>): Promise<T>
  write<T extends object>(change: EntityChange<T>): Promise<T>
  /** Several statements that are committed together. */
  together<T>(work: (session: TruthSession, call: CallOptions) => Promise<T>): Promise<T>
}

type EntityChange<T> = (rows: EntityRowRepository, write: EntityWrite, call: CallOptions) => Promise<T>

/** How a repository reaches its rows: each statement for itself, or all in one transaction. */
export type EntityAccess = <T>(options: CallOptions | undefined, work: (call: EntityCall) => Promise<T>) => Promise<T>

/**
 * Each statement commits on its own. Where the answer to a write was lost, its marker says whether it happened, and what it
 * answered.
 */
export function ownStatements({ truth, clock, random, enter }: EntityContext, tenant: TenantId): EntityAccess {
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
    together: (work) => committed({ truth, clock, random }, tenant, options, (session) => work(session, options)),
  })
  return (options, work) =>
    enter(() => {
      if (options?.signal === undefined && options?.timeoutMs === undefined) return work(callOf({}))
      return withinDeadline(clock, options, undefined, (deadline) => work(callOf(deadline.options())))
    })
}

/** Within a transaction, which commits or is known to have failed as a whole. */
export function withinTransaction(begin: () => Promise<TruthSession>): EntityAccess {
  return async (options = {}, work) => {
    const session = await begin()
    const { entities } = session
    return work({
      read: (ask) => ask(entities, options),
      write: (change) => change(entities, {}, options),
      together: (several) => several(session, options),
    })
  }
}
