import { tenantId } from '../../core/ids'
import type { Generation } from '../../repositories/generations'
import { outstandingJobs } from '../../repositories/memory/claimed-jobs'
import { ensureGenerations } from '../../writer/rebuild/generations'
import { reconcile } from '../../writer/reconcile/reconcile'
import { AnswerCheck } from './answer-check'
import { Client, type ClientContext } from './client'
import { Cluster, type Node } from './cluster'
import { CommitCheck } from './commit-check'
import { Dice } from './dice'
import { Disasters } from './disasters'
import { Errands } from './errands'
import { type AnyGuard, indexGuards, splitGuards, truthGuards } from './guards'
import { hindered } from './hindered'
import { History } from './history'
import { IndexCheck } from './index-check'
import { ModelBlobs } from './model-blobs'
import { ModelTextEngine, ModelVectorEngine, type WriteObserver } from './model-engines'
import { ModelRedis } from './model-redis'
import { ModelSites, type SiteName } from './model-sites'
import { ModelTruth } from './model-truth'
import { Network } from './network'
import { Rebuilds } from './rebuilds'
import { none, planSwarm, type SwarmPlan } from './swarm'
import { unhydrated } from './unhydrated'
import { VirtualClock } from './virtual-clock'
import { type Violation, World } from './world'

export interface SimOptions {
  /** Keep what happened, line by line; slower. */
  readonly trace?: boolean | undefined
  /** Events before a run counts as endless; 200,000 by default. */
  readonly maxEvents?: number | undefined
  /** Switches one guard of the models off: the run must then be caught. @internal */
  readonly withoutGuard?: AnyGuard | undefined
}

export interface SimReport {
  readonly seed: number
  readonly events: number
  /** Virtual ms that passed. */
  readonly virtualMs: number
  /** Operations of clients. */
  readonly operations: number
  /** Index entries that a late request brought back; hydration hides them until reconcile removes them. */
  readonly resurrected: number
  readonly violations: readonly Violation[]
  /** Empty unless asked for. */
  readonly trace: readonly string[]
}

const tenants = [tenantId('acme'), tenantId('blue')]
/** Virtual ms in which everything must have drained once all is well; leases and pauses are far shorter. */
const livenessMs = 40_000

/** One seeded run: chaos, heal, drain by a deadline, check. Equal seeds and options give equal reports. */
export async function runSeed(seed: number, options: SimOptions = {}): Promise<SimReport> {
  const simulation = new Simulation(seed, options)
  await simulation.run(options.maxEvents ?? 200_000)
  return simulation.report()
}

class Simulation {
  readonly #seed: number
  readonly #world: World
  readonly #plan: SwarmPlan
  readonly #clock: VirtualClock
  readonly #truth: ModelTruth
  readonly #redis: ModelRedis
  readonly #networks: readonly Network[]
  readonly #cluster: Cluster
  readonly #history = new History()
  readonly #indexes: IndexCheck
  readonly #clients: readonly Client[]
  readonly #context: ClientContext
  readonly #disasters: Disasters
  readonly #rebuilds: Rebuilds
  readonly #errands: Errands | undefined
  #resurrected = 0

