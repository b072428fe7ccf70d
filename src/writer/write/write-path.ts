import { abortable } from '../../core/abort'
import { type Deadline, withDeadline } from '../../core/deadline'
import { type Scope, uuidV7 } from '../../core/ids'
import { told } from '../../observability/told'
import type { WrittenRow } from '../../repositories/documents'
import type { TruthSession } from '../../repositories/truth'
import type { WriterOptions, WriterPorts } from '../ports'
import type { JobRunner, Preset } from '../relay/job-runner'
import { ApplyTogether, type Fate } from './apply-together'
import type { BatchTally } from './batch-write'
import { committed, committedAlone, once } from './committed'
import { knownSplitter } from './known-splitter'
import { type BatchResult, type Delivery, type DocumentReceipt, epochOf, type Receipt } from './receipt'
import type { Claim, DocumentOutcome, WriteContext, Written } from './write-documents'

interface KeyedOptions {
  readonly idempotencyKey?: string | undefined
  readonly ifVersion?: number | undefined
}

/** How a write of one document goes: in a transaction, or before that in one statement with others'. */
export interface Way {
  locked(context: WriteContext): Promise<Written>
  /** Undefined, and nothing is written, where what it was made for no longer holds. */
  readonly grouped?: (() => Promise<GroupedWrite | undefined>) | undefined
}

/** What became of a document that was written with others. */
export interface GroupedWrite {
  readonly written: Written
  /** Of the jobs of all. */
  readonly fate: Promise<Fate> | undefined
}

/** How a batch goes: in a transaction, or before that in one statement. */
export interface BatchWay {
  locked(context: WriteContext): Promise<Written>
  /** Undefined, and nothing is written, where what it was made for no longer holds. */
  readonly alone?: ((context: WriteContext) => Promise<Alone | undefined>) | undefined
  /** Where its answer was lost: what is left to do beside what its marker says. Nothing, if left out. */
  readonly resumed?: ((written: Written) => Alone) | undefined
}

export interface Alone {
  readonly written: Written
  /** Writes in a transaction what somebody else was at; returns all that was written. */
  readonly more?: ((context: WriteContext) => Promise<Written>) | undefined
}

/** The way of every write: one transaction to a known end, then its own jobs within a small deadline. */
export class WritePath {
  readonly #ports: WriterPorts
  readonly #options: WriterOptions
  readonly #runner: JobRunner
  readonly #together: ApplyTogether
  readonly #nudge: () => void

  constructor(ports: WriterPorts, options: WriterOptions, runner: JobRunner, nudge: () => void) {
    this.#ports = ports
    this.#options = options
    this.#runner = runner
    this.#together = new ApplyTogether(ports.clock, options, runner)
    this.#nudge = nudge
  }

