import { collectionName, type TenantId } from '../../core/ids'
import { limitDefaults } from '../../core/limits'
import type { Random } from '../../core/random'
import { VectorLru } from '../../embeddings/lru'
import type { CacheRepository } from '../../repositories/cache'
import { DocumentEntries } from '../../repositories/document-entries'
import { EpochWatch } from '../../repositories/epoch-watch'
import { MemoryCacheRepository } from '../../repositories/memory/cache'
import { RedisCacheRepository } from '../../repositories/redis/cache'
import type { Truth } from '../../repositories/truth'
import { FairGate } from '../../resilience/fair-gate'
import { Searcher } from '../../search/search'
import { RateLimiter } from '../../store/rate-limiter'
import { TenantCache } from '../../tenant/cache-handle'
import { type CollectionPlan, type WriterPorts, writerDefaults } from '../../writer/ports'
import { type CoordinatedWriter, createWriter } from '../../writer/writer'
import { Dice } from './dice'
import type { Errands } from './errands'
import type { ModelBlobs } from './model-blobs'
import { lineSplitter, modelEmbedder, modelSplitters } from './model-embedder'
import type { TextSites, VectorSites } from './model-engines'
import type { ModelRedis } from './model-redis'
import type { ModelTruth } from './model-truth'
import type { Network } from './network'
import { SimProcess } from './sim-process'
import type { SwarmPlan } from './swarm'
import { VirtualClock } from './virtual-clock'
import type { World } from './world'

/** One life of a process: the real writer, relay and search over the models. */
export interface Node {
  readonly process: SimProcess
  readonly ports: WriterPorts
  readonly plan: CollectionPlan
  readonly writer: CoordinatedWriter
  readonly searcher: Searcher
  /** Undefined where nothing is cached. */
  cacheOf(tenant: TenantId): TenantCache | undefined
  /** Ends its relay; what it holds is finished or given back. */
  readonly stop: AbortController
  readonly relaying: Promise<void>
}

export interface Backends {
  readonly truth: ModelTruth
  readonly vectors: VectorSites
  readonly texts: TextSites
  readonly embedding: Network
  readonly redis: ModelRedis
  readonly blobs: ModelBlobs
  /** Undefined where nothing is left to be done. */
  readonly errands: Errands | undefined
  /** The truth as all but searches reach it. */
  readonly written: (truth: Truth) => Truth
  /** The truth as searches read it. */
  readonly searched: (truth: Truth) => Truth
}

/** The processes of a simulation: started, crashed and started again over the same backends. */
export class Cluster {
  readonly #seed: number
  readonly #world: World
  readonly #plan: SwarmPlan
  readonly #backends: Backends
  readonly #machines: readonly VirtualClock[]
  readonly #nodes: (Node | undefined)[]
  #lives = 0

  constructor(seed: number, world: World, plan: SwarmPlan, backends: Backends) {
    this.#seed = seed
    this.#world = world
    this.#plan = plan
    this.#backends = backends
    this.#machines = plan.relays.map(() => new VirtualClock(world.scheduler))
    this.#nodes = plan.relays.map(() => undefined)
  }

  /** Those that live. */
  get nodes(): Node[] {
    return this.#nodes.filter((node) => node !== undefined)
  }

  jump(number: number, ms: number): void {
    this.#machines[number]!.jump(ms)
  }

  /** Starts the process of this number unless it runs. */
  start(number: number, relays = this.#plan.relays[number]!): Node {
    const running = this.#nodes[number]
    if (running) return running
    const process = new SimProcess(`p${number}`, ++this.#lives, this.#world.scheduler, this.#machines[number]!)
    this.#world.trace(process.name, () => 'starts')
    const embedder = modelEmbedder(this.#backends.embedding, process)
    const name = collectionName('documents')
    const plan: CollectionPlan = { name, embedder, splitter: lineSplitter, cutFirst: 'lines', language: 'english' }
    const truth = this.#backends.written(this.#backends.truth.for(process))
    const random = new Dice(this.#seed, process.owner).random
    const epoch = new EpochWatch(truth, process.clock)
    const cache = this.#cache(process, epoch, random)
    const entries = cache && new DocumentEntries(cache, { shared: this.#plan.cache === 'shared', epoch })
    const ports: WriterPorts = {
      truth,
      vectors: this.#backends.vectors.near(process),
      texts: this.#backends.texts.near(process),
      engines: {
        vector: this.#backends.vectors.engines(process, this.#plan.far[number]!),
        text: this.#backends.texts.engines(process, this.#plan.far[number]!),
      },
      collections: new Map([[name, plan]]),
      embedders: new Map([[embedder.fingerprint, embedder]]),
      splitters: new Map(this.#plan.splitters[number] ? modelSplitters.map((one) => [one.id, one]) : []),
      clock: process.clock,
      random,
      entries,
      blobs: this.#plan.blobs === null ? undefined : this.#backends.blobs.for(process),
      options: { ...writerDefaults, ...this.#plan.writer },
    }
    const writer = createWriter(ports)
    const { errands } = this.#backends
    for (const name of errands?.plan.handles[number] ?? []) {
      writer.errands.on(name, errands!.handler(process), errands!.plan.options)
    }
    // The usual ten thousand places take longer to make than a process lives.
    const queries = new VectorLru({ clock: process.clock, max: 100 })
    const stop = new AbortController()
    const relaying = relays ? writer.relay.run({ signal: stop.signal }) : Promise.resolve()
    const searcher = new Searcher({ ...ports, truth: this.#backends.searched(truth), queries })
    const cacheOf = (tenant: TenantId): TenantCache | undefined => {
      if (!cache) return undefined
      const enter = <T>(work: () => Promise<T>): Promise<T> => work()
      const { clock } = process
      const gate = new FairGate('searches', { concurrency: 1, queue: 0 })
      const limiter = new RateLimiter(undefined, {}, clock)
      const none = { blobs: undefined, adopt: undefined, entities: new Map(), limiter }
      const beside = { ...none, clock, random, limits: limitDefaults, gate, enter }
      return new TenantCache({ truth, writer, searcher, cache, epoch, entries, ...beside }, tenant)
    }
    const node: Node = { process, ports, plan, writer, searcher, cacheOf, stop, relaying }
    this.#nodes[number] = node
    return node
  }

  #cache(process: SimProcess, epoch: EpochWatch, random: Random): CacheRepository | undefined {
    const { clock } = process
    const own = { clock, epoch: epoch.current }
    if (this.#plan.cache === 'none') return undefined
    if (this.#plan.cache === 'own') return new MemoryCacheRepository({ ...own, maxEntries: 100 })
    return new RedisCacheRepository(this.#backends.redis.for(process), {
      ...own,
      random,
      leaseMs: this.#plan.cacheLeaseMs,
    })
  }

  crash(number: number): void {
    const node = this.#nodes[number]
    if (!node) return
    this.#world.trace(node.process.name, () => 'CRASHES')
    this.#nodes[number] = undefined
    node.process.crash()
    this.#backends.truth.crash(node.process)
  }
}
