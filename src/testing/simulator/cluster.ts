import { collectionName } from '../../core/ids'
import { VectorLru } from '../../embeddings/lru'
import { Searcher } from '../../search/search'
import { type CollectionPlan, type WriterPorts, writerDefaults } from '../../writer/ports'
import { type CoordinatedWriter, createWriter } from '../../writer/writer'
import { Dice } from './dice'
import { lineSplitter, modelEmbedder } from './model-embedder'
import type { ModelTextEngine, ModelVectorEngine } from './model-engines'
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
  /** Ends its relay; what it holds is finished or given back. */
  readonly stop: AbortController
  readonly relaying: Promise<void>
}

export interface Backends {
  readonly truth: ModelTruth
  readonly vectors: ModelVectorEngine
  readonly texts: ModelTextEngine
  readonly embedding: Network
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
    const plan: CollectionPlan = { name, embedder, splitter: lineSplitter, language: 'english' }
    const ports: WriterPorts = {
      truth: this.#backends.truth.for(process),
      vectors: this.#backends.vectors.for(process),
      texts: this.#backends.texts.for(process),
      collections: new Map([[name, plan]]),
      embedders: new Map([[embedder.fingerprint, embedder]]),
      clock: process.clock,
      random: new Dice(this.#seed, process.owner).random,
      options: { ...writerDefaults, ...this.#plan.writer },
    }
    const writer = createWriter(ports)
    // The usual ten thousand places take longer to make than a process lives.
    const queries = new VectorLru({ clock: process.clock, max: 100 })
    const stop = new AbortController()
    const relaying = relays ? writer.relay.run({ signal: stop.signal }) : Promise.resolve()
    const searcher = new Searcher({ ...ports, queries })
    const node: Node = { process, ports, plan, writer, searcher, stop, relaying }
    this.#nodes[number] = node
    return node
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
