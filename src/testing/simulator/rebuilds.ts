import { stampOf } from '../../repositories/entry-stamp'
import type { Generation, Target } from '../../repositories/generations'
import type { TargetEngines } from '../../repositories/index-engines'
import type { Tables } from '../../repositories/memory/tables'
import type { WriterPorts } from '../../writer/ports'
import { rebuild, recut } from '../../writer/rebuild/rebuild'
import { dropStandby } from '../../writer/rebuild/retention'
import { rollback } from '../../writer/rebuild/rollback'
import { Caller, isValue } from './caller'
import type { Cluster, Node } from './cluster'
import { Dice } from './dice'
import { modelSplitter } from './model-embedder'
import type { PlannedRebuild } from './planned-rebuilds'
import type { SwarmPlan } from './swarm'
import type { World } from './world'

interface RebuildContext {
  readonly world: World
  readonly cluster: Cluster
  readonly plan: SwarmPlan
  readonly tables: Tables
  /** Without it, no new index is ever seen to differ from the truth. */
  readonly checked: boolean
}

/** Runs what is planned, at any process that lives; what fails or dies there is left for the next, as users would. */
export class Rebuilds {
  readonly #context: RebuildContext
  readonly #caller: Caller
  #left: number

  constructor(seed: number, context: RebuildContext) {
    this.#context = context
    this.#caller = new Caller('builder', context, new Dice(seed, 'builder'))
    this.#left = context.plan.rebuilds.length
  }

  /** True once all have ended. */
  get over(): boolean {
    return this.#left === 0
  }

  begin(): void {
    const { plan, world } = this.#context
    for (const one of plan.rebuilds) {
      world.scheduler.after(one.at, () => {
        void this.#do(one).then(() => this.#left--)
      })
    }
  }

  /** What was begun is brought to its end: nothing fails any more. */
  async finish(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const [begun] = this.#generations('building')
      if (!begun) return
      const { target } = begun
      const answer = await this.#caller.call<unknown>((node) => this.#resume(this.#able(node), begun))
      // A restore that is noticed only now gives up what was begun before it: then nothing is left to do.
      if (!isValue(answer) && attempt === 3) {
        const why = answer === 'crashed' ? answer : String(answer.error)
        return this.#context.world.violate(
          13,
          `A rebuild of ${target} does not come to its end though all is well: ${why}`,
        )
      }
    }
  }

  async #do(one: PlannedRebuild): Promise<void> {
    const { world } = this.#context
    const { timeoutMs, rate } = one
    world.trace('builder', () => JSON.stringify(one))
    this.#caller.doing = one.what
    const ask = () =>
      this.#caller.call<unknown>((node) => {
        if (one.what === 'rebuild') return this.#rebuild(node, one.of, { timeoutMs, rate, engine: one.engine })
        if (one.what === 'recut') return this.#recut(node, one.to, { timeoutMs, rate })
        const ports = this.#portsOf(node)
        if (one.what === 'rollback') return rollback(ports, one.of, node.plan.name, { timeoutMs })
        return dropStandby(ports, one.of, node.plan.name, {})
      })
    let answer = await ask()
    // Who gives it time runs it again where it failed, and it goes on.
    for (let left = one.timeoutMs === 5_000 ? 4 : 0; !isValue(answer) && left > 0; left--) {
      await world.scheduler.delay(20)
      answer = await ask()
    }
    world.trace('builder', () => `${one.what} of ${one.of} -> ${JSON.stringify(answer)}`)
    if (!isValue(answer)) this.#caller.legitimate(answer)
  }

  /** That node, or the first, which has every engine. */
  #able(node: Node): Node {
    const { nodes } = this.#context.cluster
    return node.ports.engines?.vector.others.has('far') ? node : (nodes[0] ?? node)
  }

  #rebuild(node: Node, target: Target, options: { timeoutMs?: number; rate?: number; engine?: string | undefined }) {
    return rebuild(this.#portsOf(node), { target, collection: node.plan, ...options })
  }

  /** As it was begun: what is not cut as the live one is of both targets. */
  #resume(node: Node, { target, chunking, engine }: Generation): Promise<unknown> {
    const isOther = this.#generations('live').some((one) => one.chunking !== chunking)
    return isOther ? this.#recut(node, chunking, {}) : this.#rebuild(node, target, { engine: engine ?? undefined })
  }

  #recut(node: Node, chunking: string, options: { timeoutMs?: number; rate?: number }) {
    return recut(this.#portsOf(node), { splitter: modelSplitter(chunking), collection: node.plan, ...options })
  }

  /** With the check taken away, indexes seem to hold what the truth holds. */
  #portsOf({ ports }: Node): WriterPorts {
    if (this.#context.checked) return ports
    const scan = async (index: { name: string }, { after, limit }: { after?: string | undefined; limit: number }) => {
      const generation = this.#generations().find(({ name }) => name === index.name)
      if (!generation) return []
      const { collection, chunking, fingerprint, language } = generation
      const { chunks } = ports.truth.session({ worker: true })
      const entries = await chunks.scan({ collection, chunking, after, limit })
      return entries.map(({ id, tenant, document, fence, inputHash, payloadHash }) => {
        return { id, tenant, document, fence, stamp: stampOf(inputHash, payloadHash, (fingerprint ?? language)!) }
      })
    }
    const { vector, text } = ports.engines!
    const blind = <R extends object>({ main, others }: TargetEngines<R>): TargetEngines<R> => ({
      main,
      others: new Map([...others].map(([name, { repository }]) => [name, { repository: { ...repository, scan } }])),
    })
    const engines = { vector: blind(vector), text: blind(text) }
    return { ...ports, vectors: { ...ports.vectors, scan }, texts: { ...ports.texts, scan }, engines }
  }

  #generations(state?: Generation['state']): Generation[] {
    const all = [...this.#context.tables.generations.rows.values()]
    return state === undefined ? all : all.filter((one) => one.state === state)
  }
}
