import type { TenantId } from '../../core/ids'
import { canonicalJson, type Json } from '../../core/json'
import type { DocumentReceipt } from '../../writer/write/receipt'
import { type Caller, isValue } from './caller'
import type { Cluster, Node } from './cluster'
import type { Dice } from './dice'
import { type Content, contentKey, type DocumentState, type History } from './history'
import type { SwarmPlan } from './swarm'
import type { World } from './world'

interface CacheContext {
  readonly world: World
  readonly cluster: Cluster
  readonly plan: SwarmPlan
  readonly history: History
  readonly tenants: readonly TenantId[]
  readonly receipts: readonly DocumentReceipt[]
}

/** Values made of documents, asked of the cache: never older than the receipt they are asked with (15). */
export class CachedReads {
  readonly #context: CacheContext
  readonly #caller: Caller
  readonly #dice: Dice

  constructor(context: CacheContext, caller: Caller, dice: Dice) {
    this.#context = context
    this.#caller = caller
    this.#dice = dice
  }

  async read(tenant: TenantId, document: string): Promise<void> {
    const { receipts, world } = this.#context
    const known = receipts.filter((receipt) => receipt.tenant === tenant && receipt.id === document)
    const after = this.#dice.chance(0.6) ? known.at(-1) : undefined
    const options = { documents: [document], timeoutMs: 500, ...(after && { after }) }
    const answer = await this.#caller.call(async (node) => {
      const scope = { tenant, collection: node.plan.name }
      const load = async (): Promise<Json> => {
        const row = await node.ports.truth.session(scope).documents.get(scope, document)
        await world.scheduler.delay(this.#dice.between(0, 40))
        return seen(row?.version ?? 0, row)
      }
      return node.cacheOf(tenant)!.getOrLoad(document, load, options)
    })
    if (!isValue(answer)) return this.#caller.legitimate(answer)
    const { value } = answer
    world.trace('cache', () => `${tenant}/${document} gave ${JSON.stringify(value)}`)
    if (this.#isAnswerable) this.#judge(tenant, document, value, after)
  }

  #judge(tenant: TenantId, document: string, value: Json, after: DocumentReceipt | undefined): void {
    const { history, world } = this.#context
    const states = history.states(tenant, document)
    if (!states.some((state) => isSo(state, value))) {
      world.violate(4, `The cache of ${tenant} gave ${JSON.stringify(value)} of ${document}, which never was so`)
    }
    if (!after) return
    const from = states.findIndex(({ version, fence }) => version === after.version && fence === after.fence)
    if (from >= 0 && !states.slice(from).some((state) => isSo(state, value))) {
      const told = `version ${after.version}`
      world.violate(15, `${tenant}/${document}: the cache gave ${JSON.stringify(value)} to who was told of ${told}`)
    }
  }

  /** At the end, when all jobs are done: what a shared cache still holds is current, for those without a receipt too. */
  async check(node: Node): Promise<void> {
    const { history, plan, tenants, world } = this.#context
    if (plan.cache !== 'shared' || !this.#isAnswerable) return
    // So long may a process believe in the epoch before a restore.
    if (history.restores > 0) await world.scheduler.delay(1_000)
    for (const tenant of tenants) {
      for (const document of plan.documents) {
        const value = await node.cacheOf(tenant)!.get(document)
        if (value === undefined || isSo(history.states(tenant, document).at(-1)!, value)) continue
        world.violate(15, `The cache still holds ${JSON.stringify(value)} of ${tenant}/${document}, and no job is left`)
      }
    }
  }

  /** After a restore that nobody was told of, fences come again that were given out before. */
  get #isAnswerable(): boolean {
    return !this.#context.plan.damage.some((damage) => damage.what === 'restore' && damage.known === 'unknown')
  }
}

function seen(version: number, content: Content | null): Json {
  return content === null ? null : { version, content: `${contentKey(content)}|${canonicalJson(content.metadata)}` }
}

function isSo({ version, content }: DocumentState, value: Json): boolean {
  return canonicalJson(seen(version, content)) === canonicalJson(value)
}
