import type { CallOptions } from '../../core/abort'
import { withinDeadline } from '../../core/deadline'
import { asHeadwaterError, type ErrorCode, HeadwaterError, isHeadwaterError } from '../../core/errors'
import { type CollectionName, collectionName } from '../../core/ids'
import type { Embedder } from '../../embeddings/embedder'
import { publish } from '../../observability/channels'
import type { Generation, NewGeneration, Target } from '../../repositories/generations'
import { engineNames, mainEngine } from '../../repositories/index-engines'
import type { Splitter } from '../../splitter/splitter'
import type { CollectionPlan, WriterPorts } from '../ports'
import { markerIn, readIndexState } from '../reconcile/index-state'
import { cutUncut } from './cut-uncut'
import { GenerationCopy } from './generation-copy'
import { allTargets, blueprint, createPhysical, followAlias, inEpoch, isAs, lockTargets } from './generations'
import { Pace } from './pace'
import { dropRetired, retire } from './retired'
import { givenUp, proveAndSwitch } from './switch-generation'
import { purgeChunking } from './unused-chunkings'

/** How far a rebuild is. Phases come in this order; 'verify' may begin again. */
export interface RebuildProgress {
  /** 'cut' with another splitter alone. */
  readonly phase: 'cut' | 'copy' | 'verify' | 'switch'
  /**
   * Documents cut; then chunks copied, or compared in this check, in all indexes that are built. What an earlier run
   * copied is counted too, as an estimate.
   */
  readonly done: number
  /** Documents to cut, or chunks to copy, there were at the beginning of the phase. */
  readonly total: number
  /** Of this phase and this run. */
  readonly perSecond: number
  /** Until the phase is over, at that speed; null while there is none. */
  readonly etaMs: number | null
}

export interface RebuildOptions extends CallOptions {
  collection: CollectionPlan
  /** The space to rebuild in; the collection's own when left out. */
  embedder?: Embedder | undefined
  /** The language to rebuild for; the collection's own when left out. */
  language?: string | undefined
  /** Name of the engine to rebuild in; the one that the live index is in when left out. */
  engine?: string | undefined
  /** 'standby' leaves the live generation live: for a fallback of another space. 'live' by default. */
  as?: 'live' | 'standby' | undefined
  /** Chunks a second at most; no limit when left out. */
  rate?: number | undefined
  onProgress?: ((progress: RebuildProgress) => void) | undefined
}

export interface RebuildResult {
  readonly generation: string
  readonly fingerprint: string | null
  /** Where it is; null for ports whose engines have no names. */
  readonly engine: string | null
  /** Chunks copied by this call; fewer than there are where it went on from an earlier run. */
  readonly copied: number
  /** Entries that the verification found different and mended before the switch. */
  readonly mended: number
}

/** What a rebuild with another splitter came to, which is of both targets. */
export interface RecutResult {
  /** Names of the generations that are live now. */
  readonly generations: { readonly vector: string; readonly text: string }
  readonly fingerprint: string
  /** Id of the splitter. */
  readonly chunking: string
  /** Documents that this call cut; others were by an earlier run, or by who wrote them meanwhile. */
  readonly cut: number
  /** Entries copied by this call, of both indexes. */
  readonly copied: number
  readonly mended: number
}

interface Built extends Pick<RecutResult, 'cut' | 'copied' | 'mended'> {
  readonly generations: readonly Generation[]
}

/**
 * Builds a generation beside the live one, proves it equal, and switches. The copy goes by chunk id in short
 * transactions with a stored checkpoint, so that a run that was killed is resumed by the next; jobs are applied to both
 * generations meanwhile, and a late copy cannot overwrite what they wrote, because of the fences.
 */
export async function rebuild(
  ports: WriterPorts,
  { target, ...options }: RebuildOptions & { target: Target },
): Promise<RebuildResult> {
  const { generations, copied, mended } = await build(ports, [target], undefined, options)
  const { name, fingerprint, engine } = generations[0]!
  return { generation: name, fingerprint, engine, copied, mended }
}

/**
 * As `rebuild`, of both targets, for what `splitter` cuts: the documents are cut anew beside the live chunks first, and
 * both are switched to in one step. Whoever writes meanwhile cuts for both.
 */
