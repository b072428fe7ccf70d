import type { CallOptions } from '../../core/abort'
import { throwIfAborted } from '../../core/abort'
import { withinDeadline } from '../../core/deadline'
import { asHeadwaterError, type ErrorCode, HeadwaterError, isHeadwaterError } from '../../core/errors'
import { type CollectionName, collectionName } from '../../core/ids'
import type { Embedder } from '../../embeddings/embedder'
import { publish } from '../../observability/channels'
import type { Generation, GenerationRepository, NewGeneration, Target } from '../../repositories/generations'
import { type CollectionPlan, type WriterPorts, writerDefaults } from '../ports'
import { markerIn, readIndexState } from '../reconcile/index-state'
import { blueprint, createPhysical, followAlias, inEpoch, isAs } from './generations'
import { copyByHalves, prepareCopy } from './index-copy'
import { Pace } from './pace'
import { dropRetired, retire } from './retired'
import { givenUp, proveAndSwitch } from './switch-generation'

/** How far a rebuild is. Phases come in this order; 'verify' may begin again. */
export interface RebuildProgress {
  readonly phase: 'copy' | 'verify' | 'switch'
  /** Chunks copied, or compared in this check. What an earlier run copied is counted too, as an estimate. */
  readonly done: number
  /** Chunks there were at the beginning. */
  readonly total: number
  /** Chunks of this phase and this run. */
  readonly perSecond: number
  /** Until the phase is over, at that speed; null while there is none. */
  readonly etaMs: number | null
}

export interface RebuildOptions extends CallOptions {
  target: Target
  collection: CollectionPlan
  /** The space to rebuild in; the collection's own when left out. */
  embedder?: Embedder | undefined
  /** The language to rebuild for; the collection's own when left out. */
  language?: string | undefined
  /** 'standby' leaves the live generation live: for a fallback of another space. 'live' by default. */
  as?: 'live' | 'standby' | undefined
  /** Chunks a second at most; no limit when left out. */
  rate?: number | undefined
  onProgress?: ((progress: RebuildProgress) => void) | undefined
}

export interface RebuildResult {
  readonly generation: string
  readonly fingerprint: string | null
  /** Chunks copied by this call; fewer than there are where it went on from an earlier run. */
  readonly copied: number
  /** Entries that the verification found different and mended before the switch. */
  readonly mended: number
}

interface WrittenPage {
  readonly count: number
  /** Undefined for the last one. */
  readonly upTo: string | undefined
  readonly written: Promise<void>
}

/** Pages that are being written at once: the store has work while the next is made ready. */
const pagesAtOnce = 2

/**
 * Builds a generation beside the live one, proves it equal, and switches. The copy goes by chunk id in short
 * transactions with a stored checkpoint, so that a run that was killed is resumed by the next; jobs are applied to both
 * generations meanwhile, and a late copy cannot overwrite what they wrote, because of the fences.
 */
export function rebuild(ports: WriterPorts, options: RebuildOptions): Promise<RebuildResult> {
  return withinDeadline(ports.clock, options, undefined, ({ signal }) => new Rebuild(ports, options, signal).run())
}

class Rebuild {
  readonly #ports: WriterPorts
  readonly #options: RebuildOptions
  readonly #signal: AbortSignal
  readonly #pace: Pace
  readonly #plan: CollectionPlan
  readonly #collection: CollectionName
  readonly #to: 'live' | 'standby'
  readonly #batch: number
  #copied = 0
  #total = 0
  #done = 0
  #phase: { readonly name: RebuildProgress['phase']; readonly at: number; readonly from: number } | undefined

