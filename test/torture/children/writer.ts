import { setTimeout as delay } from 'node:timers/promises'
import type { Receipt, Store } from '../../../index'
import { asHeadwaterError } from '../../../src/core/errors'
import type { Random } from '../../../src/core/random'
import { now, type Operation, openJournal, tenants, textOf, type WriterLine } from '../journal'
import type { Order } from '../order'

const loops = 3
const documentsOfATenant = 30
const batchSize = 6
/** Longest time for one call. */
const timeoutMs = 4_000
/** Longest time that an operation without an answer is asked about, once the writer is to stop. */
const resolveMs = 60_000

/** Writes until it is told to stop, three operations at once, each in the journal before it begins and after it ended. */
export async function write(store: Store, order: Order, random: Random, signal: AbortSignal): Promise<void> {
  const writer = new Writer(store, order, random, signal)
  // What the one before left open first: the same operation under the same key.
  await Promise.all((order.doubt ?? []).map((operation) => writer.settle(operation)))
  await Promise.all(Array.from({ length: loops }, (_, loop) => writer.loop(loop)))
}

class Writer {
  readonly #store: Store
  readonly #order: Order
  readonly #random: Random
  readonly #signal: AbortSignal
  readonly #say: (line: WriterLine) => void

  constructor(store: Store, order: Order, random: Random, signal: AbortSignal) {
    this.#store = store
    this.#order = order
    this.#random = random
    this.#signal = signal
    this.#say = openJournal(order.journal)
  }

  async loop(loop: number): Promise<void> {
    for (let turn = 0; !this.#signal.aborted; turn++) {
      const operation = this.#next(loop, turn)
      this.#say({ line: 'begin', at: now(), ...operation })
      await this.settle(operation)
    }
  }

  #next(loop: number, turn: number): Operation {
    const below = (limit: number): number => Math.floor(this.#random.next() * limit)
    const dice = below(20)
    const kind = dice < 9 ? 'put' : dice < 13 ? 'patch' : dice < 17 ? 'delete' : 'batch'
    const tenant = tenants[below(tenants.length)]!
    const ids =
      kind === 'batch'
        ? Array.from({ length: batchSize }, (_, at) => `m${loop}-${at}`)
        : [`d${below(documentsOfATenant)}`]
    return { op: `${this.#order.name}l${loop}t${turn}`, tenant, kind, ids, size: 1 + below(40), turn: now() }
  }

  /** To its end: an operation whose outcome is unknown is asked again under its key. */
  async settle(operation: Operation): Promise<void> {
    const { op } = operation
    for (const until = now() + resolveMs; ; ) {
      try {
        const receipt = await this.#perform(operation)
        const { version, unchanged } = receipt
        this.#say({ line: 'done', at: now(), op, version, unchanged })
        if (operation.kind !== 'batch') await this.#readBack(operation, receipt)
        return
      } catch (cause) {
        const { code } = asHeadwaterError(cause)
        // A batch may have stopped halfway; any other failure says that nothing happened.
        const open = code === 'HW_COMMIT_UNKNOWN' || (operation.kind === 'batch' && code !== 'HW_INTERNAL')
        if (!open || now() > until) {
          if (!open) this.#say({ line: 'failed', at: now(), op, code })
          if (code === 'HW_INTERNAL') this.#say({ line: 'wrong', at: now(), op, what: String(cause) })
          return
        }
        await delay(50)
      }
    }
  }

  async #perform(operation: Operation): Promise<Receipt & { version: number; unchanged: boolean }> {
    const { op, tenant, kind, ids } = operation
    const { documents } = this.#store.forTenant(tenant)
    const options = { idempotencyKey: op, timeoutMs }
    const id = ids[0]!
    const document = (of: string) => ({
      id: of,
      title: `${tenant} ${of}`,
      text: textOf(operation, of),
      metadata: { op },
    })
    if (kind === 'put') return documents.put(document(id), options)
    if (kind === 'patch') return documents.patch(id, { metadata: { op } }, options)
    if (kind === 'delete') return documents.delete(id, options)
    const { failed, written, receipt } = await documents.putMany(ids.map(document), options)
    if (failed[0]) throw failed[0].error
    return { ...receipt, version: 0, unchanged: written === 0 }
  }

  /** Neither a read nor a value made of the document is ever older than the receipt that it is asked for with. */
  async #readBack({ op, tenant, kind, ids }: Operation, receipt: Receipt & { version: number }): Promise<void> {
    if (this.#random.next() > 0.3) return
    const id = ids[0]!
    const { documents, cache } = this.#store.forTenant(tenant)
    const load = async () => ({ version: (await documents.get(id, { timeoutMs }))?.version ?? null })
    const options = { documents: [id], after: receipt, timeoutMs }
    try {
      const seen = { get: await load(), cache: await cache.getOrLoad(`made-of:${id}`, load, options) }
      for (const [from, { version }] of Object.entries(seen)) {
        const old =
          version !== null && (version < receipt.version || (kind === 'delete' && version === receipt.version))
        if (!old) continue
        this.#say({
          line: 'wrong',
          at: now(),
          op,
          what: `${from}: version ${version} after ${kind} ${receipt.version}`,
        })
      }
    } catch (cause) {
      const { code, retryable } = asHeadwaterError(cause)
      if (!retryable) this.#say({ line: 'wrong', at: now(), op, what: `reading back: ${code} ${String(cause)}` })
    }
  }
}