export async function recut(
  ports: WriterPorts,
  { splitter, ...options }: RebuildOptions & { splitter: Splitter },
): Promise<RecutResult> {
  if (options.as === 'standby') {
    throw new HeadwaterError('HW_INVALID_OPTIONS', "as: 'standby' is for an embedder, not for a splitter", {
      path: 'as',
    })
  }
  const splitters = new Map(ports.splitters).set(splitter.id, splitter)
  const { generations, ...counts } = await build({ ...ports, splitters }, allTargets, splitter, options)
  const [vector, text] = generations as [Generation, Generation]
  const { fingerprint, chunking } = vector
  return { generations: { vector: vector.name, text: text.name }, fingerprint: fingerprint!, chunking, ...counts }
}

function build(
  ports: WriterPorts,
  targets: readonly Target[],
  splitter: Splitter | undefined,
  options: RebuildOptions,
): Promise<Built> {
  return withinDeadline(ports.clock, options, undefined, ({ signal }) =>
    new Rebuild(ports, targets, splitter, options, signal).run(),
  )
}

class Rebuild {
  readonly #ports: WriterPorts
  readonly #targets: readonly Target[]
  readonly #splitter: Splitter | undefined
  readonly #options: RebuildOptions
  readonly #signal: AbortSignal
  readonly #pace: Pace
  readonly #plan: CollectionPlan
  readonly #collection: CollectionName
  readonly #to: 'live' | 'standby'
  #copied = 0
  #total = 0
  #done = 0
  #phase: { readonly name: RebuildProgress['phase']; readonly at: number; readonly from: number } | undefined

