import type { CallOptions } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { Scope, TenantId } from '../../core/ids'
import type { JsonObject } from '../../core/json'
import { collectBlobs } from '../../writer/blobs/collect-blobs'
import { purgeExpired } from '../../writer/maintenance'
import { writerDefaults } from '../../writer/ports'
import type { DocumentInput } from '../../writer/write/document-input'
import type { DocumentReceipt } from '../../writer/write/receipt'
import type { DocumentWriteOptions } from '../../writer/write/write-options'
import type { AnswerCheck } from './answer-check'
import { CachedReads } from './cached-reads'
import { type Answer, Caller, isValue } from './caller'
import type { Cluster, Node } from './cluster'
import type { Dice } from './dice'
import { groups, inventDocument, words } from './documents'
import { deleteEffect, patchEffect, patchOf, putEffect } from './effects'
import type { Errands } from './errands'
import type { Effect, History, Operation } from './history'
import type { IndexCheck } from './index-check'
import type { OperationKind, SwarmPlan } from './swarm'
import type { World } from './world'

export interface ClientContext {
  readonly world: World
  readonly cluster: Cluster
  readonly plan: SwarmPlan
  readonly history: History
  readonly answers: AnswerCheck
  readonly indexes: IndexCheck
  readonly errands: Errands | undefined
  readonly tenants: readonly TenantId[]
  /** Documents sent before, to send again. */
  readonly sent: Map<string, DocumentInput[]>
  /** The last receipts that anybody got. */
  readonly receipts: DocumentReceipt[]
}

/** A user of the library: one operation after another, each at any process that lives. */
export class Client {
  readonly #name: string
  readonly #context: ClientContext
  readonly #dice: Dice
  readonly #caller: Caller
  readonly cached: CachedReads

