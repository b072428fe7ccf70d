import type { CallOptions } from '../../core/abort'
import { type ErrorCode, isHeadwaterError } from '../../core/errors'
import type { DocumentReceipt } from '../../writer/write/receipt'
import type { Cluster, Node } from './cluster'
import type { Dice } from './dice'
import type { Operation } from './history'
import type { SwarmPlan } from './swarm'
import type { World } from './world'

/** What a client learns of a call; nothing when the process that served it died. */
export type Answer<T> = { readonly value: T } | { readonly error: unknown } | 'crashed'

/** Asks processes and judges how they answer: with errors of ours, in time, and not for an engine's sake (18, 19). */
export class Caller {
  readonly #name: string
  readonly #context: { readonly world: World; readonly cluster: Cluster; readonly plan: SwarmPlan }
  readonly #dice: Dice
  /** What it is about, for reports. */
  doing = 'nothing'

  constructor(
    name: string,
    context: { readonly world: World; readonly cluster: Cluster; readonly plan: SwarmPlan },
    dice: Dice,
  ) {
    this.#name = name
    this.#context = context
    this.#dice = dice
  }

  /** Whatever is asked may fail, but only with an error of ours. */
  legitimate(answer: { readonly error: unknown } | 'crashed'): void {
    if (answer === 'crashed' || (isHeadwaterError(answer.error) && answer.error.code !== 'HW_INTERNAL')) return
    this.#context.world.violate(0, `${this.#name}: ${this.doing} failed with ${String(answer.error)}`)
  }

  /** An operation, by any process. */
  async ask<T>(operation: Operation, { timeoutMs }: CallOptions, work: (node: Node) => Promise<T>): Promise<Answer<T>> {
    const { world } = this.#context
    const { id, tenant, effects } = operation
    world.trace(this.#name, () => `#${id} ${this.doing} ${tenant}/${effects.map((effect) => effect.document)}`)
    let askedAt = world.scheduler.now
    const answer = await this.call((node) => {
      askedAt = world.scheduler.now
      return work(node)
    })
    world.trace(this.#name, () => `#${id} -> ${describe(answer)}`)
    const took = world.scheduler.now - askedAt
    if (took > (timeoutMs ?? Number.POSITIVE_INFINITY) + graceMs) {
      world.violate(19, `${this.#name}: ${this.doing} took ${took} ms, though its timeoutMs was ${timeoutMs}`)
    }
    if (answer !== 'crashed' && 'error' in answer) this.#excused(answer.error, timeoutMs)
    return answer
  }

  /** While the truth is well, whatever the engines do, a write fails only for what was asked. */
  #excused(error: unknown, timeoutMs: number | undefined): void {
    const { plan, world } = this.#context
    const ill =
      Object.values(plan.truth).some((rate) => rate > 0) ||
      plan.outages.some(({ of }) => of === 'truth') ||
      plan.damage.some(({ what }) => what === 'restore')
    if (ill || (isHeadwaterError(error, 'HW_TIMEOUT') && timeoutMs !== undefined)) return
    if (isHeadwaterError(error) && reasons.has(error.code)) return
    // A write that brings a blob needs the store of blobs, and one that is being removed there is in its way.
    if (isHeadwaterError(error) && /\bblobs?\b/.test(error.message)) return
    world.violate(18, `${this.#name}: ${this.doing} failed though the truth was well: ${String(error)}`)
  }

  /** Asks any process; waits for one to live. */
  async call<T>(work: (node: Node) => Promise<T>): Promise<Answer<T>> {
    const { cluster, world } = this.#context
    while (cluster.nodes.length === 0) await world.scheduler.delay(5)
    const node = this.#dice.pick(cluster.nodes)
    const crashed = node.process.died.then(() => 'crashed' as const)
    try {
      // The writer may also refuse at once, before it returns a promise.
      const value = (async () => ({ value: await work(node) }))()
      return await Promise.race([value, crashed])
    } catch (error) {
      return { error }
    }
  }
}

/** The answer may be on its way when the deadline passes. */
const graceMs = 5
/** Why a write may be refused by a truth that is well. */
const reasons: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'HW_VERSION_CONFLICT',
  'HW_NOT_FOUND',
  'HW_IDEMPOTENCY_CONFLICT',
  'HW_INVALID_ARGUMENT',
])

export function isValue<T>(answer: Answer<T>): answer is { readonly value: T } {
  return answer !== 'crashed' && 'value' in answer
}

function describe(answer: Answer<unknown>): string {
  if (answer === 'crashed') return answer
  if (!('value' in answer))
    return `${isHeadwaterError(answer.error) ? answer.error.code : 'error'} ${String(answer.error)}`
  const value = answer.value as Partial<DocumentReceipt> | undefined
  if (value?.version === undefined) return 'ok'
  return `ok v${value.version} f${(value.fence ?? 0) % 2 ** 40}${value.unchanged ? ' unchanged' : ''} ${value.targets?.vector}`
}