  constructor(
    ports: WriterPorts,
    targets: readonly Target[],
    splitter: Splitter | undefined,
    options: RebuildOptions,
    signal: AbortSignal,
  ) {
    this.#ports = ports
    this.#targets = targets
    this.#splitter = splitter
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
    this.#plan = {
      ...collection,
      embedder: options.embedder ?? collection.embedder,
      language: options.language ?? collection.language,
    }
    this.#collection = collectionName(collection.name)
    const { engine } = options
    if (engine !== undefined) for (const target of targets) assertEngine(ports, target, engine)
  }

  async run(): Promise<Built> {
    try {
      return await this.#build()
    } catch (error) {
      this.#tell('failed', this.#copied, asHeadwaterError(error).code)
      throw error
    }
  }

  async #build(): Promise<Built> {
    const generations = await this.#begin()
    try {
      return await this.#fill(generations)
    } catch (error) {
      // The index of a generation that somebody else has dropped is gone in the middle of the work.
      const dropped = isHeadwaterError(error, 'HW_GENERATION_MISSING') && (await this.#dropped(generations))
      if (dropped) throw givenUp(dropped.name, error)
      throw error
    }
  }

  async #fill(generations: readonly Generation[]): Promise<Built> {
    const [first] = generations as [Generation]
    const cut = this.#splitter ? await this.#cut(first) : 0
    const { chunks } = this.#ports.truth.session({ worker: true })
    this.#total = generations.length * (await chunks.count({ collection: this.#collection }, first.chunking))
    await this.#copy(generations)
    const mended = await proveAndSwitch(this.#ports, generations, {
      from: 'building',
      to: this.#to,
      fallback: this.#plan.fallback?.fingerprint,
      pace: this.#pace,
      signal: this.#signal,
      onStep: (phase, compared) => this.#progress(phase, phase === 'switch' ? this.#total : compared),
    })
    return { generations, cut, copied: this.#copied, mended }
  }

  /** The generations to build: those that an earlier run left, if of the same make and whole, else new ones. */
  async #begin(): Promise<Generation[]> {
    const found = await this.#rows([])
    await this.#tidy()
    const lost: number[] = []
    for (const one of found) {
      if (one.checkpoint === null) await createPhysical(this.#ports, one, { signal: this.#signal })
      else if (!(await this.#isAsMarked(one))) lost.push(one.id)
    }
    if (lost.length === 0) return found
    const anew = await this.#rows(lost)
    for (const one of anew) {
      if (!found.some(({ id }) => id === one.id)) await createPhysical(this.#ports, one, { signal: this.#signal })
    }
    return anew
  }

  /** In the order of the targets, which is the same for all. */
  async #rows(lost: readonly number[]): Promise<Generation[]> {
    for (;;) {
      const rows = await this.#rowsOf(lost)
      if (rows) return rows
      // What was left of an earlier life of the chunking is no cut of what the documents are now.
      await purgeChunking(this.#ports, this.#collection, this.#splitter!.id, { signal: this.#signal })
    }
  }

  /** Undefined where chunks of the splitter are left that no write has followed. */
  #rowsOf(lost: readonly number[]): Promise<Generation[] | undefined> {
    const collection = this.#collection
    return this.#ports.truth.transaction({ worker: true }, async (session) => {
      const { generations, registry, chunks } = session
      await lockTargets(session, collection)
      const all = await generations.list({ collection })
      const live = all.find(({ state }) => state === 'live')
      const chunking = this.#splitter?.id ?? live?.chunking ?? this.#plan.splitter.id
      if (this.#splitter && !all.some((one) => one.chunking === chunking)) {
        const [left] = await chunks.scan({ collection, chunking, limit: 1 })
        if (left) return undefined
      }
      const building = all.filter(({ state }) => state === 'building')
      await retire(
        session,
        building.filter(({ id }) => lost.includes(id)),
      )
      const rows: Generation[] = []
      for (const target of this.#targets) {
        const present = all.find((one) => one.target === target && one.state === 'live')?.engine
        const engine = this.#options.engine ?? present ?? mainEngine(this.#ports, target)
        const wanted = blueprint(this.#ports, this.#plan, target, chunking, engine)
        if (this.#to === 'standby') assertOther(wanted, all)
        const same = building.find((one) => one.target === target && isAs(one, wanted) && !lost.includes(one.id))
        rows.push(same ?? (await generations.create(inEpoch(wanted, await registry.epoch()))))
      }
      return rows
    })
  }

  /** What a run left that died in its last steps: an alias that did not follow, indexes that were not dropped. */
  async #tidy(): Promise<void> {
    const call = { signal: this.#signal }
    for (const target of this.#targets) {
      await followAlias(this.#ports, { target, collection: this.#collection }, call).catch(() => undefined)
    }
    await dropRetired(this.#ports, call).catch(() => undefined)
  }

  /** False where the index was wiped or set back since: then its checkpoint says nothing. */
  async #isAsMarked(generation: Generation): Promise<boolean> {
    const { registry } = this.#ports.truth.session({ worker: true })
    const { mark } = await readIndexState(registry, generation.id)
    const seen = await markerIn(this.#ports, generation, { signal: this.#signal })
    return mark !== null && seen?.generation === generation.id && seen.fence === mark.fence
  }

  async #dropped(built: readonly Generation[]): Promise<Generation | undefined> {
    const { generations } = this.#ports.truth.session({ worker: true })
    const dropped = new Set((await generations.list({ states: ['dropped'] })).map(({ id }) => id))
    return built.find(({ id }) => dropped.has(id))
  }

  async #cut(generation: Generation): Promise<number> {
    const { documents } = this.#ports.truth.session({ worker: true })
    const { chunking } = generation
    this.#total = await documents.countUncut(this.#collection, chunking, { signal: this.#signal })
    this.#progress('cut', 0)
    return cutUncut(this.#ports, generation, {
      pace: this.#pace,
      signal: this.#signal,
      onCut: (count) => this.#progress('cut', Math.min(count, this.#total)),
    })
  }

  async #copy(generations: readonly Generation[]): Promise<void> {
    const copies = generations.map((one) => new GenerationCopy(this.#ports, one, this.#pace, this.#signal))
    const each = this.#total / copies.length
    const before = Math.round(copies.reduce((sum, { done }) => sum + each * done, 0))
    this.#phase = { name: 'copy', at: this.#ports.clock.monotonic(), from: before }
    for (const copy of copies) {
      await copy.run((count) => {
        this.#copied += count
        this.#progress('copy', Math.min(before + this.#copied, this.#total))
      })
    }
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
    const target = this.#targets.join('+')
    publish('headwater:rebuild', () => ({ target, collection: this.#plan.name, phase, done, code }))
  }
}

function assertEngine(ports: WriterPorts, target: Target, engine: string): void {
  const names = engineNames(ports, target)
  if (names.includes(engine)) return
  throw new HeadwaterError(
    'HW_INVALID_OPTIONS',
    `engine: ${JSON.stringify(engine)} is not among the engines that this process has for target ${target}: ${names.join(', ') || 'none has a name'}`,
    { path: 'engine', details: { configured: names } },
  )
}

/** A standby generation of the live one's space would serve nobody. */
function assertOther({ target, fingerprint }: NewGeneration, all: readonly Generation[]): void {
  const live = all.filter((one) => one.target === target && one.state === 'live')
  if (target === 'vector' && live.every((one) => one.fingerprint !== fingerprint)) return
  throw new HeadwaterError(
    'HW_INVALID_OPTIONS',
    `as: 'standby' is for target 'vector' and an embedder of another space than ${live[0]?.fingerprint ?? target}`,
    { path: 'as' },
  )
}