  constructor(name: string, context: ClientContext, dice: Dice) {
    this.#name = name
    this.#context = context
    this.#dice = dice
    this.#caller = new Caller(name, context, dice)
    this.cached = new CachedReads(context, this.#caller, dice)
  }

  /** What it is about, for reports. */
  get doing(): string {
    return `${this.#name}: ${this.#caller.doing}`
  }

  async run(operations: number): Promise<void> {
    const { plan } = this.#context
    for (let left = operations; left > 0; left--) {
      await this.#pause(plan.thinkMs)
      const kind = this.#dice.weighted(plan.mix)
      const tenant = this.#dice.pick(this.#context.tenants)
      this.#caller.doing = kind
      await this.#operations[kind](tenant, this.#dice.pick(plan.documents))
      this.#caller.doing = 'nothing'
    }
  }

  readonly #operations: Record<OperationKind, (tenant: TenantId, document: string) => Promise<void>> = {
    put: (tenant, document) => this.#put(tenant, this.#invent(tenant, document)),
    again: (tenant, document) => {
      const earlier = this.#context.sent.get(`${tenant}/${document}`)
      return this.#put(tenant, earlier ? this.#dice.pick(earlier) : this.#invent(tenant, document))
    },
    deferred: (tenant, document) => this.#put(tenant, this.#invent(tenant, document), { embed: 'deferred' }),
    patch: (tenant, document) => this.#patch(tenant, document),
    delete: (tenant, document) => this.#delete(tenant, document),
    deleteMany: (tenant) => this.#deleteMany(tenant),
    deleteWhere: (tenant) => this.#deleteWhere(tenant),
    putMany: (tenant) => this.#putMany(tenant),
    transaction: (tenant) => this.#transaction(tenant),
    keyed: (tenant, document) => this.#keyed(tenant, document),
    conditional: (tenant, document) => this.#conditional(tenant, document),
    get: (tenant, document) => this.#get(tenant, document),
    search: (tenant) => this.#search(tenant),
    waitFor: () => this.#waitFor(),
    drain: () => this.#look((node) => node.writer.relay.drain({ timeoutMs: 200 })),
    purge: () => this.#look((node) => purgeExpired(node.ports, { ...writerDefaults, ...this.#context.plan.writer })),
    owning: (tenant, document) =>
      this.#put(tenant, this.#invent(tenant, document, { data: `blob ${this.#dice.between(0, 2)}` })),
    collect: () => this.#look((node) => this.#collect(node)),
    cached: (tenant, document) => this.cached.read(tenant, document),
    redrive: () =>
      this.#look(async (node) => {
        const { jobs, errands } = node.ports.truth.session({ worker: true })
        await jobs.redrive({})
        if (this.#context.errands) await errands.redrive({})
      }),
  }

  async #put(
    tenant: TenantId,
    input: DocumentInput,
    more: { embed?: 'deferred'; ifVersion?: number } = {},
  ): Promise<void> {
    const operation = this.#begin(tenant, [putEffect(input)])
    const options = { ...this.#callOptions(), ...more }
    const answer = await this.#caller.ask(operation, options, (node) =>
      node.writer.put(this.#scope(node, tenant), input, options),
    )
    this.#receive(operation, answer)
  }

  async #conditional(tenant: TenantId, document: string): Promise<void> {
    const { version, content } = this.#context.history.states(tenant, document).at(-1)!
    const current = content === null ? 0 : version
    await this.#put(tenant, this.#invent(tenant, document), {
      ifVersion: this.#dice.pick([current, current, version + 1]),
    })
  }

  async #patch(tenant: TenantId, document: string): Promise<void> {
    const operation = this.#begin(tenant, [patchEffect(document, this.#inventPatch())])
    const options = this.#callOptions()
    const answer = await this.#caller.ask(operation, options, (node) =>
      node.writer.patch(this.#scope(node, tenant), document, { metadata: patchOf(operation) }, options),
    )
    this.#receive(operation, answer)
  }

  async #delete(tenant: TenantId, document: string): Promise<void> {
    const operation = this.#begin(tenant, [deleteEffect(document)])
    const options = this.#callOptions()
    const answer = await this.#caller.ask(operation, options, (node) =>
      node.writer.delete(this.#scope(node, tenant), document, options),
    )
    this.#receive(operation, answer)
  }

  async #deleteMany(tenant: TenantId): Promise<void> {
    const ids = this.#some()
    const operation = this.#begin(tenant, ids.map(deleteEffect))
    const options = this.#callOptions()
    const answer = await this.#caller.ask(operation, options, (node) =>
      node.writer.deleteMany(this.#scope(node, tenant), ids, options),
    )
    if (isValue(answer)) this.#context.answers.batch(operation, answer.value)
    else this.#failed(operation, answer, true)
  }

  async #deleteWhere(tenant: TenantId): Promise<void> {
    const group = this.#dice.pick(groups)
    const effects = this.#context.plan.documents.map(
      (document): Effect => ({ document, what: { kind: 'delete', group }, failed: false }),
    )
    const operation = this.#begin(tenant, effects)
    const options = this.#callOptions()
    const answer = await this.#caller.ask(operation, options, (node) =>
      node.writer.deleteWhere(this.#scope(node, tenant), { group }, options),
    )
    if (!isValue(answer)) this.#failed(operation, answer, true)
  }

  async #putMany(tenant: TenantId): Promise<void> {
    const inputs = this.#some().map((document) => this.#invent(tenant, document))
    const operation = this.#begin(tenant, inputs.map(putEffect))
    const options = this.#callOptions()
    const answer = await this.#caller.ask(operation, options, (node) =>
      node.writer.putMany(this.#scope(node, tenant), inputs, options),
    )
    if (isValue(answer)) this.#context.answers.batch(operation, answer.value)
    else this.#failed(operation, answer, true)
  }

  async #transaction(tenant: TenantId): Promise<void> {
    const [gone, ...rest] = this.#some()
    // Nobody sends these again, so that the checker can tell what came by this transaction.
    const inputs = rest.map((document) => inventDocument(this.#dice, document, tenant, this.#context.history.nextId()))
    const operation = this.#begin(tenant, [...inputs.map(putEffect), deleteEffect(gone!)], true)
    const regrets = this.#dice.chance(0.2)
    const options = this.#callOptions()
    const { errands, history } = this.#context
    const life = history.restores
    const answer = await this.#caller.ask(operation, options, (node) =>
      node.writer.transaction(
        tenant,
        async (transaction) => {
          for (const input of inputs) await transaction.put(node.plan, input)
          await transaction.delete(node.plan, gone!)
          await errands?.leave(transaction, operation)
          if (regrets) throw new HeadwaterError('HW_INVALID_ARGUMENT', 'The caller regrets')
        },
        options,
      ),
    )
    if (isValue(answer)) {
      for (const effect of operation.effects) this.#context.answers.happened(operation, effect)
      errands?.happened(operation, life)
    } else {
      this.#failed(operation, answer, false)
      errands?.failed(operation)
    }
  }

  /** One request under one key, sent until it is acknowledged and now and then again; once with another body. */
  async #keyed(tenant: TenantId, document: string): Promise<void> {
    const input = this.#invent(tenant, document)
    const kind = this.#dice.weighted({ put: 5, patch: 2, delete: 2 })
    const effect =
      kind === 'put'
        ? putEffect(input)
        : kind === 'patch'
          ? patchEffect(document, this.#inventPatch())
          : deleteEffect(document)
    const operation = this.#begin(tenant, [effect])
    const idempotencyKey = `key${operation.id}`
    let first: DocumentReceipt | undefined
    // A key that was lost in a restore applies anew.
    let life = this.#context.history.restores
    let known = true
    for (let attempt = this.#dice.between(2, 5); attempt > 0; attempt--) {
      const options = { ...this.#callOptions(), idempotencyKey }
      const answer = await this.#caller.ask(operation, options, (node) => {
        const scope = this.#scope(node, tenant)
        if (kind === 'put') return node.writer.put(scope, input, options)
        if (kind === 'patch') return node.writer.patch(scope, document, { metadata: patchOf(operation) }, options)
        return node.writer.delete(scope, document, options)
      })
      if (life !== this.#context.history.restores) {
        life = this.#context.history.restores
        first = undefined
        known = false
        // It may have been done before or after: either is an answer, but none to hold the next against.
        if (isValue(answer)) this.#receive(operation, answer)
        continue
      }
      if (isValue(answer)) {
        first ??= this.#receive(operation, answer)
        if (answer.value.version !== first?.version || answer.value.fence !== first.fence) {
          this.#context.world.violate(12, `${idempotencyKey} was answered with version ${answer.value.version} later`)
        }
      } else if (answer === 'crashed' || isHeadwaterError(answer.error, 'HW_COMMIT_UNKNOWN')) known = false
      else if (first && isHeadwaterError(answer.error, 'HW_IDEMPOTENCY_CONFLICT')) {
        this.#context.world.violate(12, `${idempotencyKey} was refused though its request is the same`)
      } else if (attempt === 1 && !first && known) this.#failed(operation, answer, false)
      await this.#pause(this.#context.plan.thinkMs * 2)
    }
    if (first && this.#dice.chance(0.3)) await this.#otherBody(tenant, document, idempotencyKey, life)
  }

  async #otherBody(tenant: TenantId, document: string, idempotencyKey: string, life: number): Promise<void> {
    const other = this.#invent(tenant, document)
    const operation = this.#begin(tenant, [putEffect(other)])
    const options: DocumentWriteOptions = { idempotencyKey }
    const answer = await this.#caller.ask(operation, options, (node) =>
      node.writer.put(this.#scope(node, tenant), other, options),
    )
    const isKept = life === this.#context.history.restores
    if (isValue(answer) && isKept) this.#context.world.violate(12, `${idempotencyKey} took another request`)
    else if (isValue(answer)) this.#receive(operation, answer)
    else this.#failed(operation, answer, false)
  }

  async #get(tenant: TenantId, document: string): Promise<void> {
    const since = this.#context.world.scheduler.now
    const answer = await this.#caller.call(async (node) => {
      const scope = this.#scope(node, tenant)
      return node.ports.truth.session(scope).documents.get(scope, document)
    })
    if (isValue(answer)) this.#context.answers.got(tenant, document, since, answer.value)
    else this.#caller.legitimate(answer)
  }

  async #search(tenant: TenantId): Promise<void> {
    const since = this.#context.world.scheduler.now
    const request = {
      query: this.#dice.pick(words),
      mode: this.#dice.pick(['hybrid', 'hybrid', 'text', 'vector'] as const),
      ...(this.#dice.chance(0.3) && { filter: { group: this.#dice.pick(groups) } }),
    }
    const answer = await this.#caller.call((node) =>
      node.searcher.search(this.#scope(node, tenant), undefined, request, { timeoutMs: 1_000, legTimeoutMs: 100 }),
    )
    if (isValue(answer)) this.#context.answers.found(tenant, since, answer.value)
    else this.#caller.legitimate(answer)
  }

  async #waitFor(): Promise<void> {
    const { receipts, history, indexes } = this.#context
    if (receipts.length === 0) return
    const receipt = this.#dice.pick(receipts)
    const { tenant, id, fence } = receipt
    const answer = await this.#caller.call((node) => node.writer.waitFor(tenant, receipt, { timeoutMs: 500 }))
    if (!isValue(answer)) return this.#caller.legitimate(answer)
    if (history.states(tenant, id).at(-1)!.fence !== fence) return
    for (const target of ['vector', 'text'] as const) indexes.compare(target, { tenant, document: id })
  }

  async #look(work: (node: Node) => Promise<unknown>): Promise<void> {
    const answer = await this.#caller.call(work)
    if (!isValue(answer)) this.#caller.legitimate(answer)
  }

  async #collect({ ports }: Node): Promise<void> {
    const { truth, blobs, clock } = ports
    const [graceMs, deep] = [this.#dice.pick([1, 100]), this.#dice.chance(0.3)]
    await collectBlobs({ truth, blobs: blobs!, clock }, { dryRun: false, graceMs, deep, timeoutMs: 2_000 })
  }

  #invent(tenant: TenantId, document: string, blob?: { data: string }): DocumentInput {
    const invented = inventDocument(this.#dice, document, tenant, this.#context.history.nextId())
    const input = blob ? { ...invented, blob } : invented
    const place = `${tenant}/${document}`
    const earlier = this.#context.sent.get(place)
    if (earlier) earlier.push(input)
    else this.#context.sent.set(place, [input])
    return input
  }

  /** `p` is the mark by which the checker knows this patch. */
  #inventPatch(): JsonObject {
    const p = this.#context.history.nextId()
    return this.#dice.chance(0.3) ? { p, group: this.#dice.pick(groups) } : { p }
  }

  /** Two to five documents, each once. */
  #some(): string[] {
    const left = [...this.#context.plan.documents]
    return Array.from({ length: Math.min(left.length, this.#dice.between(2, 5)) }, () => {
      return left.splice(this.#dice.between(0, left.length - 1), 1)[0]!
    })
  }

  #callOptions(): CallOptions {
    if (!this.#dice.chance(this.#context.plan.hurried)) return {}
    return { timeoutMs: this.#dice.between(1, 300) }
  }

  #scope(node: Node, tenant: TenantId): Scope {
    return { tenant, collection: node.plan.name }
  }

  #begin(tenant: TenantId, effects: readonly Effect[], atomic = false): Operation {
    const { history, world } = this.#context
    const operation: Operation = { id: history.nextId(), tenant, effects, atomic, startedAt: world.scheduler.now }
    history.begin(operation)
    return operation
  }

  #receive(operation: Operation, answer: Answer<DocumentReceipt>): DocumentReceipt | undefined {
    if (!isValue(answer)) {
      this.#failed(operation, answer, false)
      return undefined
    }
    this.#context.answers.receipt(operation, answer.value)
    this.#context.receipts.push(answer.value)
    return answer.value
  }

  #failed(operation: Operation, answer: { readonly error: unknown } | 'crashed', partly: boolean): void {
    if (answer !== 'crashed') this.#context.answers.failed(operation, answer.error, partly)
  }

  #pause(longest: number): Promise<void> {
    return this.#context.world.scheduler.delay(this.#dice.between(0, longest))
  }
}
