import type { CallOptions } from '../../core/abort'
import type { TenantId } from '../../core/ids'
import type { Setting } from './client'

/**
 * On whose behalf statements run: one tenant's, or a worker's (relay, rebuild, reconcile), which sees all. The actor is
 * whom changes are written down to.
 */
export type Identity = { readonly tenant: TenantId; readonly actor?: string | undefined } | { readonly worker: true }

export interface StatementOptions extends CallOptions {
  /** Makes it a prepared statement; the same name always goes with the same text. */
  name?: string | undefined
  /**
   * Every row is looked for by a key of an index. Where it can be had for nothing, such a statement is planned once and
   * by indexes alone, whatever its tables hold at the moment; else as the server thinks best.
   */
  byKey?: boolean | undefined
}

export interface SessionStatementOptions extends StatementOptions {
  /** Settings of the server that hold for this statement alone. */
  settings?: readonly Setting[] | undefined
}

export interface StatementResult<R> {
  rows: R[]
  /** Rows changed, or read; 0 where the command has no such number. */
  rowCount: number
}

/**
 * Runs statements: each on its own, or all within one transaction. Values: `bigint` columns are numbers where they are
 * safe integers and text beyond, `timestamptz` is a Date, `jsonb` is parsed; a jsonb parameter is bound as JSON text.
 * Rejects with a HeadwaterError whose `details.sqlState` is the server's, if it was the server that refused.
 */
export interface Executor {
  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options?: StatementOptions,
  ): Promise<StatementResult<R>>
}

/** Runs statements that commit each on its own. */
export interface Session extends Executor {
  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options?: SessionStatementOptions,
  ): Promise<StatementResult<R>>
}

/** Asks for several things in one round trip. */
export interface Together {
  /**
   * Reads on one connection: those that `work` asks for before it first waits go out in one piece. Each sees what is
   * committed by then. What is repeated after a failure is `work`.
   */
  together<T>(work: (executor: Executor) => Promise<T>, options?: CallOptions): Promise<T>
}
