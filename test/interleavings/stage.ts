import { afterEach, expect, inject, it } from 'vitest'
import { PostgresConnection } from '../../src/connections/postgres/connection'
import { systemClock } from '../../src/core/clock'
import { collectionName, tenantId } from '../../src/core/ids'
import { systemRandom } from '../../src/core/random'
import { migrate } from '../../src/migrations/migrate'
import { textIndexOf, vectorIndexOf } from '../../src/repositories/generations'
import type { JobTarget } from '../../src/repositories/jobs'
import { MemoryTextRepository } from '../../src/repositories/memory/texts'
import { MemoryVectorRepository } from '../../src/repositories/memory/vectors'
import { PostgresTruth, type TruthConnection } from '../../src/repositories/postgres/truth'
import type { TextRepository } from '../../src/repositories/texts'
import type { Truth } from '../../src/repositories/truth'
import type { VectorRepository } from '../../src/repositories/vectors'
import { resolveCollections, type StoreOptions } from '../../src/store/store-options'
import type { CollectionPlan, WriterOptions, WriterPorts } from '../../src/writer/ports'
import { ensureGenerations, liveGeneration } from '../../src/writer/rebuild/generations'
import { type CoordinatedWriter, createWriter } from '../../src/writer/writer'
import { createDatabase, type TestDatabase } from '../support/postgres'
import { both, passing, type Step, stepped, steppedTruth } from './steps'

export const scope = { tenant: tenantId('acme'), collection: collectionName('documents') }

export interface StageOptions extends Pick<StoreOptions<object>, 'embedder' | 'splitter'> {
  /** In memory when left out. */
  readonly vectors?: VectorRepository
  readonly texts?: TextRepository
  /** Where the database is made; on the server of this run when left out. */
  readonly serverUrl?: string
}

/** Where a process is stopped, and what it does without. */
export interface ProcessSteps extends Partial<Omit<WriterPorts, 'options'>> {
  readonly inTruth?: Step
  readonly inVectors?: Step
  readonly inTexts?: Step
  readonly options?: Partial<WriterOptions>
}

/** A process: its writer and relay, and the ports they use. */
export interface Process {
  readonly ports: WriterPorts
  readonly writer: CoordinatedWriter
}

const stages: Stage[] = []

/** One database on a real Postgres, its indexes, and any number of processes on them. */
export class Stage {
  readonly database: TestDatabase
  readonly connection: PostgresConnection
  readonly vectors: VectorRepository
  readonly texts: TextRepository
  readonly plan: CollectionPlan
  readonly #ports: Pick<WriterPorts, 'collections' | 'embedders'>

  private constructor(database: TestDatabase, connection: PostgresConnection, options: StageOptions) {
    this.database = database
    this.connection = connection
    this.vectors = options.vectors ?? new MemoryVectorRepository()
    this.texts = options.texts ?? new MemoryTextRepository()
    const { embedder = { hashing: { dimensions: 16 } }, splitter } = options
    const { plans, embedders } = resolveCollections({ embedder, splitter })
    this.#ports = { collections: plans, embedders }
    this.plan = plans.get(scope.collection)!
  }

  /** Closed after the test by `useStages`. */
  static async open(options: StageOptions = {}): Promise<Stage> {
    const database = await createDatabase(options.serverUrl ?? inject('postgresUrl'))
    await migrate({ url: database.url })
    const stage = new Stage(database, new PostgresConnection({ url: database.url, max: 10 }), options)
    stages.push(stage)
    await ensureGenerations(stage.process().ports)
    return stage
  }

  get truth(): Truth {
    return new PostgresTruth(this.connection)
  }

