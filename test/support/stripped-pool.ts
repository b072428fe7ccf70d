import type pg from 'pg'
import type { PostgresClient, PostgresPool, PostgresQuery } from '../../src/connections/postgres/client'

const condition = /(?:\b\w+\.)?\btenant = (\$\d+)(?:::text)?/g

/**
 * A pool whose tenants' statements lose their `tenant = $n`: what then still keeps tenants apart is row level security
 * alone. Statements of the worker, who sees all tenants by right, stay as they are.
 */
export class StrippedPool implements PostgresPool {
  /** Conditions taken away so far. */
  stripped = 0
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  get totalCount(): number {
    return this.#pool.totalCount
  }

  get idleCount(): number {
    return this.#pool.idleCount
  }

  get waitingCount(): number {
    return this.#pool.waitingCount
  }

  /** As `pg.Pool` says it, for whoever asks how many connections there may be. */
  get options(): unknown {
    return this.#pool.options
  }

  end(): Promise<void> {
    return this.#pool.end()
  }

  async connect(): Promise<PostgresClient> {
    const client = await this.#pool.connect()
    let ofTenant = false
    return {
      query: (query: PostgresQuery) => {
        if (query.text.includes("set_config('headwater.tenant'")) ofTenant = true
        if (/^(COMMIT|ROLLBACK)/.test(query.text)) ofTenant = false
        return client.query(ofTenant ? this.#strip(query) : query)
      },
      release: (error) => client.release(error),
      on: (event, listener) => client.on(event, listener),
      removeListener: (event, listener) => client.removeListener(event, listener),
    }
  }

  #strip(query: PostgresQuery): PostgresQuery {
    const text = query.text.replaceAll(condition, (_, parameter: string) => {
      this.stripped++
      return `${parameter}::text IS NOT NULL`
    })
    // Unnamed: under its name the server may know the statement as it was.
    return { text, ...(query.values && { values: query.values }) }
  }
}
