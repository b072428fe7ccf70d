import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import type { Embedder } from '../embeddings/embedder'
import { openEmbedder } from '../embeddings/open-models'
import type { EmbedderOption } from '../embeddings/select'
import { type SplitterOptions, splitterOf } from '../splitter/select'
import type { Splitter } from '../splitter/splitter'
import type { CollectionPlan } from '../writer/ports'
import { type RebuildResult, type RecutResult, rebuild, recut } from '../writer/rebuild/rebuild'
import { type RollbackResult, rollback } from '../writer/rebuild/rollback'
import { knownSplitter } from '../writer/write/known-splitter'
import type { CoordinatedWriter } from '../writer/writer'
import type { StoreParts } from './store-parts'
import {
  checkWork,
  indexKinds,
  needed,
  type RollbackOptions,
  rebuildKinds,
  type StoreRebuildOptions,
  type StoreRecutOptions,
} from './work-options'

/** What moves the indexes of a store to another space, language, splitter or engine, and back, and has writes follow. */
export class IndexMoves {
  readonly #parts: StoreParts
  readonly #writer: CoordinatedWriter
  readonly #stop: AbortSignal
  readonly #serving: <T>(work: () => Promise<T>) => Promise<T>
  /** Embedders that a rebuild made from options. */
  readonly #made = new Set<Embedder>()

  /** `serving` has a relay run in this process as long as its work lasts; `stop` fires when the store closes. */
  constructor(
    parts: StoreParts,
    writer: CoordinatedWriter,
    stop: AbortSignal,
    serving: <T>(work: () => Promise<T>) => Promise<T>,
  ) {
    this.#parts = parts
    this.#writer = writer
    this.#stop = stop
    this.#serving = serving
  }

  async rebuild(given: StoreRebuildOptions | StoreRecutOptions): Promise<RebuildResult | RecutResult> {
    const options = checkWork<Partial<StoreRebuildOptions | StoreRecutOptions>>(given, rebuildKinds)
    const plan = this.#writer.plan(options.collection ?? 'documents')
    const embedder = (await this.#embedder(options.embedder)) ?? plan.newer ?? plan.embedder
    const { ports } = this.#parts
    const { signal = this.#stop, timeoutMs, rate, language = plan.language, onProgress } = options
    const { folding = plan.folding } = options
    const common = { collection: { ...plan, folding }, embedder, language, rate, onProgress, signal, timeoutMs }
    // From here on new chunks are embedded for the space that is live, and documents prepared as what is live is cut.
    const moved = (change: Partial<CollectionPlan>): void => {
      ports.collections.set(plan.name, { ...this.#writer.plan(plan.name), ...change })
    }
    if (options.splitter !== undefined) {
      if (options.target !== undefined) throw invalid('target', 'leave it out: a splitter cuts for both targets')
      if (options.engine !== undefined) throw invalid('engine', 'leave it out: another engine is a rebuild of its own')
      const splitter = this.#splitter(options.splitter, embedder)
      ports.embedders.set(embedder.fingerprint, embedder)
      ports.splitters?.set(splitter.id, splitter).set(plan.splitter.id, plan.splitter)
      const result = await recut(ports, { ...common, as: options.as, splitter })
      moved({ embedder, newer: undefined, language, folding, splitter })
      return result
    }
    const { as, engine } = options
    const target = needed(options.target)
    if (target === 'vector') ports.embedders.set(embedder.fingerprint, embedder)
    const moving = () => rebuild(ports, { ...common, target, as, engine })
    const result = engine === undefined ? await moving() : await this.#serving(moving)
    if (target === 'vector' && as !== 'standby') moved({ embedder, newer: undefined })
    if (target === 'text') moved({ language, folding })
    return result
  }

  async rollback(given?: Partial<RollbackOptions>): Promise<RollbackResult> {
    const options = checkWork<Partial<RollbackOptions>>(given, indexKinds)
    const plan = this.#writer.plan(options.collection ?? 'documents')
    const { target, signal = this.#stop, timeoutMs } = options
    const { made, ...result } = await rollback(this.#parts.ports, target, plan.name, { signal, timeoutMs })
    const { ports } = this.#parts
    for (const { fingerprint, language, chunking, format } of made) {
      const now = this.#writer.plan(plan.name)
      ports.collections.set(plan.name, {
        ...now,
        embedder: ports.embedders.get(fingerprint ?? '') ?? now.embedder,
        language: language ?? now.language,
        folding: format.folding ?? now.folding,
        splitter: knownSplitter(ports, plan.name, chunking) ?? now.splitter,
      })
      // So that it can go ahead again.
      ports.splitters?.set(now.splitter.id, now.splitter)
    }
    return result
  }

  /** Closes the embedders that were made here. */
  async close(): Promise<void> {
    await Promise.all([...this.#made].map((embedder) => embedder.close?.()))
  }

  #splitter(choice: string | SplitterOptions | Splitter, embedder: Embedder): Splitter {
    const { splitters } = this.#parts
    const option = typeof choice === 'string' && Object.hasOwn(splitters, choice) ? splitters[choice] : choice
    if (typeof option === 'string') throw invalid('splitter', `no ${JSON.stringify(option)} in splitters`)
    return splitterOf(option, 'splitter', embedder)
  }

  async #embedder(choice: string | EmbedderOption | undefined): Promise<Embedder | undefined> {
    if (choice === undefined) return undefined
    if (typeof choice !== 'string') {
      const embedder = await openEmbedder(choice)
      if (embedder !== choice) this.#made.add(embedder)
      return embedder
    }
    const found = this.#parts.named.get(choice)
    if (found) return found
    throw invalid('embedder', `no ${describeValue(choice)} in embedders`)
  }
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