  /** A write to one document. `preset` is what this process knows of it already. */
  async one(
    scope: Scope,
    options: KeyedOptions,
    deadline: Deadline,
    request: string,
    preset: ((written: Written) => Preset) | undefined,
    way: Way,
  ): Promise<DocumentReceipt> {
    let written: Written | undefined
    let fate: Promise<Fate> | undefined
    const claim = this.#claim()
    const receiptOfOne = ({ outcomes }: Written): DocumentReceipt => {
      const outcome = outcomes[0]!
      return { ...receiptOf(scope, outcome.fence, [outcome.id]), ...outcome }
    }
    const receipt = await this.#told(
      scope,
      () => written?.outcomes,
      async () => {
        const grouped = options.idempotencyKey === undefined ? await way.grouped?.() : undefined
        if (grouped) {
          written = grouped.written
          fate = grouped.fate
          return receiptOfOne(written)
        }
        return committed(this.#ports, scope.tenant, deadline.options(), (session) => {
          written = undefined
          return once(session, scope.tenant, options.idempotencyKey, request, async () => {
            written = await way.locked(this.#context(session, scope, claim, deadline, options.ifVersion))
            return receiptOfOne(written)
          })
        })
      },
    )
    const done = written as Written | undefined
    if (!done) return receipt
    this.#ports.truncated?.add(scope.collection, truncatedIn(done.outcomes))
    if (receipt.unchanged) return this.settled(scope, done.outcomes[0]!, deadline)
    if (!fate && done.claimed.length > 0) fate = this.#together.apply(done.claimed, preset?.(done))
    const applied = await this.#applyOne(done.outcomes[0]!.id, fate, deadline)
    return { ...receipt, targets: { vector: applied, text: applied } }
  }

  /** A write to a batch, keyed by its number where the caller gave a key. Its jobs are applied by `apply`. */
  async batch(
    scope: Scope,
    options: KeyedOptions,
    deadline: Deadline,
    number: string,
    request: string,
    way: BatchWay,
  ): Promise<Written> {
    const key = options.idempotencyKey === undefined ? undefined : `${options.idempotencyKey}#${number}`
    let fresh: Written | undefined
    const written = await this.#told(
      scope,
      () => fresh?.outcomes,
      async () => {
        const alone = await this.#alone(scope, options, deadline, this.#claim(), way)
        fresh = alone?.written
        if (alone && !alone.more) return alone.written
        const locked = alone?.more ?? way.locked
        // What is claimed already may not be known: it keeps a token that nobody ends.
        const claim = this.#claim()
        return committed(this.#ports, scope.tenant, deadline.options(), async (session) => {
          fresh = undefined
          const outcomes = await once(session, scope.tenant, key, request, async () => {
            fresh = await locked(this.#context(session, scope, claim, deadline))
            return fresh.outcomes
          })
          return fresh ?? withoutJobs(outcomes)
        })
      },
    )
    if (fresh) this.#ports.truncated?.add(scope.collection, truncatedIn(written.outcomes))
    return written
  }

  /** A batch of which nothing is to be written. */
  unchanged(scope: Scope, outcomes: readonly DocumentOutcome[]): Promise<Written> {
    return told(
      'headwater:write',
      this.#ports.clock,
      async () => withoutJobs(outcomes),
      (ended) => {
        const counts = { written: 0, unchanged: outcomes.length, truncated: 0 }
        return { ...ended, ...scope, by: 'call' as const, ...counts }
      },
    )
  }

  /** Undefined where the write must go the other way: under a caller's key, or because something else was found. */
  async #alone(
    scope: Scope,
    options: KeyedOptions,
    deadline: Deadline,
    claim: Claim | undefined,
    { alone, resumed = (written) => ({ written }) }: Pick<BatchWay, 'alone' | 'resumed'>,
  ): Promise<Alone | undefined> {
    if (!alone || options.idempotencyKey !== undefined) return undefined
    return committedAlone<Alone | undefined>(
      this.#ports,
      scope.tenant,
      deadline.options(),
      (session, marker) => alone({ ...this.#context(session, scope, claim, deadline, options.ifVersion), marker }),
      // What it claimed is not known: its lease runs out.
      (receipt) => {
        const rows = receipt as unknown as WrittenRow[]
        return resumed(withoutJobs(rows.map((row) => ({ ...row, unchanged: false }))))
      },
    )
  }

  /** What is told of a write that comes to a known end. */
  #told<T>(scope: Scope, outcomes: () => Written['outcomes'] | undefined, work: () => Promise<T>): Promise<T> {
    return told('headwater:write', this.#ports.clock, work, (ended) => {
      const done = ended.code === null ? (outcomes() ?? []) : []
      const unchanged = done.filter((outcome) => outcome.unchanged).length
      const truncated = truncatedIn(done)
      return { ...ended, ...scope, by: 'call' as const, written: done.length - unchanged, unchanged, truncated }
    })
  }

  #context(
    session: TruthSession,
    scope: Scope,
    claim: Claim | undefined,
    deadline: Deadline,
    ifVersion?: number,
  ): WriteContext {
    const { blobs, clock, collections, attached } = this.#ports
    const chunking = collections.get(scope.collection)!.splitter.id
    const splitterOf = (id: string) => knownSplitter(this.#ports, scope.collection, id)
    const cached = this.#ports.entries?.wanted ?? false
    const cutting = { chunking, splitterOf }
    return {
      session,
      blobs,
      call: deadline.options(),
      scope,
      ...cutting,
      now: clock.now(),
      claim,
      ifVersion,
      cached,
      attached,
    }
  }

  #claim(): Claim | undefined {
    if (this.#options.relay === 'external') return undefined
    return { token: uuidV7(this.#ports.clock, this.#ports.random), leaseMs: this.#options.leaseMs }
  }

  /** Writes documents of several callers in one statement; their jobs are applied together. By id, where it was written. */
  async group(
    scope: Scope,
    deadline: Deadline,
    write: (context: WriteContext) => Promise<Written | undefined>,
    preset: (written: Written) => Preset,
  ): Promise<(id: string) => GroupedWrite | undefined> {
    const alone = await this.#alone(scope, {}, deadline, this.#claim(), {
      alone: async (context) => {
        const written = await write(context)
        return written && { written }
      },
    })
    if (!alone) return () => undefined
    const { outcomes, claimed, states } = alone.written
    const fate = claimed.length > 0 ? this.#together.apply(claimed, preset(alone.written)) : undefined
    const byId = new Map(outcomes.map((outcome) => [outcome.id, outcome]))
    return (id) => {
      const outcome = byId.get(id)
      return outcome && { written: { outcomes: [outcome], claimed, states }, fate }
    }
  }

  /** As `apply`, together with what other writes have committed meanwhile. A caller who goes ends his own waiting alone. */
  async #applyOne(id: string, applying: Promise<Fate> | undefined, deadline: Deadline): Promise<Delivery> {
    const timeoutMs = Math.min(this.#options.inlineTimeoutMs, deadline.remaining())
    const fate =
      applying === undefined
        ? undefined
        : await withDeadline(this.#ports.clock, { signal: deadline.signal, timeoutMs }, undefined, ({ signal }) =>
            abortable(applying, signal),
          ).catch(() => undefined)
    const applied = fate?.applied(id) ?? false
    if (!applied || fate?.uncached) this.#nudge()
    return applied ? 'applied' : 'queued'
  }

  /** Projects what this write has claimed. The write stands already: whatever fails here is the relay's. */
  async apply(written: Written, deadline: Deadline, preset?: (written: Written) => Preset): Promise<Delivery> {
    if (written.outcomes.every((outcome) => outcome.unchanged)) return 'applied'
    let applied = false
    if (written.claimed.length > 0) {
      const options = {
        signal: deadline.signal,
        timeoutMs: Math.min(this.#options.inlineTimeoutMs, deadline.remaining()),
      }
      try {
        await withDeadline(this.#ports.clock, options, undefined, async (inline) => {
          // At the deadline the caller is answered; the run gives back by itself what it holds.
          const run = this.#runner.run(written.claimed, inline.options(), preset?.(written))
          const result = await abortable(run, inline.signal)
          applied = result.applied + result.uncached === written.claimed.length
          if (result.uncached > 0) this.#nudge()
        })
      } catch {
        // The lease runs out, and the relay takes over.
      }
    }
    if (applied) return 'applied'
    this.#nudge()
    return 'queued'
  }

  /** The receipt of a document that was as asked already: an earlier write of it may still be on its way. */
  async settled(
    scope: Scope,
    outcome: { id: string; version: number; fence: number; unchanged: boolean },
    deadline: Deadline,
  ): Promise<DocumentReceipt> {
    const receipt = receiptOf(scope, outcome.fence, [outcome.id])
    return { ...receipt, ...outcome, targets: await this.#targets(receipt, deadline) }
  }

  /** The result of a call over many batches. */
  async settledBatch(scope: Scope, result: BatchTally, deadline: Deadline): Promise<BatchResult> {
    const { written, unchanged, failed, failedCount, queued, fence, ids, truncated } = result
    const receipt = receiptOf(scope, fence, ids)
    const targets =
      queued || unchanged === 0
        ? ({ vector: queued ? 'queued' : 'applied', text: queued ? 'queued' : 'applied' } as const)
        : // The batch is written, whatever becomes of this question.
          await this.#targets(receipt, deadline).catch(() => receipt.targets)
    return {
      written,
      unchanged,
      failed,
      failedCount,
      receipt: { ...receipt, targets, ...(truncated > 0 && { truncated }) },
    }
  }

  async #targets(receipt: Receipt, deadline: Deadline): Promise<Receipt['targets']> {
    const query = {
      tenant: receipt.tenant,
      collection: receipt.collection,
      upTo: receipt.fence,
      documents: receipt.ids,
    }
    const pending = await this.#ports.truth.session({ tenant: receipt.tenant }).jobs.pending(query, deadline.options())
    const delivery = (target: string): Delivery => (pending.some((job) => job.target === target) ? 'queued' : 'applied')
    return { vector: delivery('vector'), text: delivery('text') }
  }
}

function withoutJobs(outcomes: readonly DocumentOutcome[]): Written {
  return { outcomes, claimed: [], states: new Map() }
}

function truncatedIn(outcomes: Written['outcomes']): number {
  return outcomes.reduce((sum, { truncated = 0 }) => sum + truncated, 0)
}

function receiptOf(scope: Scope, fence: number, ids: readonly string[] | undefined): Receipt {
  return {
    tenant: scope.tenant,
    collection: scope.collection,
    epoch: epochOf(fence),
    lsn: null,
    fence,
    ...(ids && { ids }),
    targets: { vector: 'queued', text: 'queued' },
  }
}