  constructor(ports: WriterPorts, options: RebuildOptions, signal: AbortSignal) {
    this.#ports = ports
    this.#options = options
    this.#signal = signal
    this.#pace = new Pace(ports, options.rate, signal)
    const { as = 'live', collection } = options
    if (as !== 'live' && as !== 'standby') {
      throw new HeadwaterError('HW_INVALID_OPTIONS', `as: must be live or standby, got ${JSON.stringify(as)}`, {
        path: 'as',
      })
    }
    this.#to = as
    this.#batch = ports.options?.copyBatch ?? writerDefaults.copyBatch
    this.#plan = {
      ...collection,
      embedder: options.embedder ?? collection.embedder,
      language: options.language ?? collection.language,
    }
    this.#collection = collectionName(collection.name)
  }

  async run(): Promise<RebuildResult> {
    try {
      return await this.#build()
    } catch (error) {
      this.#tell('failed', this.#copied, asHeadwaterError(error).code)
      throw error
    }
  }

  async #build(): Promise<RebuildResult> {
    const generation = await this.#begin()
    try {
      return await this.#fill(generation)
    } catch (error) {
      // The index of a generation that somebody else has dropped is gone in the middle of the work.
      if (isHeadwaterError(error, 'HW_GENERATION_MISSING') && (await this.#isDropped(generation))) {
        throw givenUp(generation.name, error)
      }
      throw error
    }
  }

  async #fill(generation: Generation): Promise<RebuildResult> {
    const { chunks } = this.#ports.truth.session({ worker: true })
    this.#total = await chunks.count({ collection: this.#collection }, generation.chunking)
    await this.#copy(generation)
    const mended = await proveAndSwitch(this.#ports, generation, {
      from: 'building',
      to: this.#to,
      fallback: this.#options.target === 'vector' ? this.#plan.fallback?.fingerprint : undefined,
      pace: this.#pace,
      signal: this.#signal,
      onStep: (phase, compared) => this.#progress(phase, phase === 'switch' ? this.#total : compared),
    })
    return { generation: generation.name, fingerprint: generation.fingerprint, copied: this.#copied, mended }
  }

  /** The generation to build: one that an earlier run left, if it is of the same make and whole, else a new one. */
  async #begin(): Promise<Generation> {
    const found = await this.#row([])
    await this.#tidy()
    if (found.checkpoint === null || (await this.#isAsMarked(found))) {
      if (found.checkpoint === null) await createPhysical(this.#ports, found, { signal: this.#signal })
      return found
    }
    const anew = await this.#row([found.id])
    await createPhysical(this.#ports, anew, { signal: this.#signal })
    return anew
  }

  #row(lost: readonly number[]): Promise<Generation> {
    const { target } = this.#options
    const wanted = blueprint(this.#ports, this.#plan, target)
    const collection = this.#collection
    return this.#ports.truth.transaction({ worker: true }, async (session) => {
      const { generations, registry } = session
      await generations.lock(target, collection)
      if (this.#to === 'standby') await this.#assertOther(wanted, generations)
      const building = await generations.list({ target, collection, states: ['building'] })
      await retire(
        session,
        building.filter(({ id }) => lost.includes(id)),
      )
      const same = building.find((one) => isAs(one, wanted) && !lost.includes(one.id))
      return same ?? generations.create(inEpoch(wanted, await registry.epoch()))
    })
  }

  /** A standby generation of the live one's space would serve nobody. */
  async #assertOther({ target, fingerprint }: NewGeneration, generations: GenerationRepository): Promise<void> {
    const live = await generations.list({ target, collection: this.#collection, states: ['live'] })
    if (target === 'vector' && live.every((one) => one.fingerprint !== fingerprint)) return
    throw new HeadwaterError(
      'HW_INVALID_OPTIONS',
      `as: 'standby' is for target 'vector' and an embedder of another space than ${live[0]?.fingerprint ?? target}`,
      { path: 'as' },
    )
  }

  /** What a run left that died in its last steps: an alias that did not follow, indexes that were not dropped. */
  async #tidy(): Promise<void> {
    const call = { signal: this.#signal }
    const place = { target: this.#options.target, collection: this.#collection }
    await followAlias(this.#ports, place, call).catch(() => undefined)
    await dropRetired(this.#ports, call).catch(() => undefined)
  }

  /** False where the index was wiped or set back since: then its checkpoint says nothing. */
  async #isAsMarked(generation: Generation): Promise<boolean> {
    const { registry } = this.#ports.truth.session({ worker: true })
    const { mark } = await readIndexState(registry, generation.id)
    const seen = await markerIn(this.#ports, generation, { signal: this.#signal })
    return mark !== null && seen?.generation === generation.id && seen.fence === mark.fence
  }

  async #isDropped({ id }: Generation): Promise<boolean> {
    const { generations } = this.#ports.truth.session({ worker: true })
    return (await generations.list({ states: ['dropped'] })).some((one) => one.id === id)
  }

  /** The next page is read while some are being written; a checkpoint is stored when all up to it are. */
  async #copy(generation: Generation): Promise<void> {
    const before = Math.round(this.#total * shareUpTo(generation.checkpoint))
    this.#phase = { name: 'copy', at: this.#ports.clock.monotonic(), from: before }
    const writing: WrittenPage[] = []
    let storing = Promise.resolve()
    try {
      let reading = this.#read(generation, generation.checkpoint ?? undefined)
      for (;;) {
        const { count, upTo, write } = await reading
        throwIfAborted(this.#signal)
        if (upTo !== undefined) reading = heardLater(this.#read(generation, upTo))
        writing.push({ count, upTo, written: heardLater(this.#pace.through(write)) })
        while (writing.length === pagesAtOnce || (upTo === undefined && writing.length > 0)) {
          const page = writing[0]!
          await page.written
          writing.shift()
          this.#copied += page.count
          this.#progress('copy', Math.min(before + this.#copied, this.#total))
          await storing
          if (page.upTo === undefined) return
          storing = heardLater(this.#store(generation, page.upTo))
          await this.#pace.after(page.count)
        }
      }
    } finally {
      // Nothing is written any more once the call has ended.
      await Promise.allSettled([storing, ...writing.map(({ written }) => written)])
    }
  }

  #store({ id }: Generation, checkpoint: string): Promise<void> {
    return this.#ports.truth.session({ worker: true }).generations.update(id, { checkpoint })
  }

  async #read(generation: Generation, after: string | undefined) {
    const { collection, chunking, fingerprint } = generation
    const call = { signal: this.#signal }
    const { chunks } = this.#ports.truth.session({ worker: true })
    const contents = await chunks.contents({ collection, chunking, after, limit: this.#batch }, fingerprint, call)
    const byHalves = (error: unknown) => copyByHalves(this.#ports, generation, contents, call, error)
    // What an embedder refuses is met when it would be written.
    const prepared = await this.#pace
      .through(() => prepareCopy(this.#ports, generation, contents, call))
      .catch((error: unknown) => () => Promise.reject(error))
    const write = () => prepared().catch(byHalves)
    const upTo = contents.length < this.#batch ? undefined : contents.at(-1)!.id
    return { count: contents.length, upTo, write }
  }

  #progress(phase: RebuildProgress['phase'], done: number): void {
    const now = this.#ports.clock.monotonic()
    const isNew = this.#phase?.name !== phase || done < this.#done
    if (isNew || !this.#phase) this.#phase = { name: phase, at: now, from: 0 }
    this.#done = done
    this.#tell(phase, done, null)
    const perSecond = Math.round(((done - this.#phase.from) * 1_000) / Math.max(1, now - this.#phase.at))
    const left = phase === 'switch' ? 0 : Math.max(0, this.#total - done)
    const etaMs = left === 0 ? 0 : perSecond > 0 ? Math.round((left * 1_000) / perSecond) : null
    this.#options.onProgress?.({ phase, done, total: this.#total, perSecond, etaMs })
  }

  #tell(phase: RebuildProgress['phase'] | 'failed', done: number, code: ErrorCode | null): void {
    const { target } = this.#options
    publish('headwater:rebuild', () => ({ target, collection: this.#plan.name, phase, done, code }))
  }
}

/** How much of all chunks has an id up to this one: they are hashes, so evenly spread. */
function shareUpTo(id: string | null): number {
  return id === null ? 0 : Number.parseInt(id.slice(0, 8), 16) / 2 ** 32
}

/** Its failure is met where it is awaited, unless another's comes first. */
function heardLater<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  return work
}