  constructor(seed: number, { trace = false, withoutGuard }: SimOptions) {
    this.#seed = seed
    this.#world = new World(seed, trace)
    this.#plan = planSwarm(seed)
    this.#clock = new VirtualClock(this.#world.scheduler)
    const ofIndex = indexGuards.find((guard) => guard === withoutGuard)
    const ofTruth = truthGuards.find((guard) => guard === withoutGuard)
    this.#truth = new ModelTruth({
      world: this.#world,
      plan: this.#plan.truth,
      dice: new Dice(seed, 'truth'),
      clock: this.#clock,
      down: () => this.#isDown('truth'),
      committed: () => {
        commits.committed()
        this.#errands?.committed()
        blobs.check()
      },
      withoutGuard: ofTruth,
    })
    const network = (name: 'vector' | 'text' | 'embedder' | 'redis' | 'blobs', part: string = name): Network =>
      new Network(part, this.#world, this.#plan[name] ?? none, new Dice(seed, part), () => this.#isDown(name))
    const observe =
      (site: SiteName): WriteObserver =>
      (target, index, before) =>
        this.#indexes.written(target, site, index, before)
    const [toVectors, toTexts, embedding] = [network('vector'), network('text'), network('embedder')]
    const [toRedis, toBlobs] = [network('redis'), network('blobs')]
    const [toFarVectors, toFarTexts] = [network('vector', 'far vector'), network('text', 'far text')]
    this.#networks = [toVectors, toTexts, toFarVectors, toFarTexts, embedding, toRedis, toBlobs]
    const blobs = new ModelBlobs(toBlobs, this.#world, this.#truth.tables, this.#clock, this.#history)
    const vectors = new ModelSites(
      new ModelVectorEngine(toVectors, observe('near'), ofIndex),
      new ModelVectorEngine(toFarVectors, observe('far'), ofIndex),
      withoutGuard === 'engine',
    )
    const texts = new ModelSites(
      new ModelTextEngine(toTexts, observe('near'), ofIndex),
      new ModelTextEngine(toFarTexts, observe('far'), ofIndex),
      withoutGuard === 'engine',
    )
    this.#indexes = new IndexCheck(this.#world, this.#truth.tables, { vector: vectors, text: texts })
    const commits = new CommitCheck({
      world: this.#world,
      tables: this.#truth.tables,
      clock: this.#clock,
      history: this.#history,
      indexes: this.#indexes,
      completions: this.#truth.completions,
    })
    const { errands } = this.#plan
    this.#errands =
      errands === null
        ? undefined
        : new Errands({
            plan: errands,
            world: this.#world,
            tables: this.#truth.tables,
            clock: this.#clock,
            history: this.#history,
            completions: this.#truth.completions,
            dice: new Dice(seed, 'handlers'),
          })
    this.#redis = new ModelRedis(toRedis, this.#world.scheduler, { withoutLease: withoutGuard === 'cache-lease' })
    const ofSplitter = splitGuards.find((guard) => guard === withoutGuard)
    this.#cluster = new Cluster(seed, this.#world, this.#plan, {
      truth: this.#truth,
      written: (truth) => (ofSplitter ? hindered(truth, this.#truth.tables, ofSplitter) : truth),
      vectors,
      texts,
      embedding,
      redis: this.#redis,
      blobs,
      errands: this.#errands,
      searched: (truth) => (withoutGuard === 'hydration' ? unhydrated(truth, this.#truth.tables, texts) : truth),
    })
    this.#context = {
      world: this.#world,
      cluster: this.#cluster,
      plan: this.#plan,
      history: this.#history,
      answers: new AnswerCheck(this.#world, this.#history, commits),
      indexes: this.#indexes,
      errands: this.#errands,
      tenants,
      sent: new Map(),
      receipts: [],
    }
    this.#disasters = new Disasters({
      world: this.#world,
      damage: this.#plan.damage,
      cluster: this.#cluster,
      truth: this.#truth,
      engines: { vector: vectors, text: texts },
      history: this.#history,
      commits,
      errands: this.#errands,
      indexes: this.#indexes,
    })
    this.#rebuilds = new Rebuilds(seed, {
      ...this.#context,
      tables: this.#truth.tables,
      checked: withoutGuard !== 'switch-check',
    })
    this.#clients = Array.from(
      { length: this.#plan.clients },
      (_, at) => new Client(`c${at}`, this.#context, new Dice(seed, `client${at}`)),
    )
  }

  async run(maxEvents: number): Promise<void> {
    let failure: unknown
    const work = this.#phases().catch((error: unknown) => {
      failure = error
    })
    const end = await this.#world.scheduler.run(work, maxEvents)
    if (failure !== undefined) this.#world.violate(0, `The simulation itself failed: ${String(failure)}`)
    if (end !== 'done') this.#world.violate(0, `${end}: ${this.#clients.map((client) => client.doing).join('; ')}`)
  }

  report(): SimReport {
    return {
      seed: this.#seed,
      events: this.#world.scheduler.events,
      virtualMs: this.#world.scheduler.now,
      operations: this.#history.operations.size,
      resurrected: this.#resurrected,
      violations: this.#world.violations,
      trace: this.#world.lines ?? [],
    }
  }

  async #phases(): Promise<void> {
    const { scheduler } = this.#world
    this.#phase('start')
    const opened = this.#cluster.start(0)
    await ensureGenerations(opened.ports)
    for (const number of this.#plan.relays.keys()) this.#cluster.start(number)

    this.#phase('chaos')
    this.#world.faulty = true
    for (const { at, of, ms } of this.#plan.jumps) {
      scheduler.after(at, () => (of === 'truth' ? this.#clock.jump(ms) : this.#cluster.jump(of, ms)))
    }
    for (const at of this.#plan.flushes) scheduler.after(at, () => this.#redis.flush())
    this.#disasters.begin()
    this.#rebuilds.begin()
    const share = Math.ceil(this.#plan.operations / this.#clients.length)
    let busy = true
    const clients = Promise.all(this.#clients.map((client) => client.run(share))).then(() => {
      busy = false
    })
    const chaos = this.#crashes(() => busy)
    await clients
    await chaos

    this.#phase('heal')
    this.#world.faulty = false
    for (const number of this.#plan.relays.keys()) this.#cluster.start(number)
    await this.#liveness()
    if (this.#plan.rebuilds.length > 0) await this.#rebuilds.finish()
    if (this.#plan.damage.length > 0) await this.#swept()
    await this.#settled()

    this.#phase('drain')
    const { nodes } = this.#cluster
    for (const node of nodes) node.stop.abort()
    await Promise.all(nodes.map((node) => node.relaying))
    // A claim that nobody ends any more lasts as long as its lease, which a clock that goes back prolongs.
    const { remaining } = await nodes[0]!.writer.relay.drain({ timeoutMs: livenessMs })
    if (remaining > 0) this.#world.violate(6, `drain left ${remaining} jobs`)

    this.#phase('check')
    this.#indexes.healed()
    this.#indexes.compareAll()
    await this.#disasters.check()
    await this.#searchAll(nodes[0]!)
    await this.#clients[0]!.cached.check(nodes[0]!)

    this.#phase('reconcile')
    this.#resurrected = this.#indexes.resurrected
    await this.#reconcile(nodes[0]!)
    this.#phase('halves')
    await this.#halves(nodes[0]!)
  }

  /** What late requests brought back must go, and then nothing more. */
  async #reconcile({ ports, writer }: Node): Promise<void> {
    const { orphaned, missing: lacking, stale, foreign, differences } = await reconcile(ports, { repair: true })
    // A sweep that was due trusts no job, not even the parked ones of what the engine refuses.
    const refused = differences.filter(({ kind, document }) => kind === 'missing' && document.startsWith('poison'))
    const missing = lacking - refused.length
    await writer.relay.drain({ timeoutMs: 1_000 })
    const left = this.#indexes.resurrected
    // After a loss late requests of before may bring back what no longer fits, too.
    const unexpected = orphaned !== this.#resurrected || missing + stale + foreign > 0
    if (left > 0 || (unexpected && this.#plan.damage.length === 0)) {
      const found = JSON.stringify({ orphaned, missing, stale, foreign })
      this.#world.violate(7, `Of ${this.#resurrected} resurrected entries reconcile left ${left}; it found ${found}`)
    }
    this.#indexes.compareAll()
    const again = await reconcile(ports, { repair: true })
    if (again.differences.length > 0) this.#world.violate(7, `Reconcile again: ${JSON.stringify(again.differences)}`)
  }

  /** Half a write, as one that was no transaction leaves it: a document without chunks and jobs, which a repair makes whole. */
  async #halves({ ports, writer }: Node): Promise<void> {
    const { documents, chunks, jobs } = this.#truth.tables
    const dice = new Dice(this.#seed, 'halves')
    const halved = [...documents.rows].filter(
      ([, { id, buriedAt }]) => buriedAt === null && !id.startsWith('poison') && dice.chance(0.3),
    )
    for (const [key, { tenant, collection, id }] of halved) {
      for (const [at, one] of [...chunks.rows])
        if (one.tenant === tenant && one.collection === collection && one.document === id) chunks.delete(at)
      for (const target of ['vector', 'text']) jobs.delete(`${target}/${key}`)
    }
    const { damaged } = await reconcile(ports, { repair: true })
    if (damaged !== halved.length)
      this.#world.violate(2, `Of ${halved.length} documents without chunks ${damaged} were found`)
    await writer.relay.drain({ timeoutMs: 1_000 })
    this.#indexes.compareAll()
    const again = await reconcile(ports, { repair: true })
    if (again.differences.length > 0) this.#world.violate(7, `After the halves: ${JSON.stringify(again.differences)}`)
  }

  #phase(name: string): void {
    this.#world.trace('-----', () => name)
  }

  #isDown(name: string): boolean {
    const { now } = this.#world.scheduler
    return this.#plan.outages.some(({ of, from, to }) => of === name && now >= from && now < to)
  }

  async #crashes(busy: () => boolean): Promise<void> {
    const dice = new Dice(this.#seed, 'crashes')
    const every = this.#plan.crashEveryMs
    if (every === 0) return
    for (;;) {
      await this.#world.scheduler.delay(dice.between(1, 2 * every))
      if (!busy()) return
      const number = dice.between(0, this.#plan.relays.length - 1)
      this.#cluster.crash(number)
      this.#world.scheduler.after(dice.between(1, 300), () => this.#cluster.start(number))
    }
  }

  /** Nothing fails any more: every job that is not poison must be done, and poison parked. */
  async #liveness(): Promise<void> {
    const deadline = this.#world.scheduler.now + livenessMs
    for (;;) {
      const jobs = [...outstandingJobs(this.#truth.tables).values()]
      const left = jobs.filter((job) => !job.parked || !job.document.startsWith('poison'))
      const errands = this.#errands?.left() ?? []
      if (errands.some(({ parked }) => parked)) await this.#redrive()
      if (
        left.length === 0 &&
        errands.length === 0 &&
        this.#disasters.over &&
        this.#rebuilds.over &&
        this.#networks.every(({ underway }) => underway === 0)
      )
        return
      if (this.#world.scheduler.now >= deadline) {
        const named = left.map(
          (job) => `${job.target} of ${job.tenant}/${job.document}${job.parked ? ` (parked: ${job.reason})` : ''}`,
        )
        for (const { name, attempts, reason } of errands)
          named.push(`errand ${name}, tried ${attempts} times: ${reason}`)
        this.#world.violate(6, `${livenessMs} ms after the last fault jobs wait: ${named.join(', ')}`)
      }
      await this.#world.scheduler.delay(20)
    }
  }

  /** Somebody does, once the reason is mended. */
  async #redrive(): Promise<void> {
    const { errands } = this.#cluster.nodes[0]!.ports.truth.session({ worker: true })
    await errands.redrive({})
  }

  /** Whatever was damaged, a sweep of every live index that begins now mends the rest of it. */
  async #swept(): Promise<void> {
    // A clock that has gone back shows times again that it has shown before.
    const since = this.#clock.highest
    const deadline = this.#world.scheduler.now + livenessMs
    const { generations, records } = this.#truth.tables
    const isSwept = ({ id, state }: Generation): boolean => {
      const swept = records.rows.get(`index:${id}`) as { mark: unknown; sweep: unknown; sweptAt: number } | undefined
      return state !== 'live' || (swept?.mark !== null && swept?.sweep === null && swept.sweptAt > since)
    }
    while (!this.#disasters.noticed || ![...generations.rows.values()].every(isSwept)) {
      if (this.#world.scheduler.now >= deadline) {
        return this.#world.violate(5, `${livenessMs} ms after the last fault an index is not swept`)
      }
      await this.#world.scheduler.delay(20)
    }
    await this.#liveness()
  }

  /** What failed on an index that is not live is mended by a sweep, and an alias that was left behind follows. */
  async #settled(): Promise<void> {
    const deadline = this.#world.scheduler.now + livenessMs
    const { generations, records } = this.#truth.tables
    const isMended = ({ id, state, error }: Generation): boolean => {
      const { sweep } = (records.rows.get(`index:${id}`) ?? { sweep: null }) as { sweep: { reason: string } | null }
      return state !== 'standby' || (error === null && (sweep === null || sweep.reason === 'turn'))
    }
    for (;;) {
      const mended = [...generations.rows.values()].every(isMended)
      if (mended && (await this.#disasters.strayed()) === undefined) break
      if (this.#world.scheduler.now >= deadline) {
        if (mended) return
        return this.#world.violate(5, `${livenessMs} ms after the last fault a standby index is not mended`)
      }
      await this.#world.scheduler.delay(20)
    }
    await this.#liveness()
  }

  async #searchAll(node: Node): Promise<void> {
    for (const tenant of tenants) {
      const since = this.#world.scheduler.now
      const request = { query: 'lake mark snow springs', limit: 1_000 }
      const scope = { tenant, collection: node.plan.name }
      this.#context.answers.found(tenant, since, await node.searcher.search(scope, undefined, request))
    }
  }
}
