import type { Generation } from '../../repositories/generations'
import { bumpEpoch } from '../../writer/reconcile/epoch'
import type { Cluster } from './cluster'
import type { CommitCheck } from './commit-check'
import type { Damage } from './damage'
import type { Errands } from './errands'
import type { History } from './history'
import type { IndexCheck } from './index-check'
import type { TextSites, VectorSites } from './model-engines'
import type { ModelTruth } from './model-truth'
import type { World } from './world'

interface DisasterContext {
  readonly world: World
  readonly damage: readonly Damage[]
  readonly cluster: Cluster
  readonly truth: ModelTruth
  readonly engines: { readonly vector: VectorSites; readonly text: TextSites }
  readonly history: History
  readonly commits: CommitCheck
  readonly errands: Errands | undefined
  readonly indexes: IndexCheck
}

/** Lets happen to indexes and truth what the plan says, tells the checkers, and knows what must be seen of it. */
export class Disasters {
  readonly #context: DisasterContext
  #left: number
  /** The epoch must be above this at the end. */
  #above = 0

  constructor(context: DisasterContext) {
    this.#context = context
    this.#left = context.damage.length
  }

  /** True once all has happened. */
  get over(): boolean {
    return this.#left === 0
  }

  /** True unless a restore that somebody told of, or that the database tells, has not begun an epoch yet. */
  get noticed(): boolean {
    return this.#context.truth.tables.epoch > this.#above
  }

  begin(): void {
    const { damage, world } = this.#context
    for (const one of damage) {
      const ago = 'ago' in one ? one.ago : 0
      world.scheduler.after(one.at - ago, () => {
        const strike = this.#prepare(one)
        world.scheduler.after(ago, () => {
          world.trace('-----', () => `DAMAGE ${JSON.stringify(one)}`)
          void strike().then(() => this.#left--)
        })
      })
    }
  }

  /** A restore was noticed; aliases lead to what is live. */
  async check(): Promise<void> {
    const { truth, world } = this.#context
    if (!this.noticed) world.violate(5, `The restore went unnoticed in epoch ${truth.tables.epoch}`)
    const strayed = await this.strayed()
    if (strayed) {
      const { collection, target, name } = strayed
      world.violate(14, `The alias ${collection} of ${target} does not lead to ${name}`)
    }
    for (const target of ['vector', 'text'] as const) {
      const live = this.#generations('live').filter((one) => one.target === target)
      if (live.length !== 1) world.violate(14, `${live.length} generations of ${target} are live`)
    }
  }

  /** A live generation that its alias does not lead to. */
  async strayed(): Promise<Generation | undefined> {
    const { engines } = this.#context
    for (const generation of this.#generations('live')) {
      if (!(await engines[generation.target].leadsTo(generation.collection, generation))) return generation
    }
    return undefined
  }

  /** What is remembered now for a strike that comes later. */
  #prepare(damage: Damage): () => Promise<void> {
    if (damage.what === 'restore') return this.#prepareRestore(damage.known)
    const { engines, indexes } = this.#context
    const engine = engines[damage.of]
    const hit = (strike: (generation: Generation) => void) => async (): Promise<void> => {
      for (const generation of this.#generations('live')) if (generation.target === damage.of) strike(generation)
      if (damage.what !== 'alias') indexes.damaged(damage.of)
    }
    if (damage.what === 'alias') return hit((generation) => engine.of(generation).loseAlias(generation))
    if (damage.what !== 'rollback') {
      return hit((generation) => engine.of(generation).wipe(generation, damage.what === 'exchange'))
    }
    const earlier = new Map(
      this.#generations('live').flatMap((one) =>
        one.target === damage.of ? [[one.id, engine.of(one).snapshot(one)]] : [],
      ),
    )
    return hit(({ id }) => earlier.get(id)?.())
  }

  #prepareRestore(known: 'announced' | 'visible' | 'unknown'): () => Promise<void> {
    const { commits, errands, history, indexes, truth, world } = this.#context
    const [ofTruth, ofHistory, ofCommits] = [truth.backup(), history.backup(), commits.backup()]
    return async () => {
      await ofTruth()
      ofHistory(world.scheduler.now)
      ofCommits()
      errands?.setBack()
      indexes.damaged('vector')
      indexes.damaged('text')
      const { tables } = truth
      if (known !== 'unknown') this.#above = tables.epoch
      if (known === 'visible') tables.identity = { ...tables.identity, timeline: (tables.identity.timeline ?? 0) + 1 }
      if (known === 'announced') await this.#announce()
    }
  }

  /** Somebody says so at a process that lives, until it is done. */
  async #announce(): Promise<void> {
    const { cluster, world } = this.#context
    for (;;) {
      const node = cluster.nodes[0]
      if (node) {
        const done = bumpEpoch(node.ports).then(
          () => true,
          () => false,
        )
        if (await Promise.race([done, node.process.died.then(() => false)])) return
      }
      await world.scheduler.delay(5)
    }
  }

  #generations(state: Generation['state']): Generation[] {
    return [...this.#context.truth.tables.generations.rows.values()].filter((one) => one.state === state)
  }
}
