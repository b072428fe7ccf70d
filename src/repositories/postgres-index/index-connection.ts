import type { Executor, Identity, Session } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'

/** The part of a Postgres connection that the projections use. */
export interface IndexConnection {
  session(as: Identity): Session
  transaction<T>(as: Identity, work: (executor: Executor) => Promise<T>, options?: CallOptions): Promise<T>
}

/** Maintenance sees the rows of all tenants. */
export const workerView = { worker: true } as const