  /** A truth whose statements are rewritten on their way, and how many have been so far. */
  rewritten(rewrite: (text: string) => string): { truth: Truth; changed(): number } {
    let changed = 0
    const over = <E extends { query: (...args: never[]) => unknown }>(executor: E): E =>
      stepped(executor, (call, [text, values, options], go) => {
        const other = call === 'query' ? rewrite(text) : text
        if (other === text) return go()
        changed++
        return go(other, values, { ...options, name: undefined })
      })
    const connection: TruthConnection = {
      session: (as) => over(this.connection.session(as)),
      transaction: (as, work, options) => this.connection.transaction(as, (executor) => work(over(executor)), options),
    }
    return { truth: new PostgresTruth(connection), changed: () => changed }
  }

  process({ inTruth, inVectors, inTexts, options, ...changed }: ProcessSteps = {}): Process {
    const truth = changed.truth ?? this.truth
    const ports: WriterPorts = {
      ...this.#ports,
      clock: systemClock,
      random: systemRandom,
      ...changed,
      truth: inTruth ? steppedTruth(truth, inTruth) : truth,
      vectors: inVectors ? stepped(this.vectors, inVectors) : this.vectors,
      texts: inTexts ? stepped(this.texts, inTexts) : this.texts,
      options: { relay: 'external', pollMs: 20, backoffMs: 1, backoffMaxMs: 1, ...options },
    }
    return { ports, writer: createWriter(ports) }
  }

  /** The work of a process at one target, until it has settled its first claim there. */
  async serveOnce(target: JobTarget, { inTruth, ...steps }: ProcessSteps = {}): Promise<void> {
    const stop = new AbortController()
    const { writer } = this.process({
      ...steps,
      inTruth: both(inTruth ?? passing, async (call, args, go) => {
        if (call === 'jobs.claim') return stop.signal.aborted || args[0].targets[0] !== target ? [] : go()
        const answer = await go()
        if (call === 'jobs.settle') stop.abort()
        return answer
      }),
    })
    await writer.relay.drain({ signal: stop.signal })
  }

  /** The texts that the live text index holds, whatever the truth says. */
  async texted(): Promise<string[]> {
    const index = textIndexOf(await liveGeneration(this.process().ports, 'text', scope.collection))
    const ids = (await this.texts.scan(index, { limit: 1_000 })).map(({ id }) => id)
    return (await this.texts.read(index, ids)).map(({ text }) => text).sort()
  }

  /** The documents that the live vector index holds, one for each of their chunks. */
  async vectored(): Promise<string[]> {
    const index = vectorIndexOf(await liveGeneration(this.process().ports, 'vector', scope.collection))
    return (await this.vectors.scan(index, { limit: 1_000 })).map(({ document }) => document).sort()
  }

  async jobs(): Promise<number> {
    const { rows } = await this.database.admin(
      `SELECT (SELECT count(*) FROM headwater.queue)::int
         + (SELECT coalesce(sum(cardinality(documents) * cardinality(targets)), 0) FROM headwater.claims)::int AS count`,
    )
    return rows[0].count
  }

  /** Until the work is done, or some connection stands behind another's lock. */
  async untilStill(work: Promise<unknown>): Promise<'done' | 'blocked'> {
    let done = false
    const settle = (): void => {
      done = true
    }
    work.then(settle, settle)
    for (;;) {
      const { rows } = await this.database.admin(
        `SELECT count(*)::int AS blocked FROM pg_stat_activity
         WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`,
      )
      if (done) return 'done'
      if (rows[0].blocked > 0) return 'blocked'
    }
  }

  async close(): Promise<void> {
    await this.connection.close()
    await this.database.drop()
  }
}

/** Call it at the top of a describe. */
export function useStages(): void {
  afterEach(async () => {
    for (const stage of stages.splice(0)) await stage.close()
  })
}

/** The same steps twice: as it is, and without one guard, where the damage must be seen. */
export function trap<T>(
  what: string,
  guard: string,
  schedule: (guarded: boolean) => Promise<T>,
  outcomes: { safe: T; broken: T },
): void {
  it(what, async () => {
    expect(await schedule(true)).toEqual(outcomes.safe)
  })
  it(`${what}: broken without ${guard}`, async () => {
    expect(await schedule(false)).toEqual(outcomes.broken)
  })
}
