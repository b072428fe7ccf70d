import { throwIfAborted } from '../../core/abort'
import type { Generation } from '../../repositories/generations'
import { type WriterPorts, writerDefaults } from '../ports'
import { copyByHalves, prepareCopy } from './index-copy'
import type { Pace } from './pace'

interface WrittenPage {
  /** Of what was written, once it is. */
  readonly count: () => number
  /** Undefined for the last one. */
  readonly upTo: string | undefined
  readonly written: Promise<void>
}

/** Pages that are being written at once: the store has work while the next is made ready. */
const pagesAtOnce = 2

/** How a copy is gone on with, and what it leaves. */
export interface CopyOptions {
  /** Goes on above this id. */
  readonly after: string | null
  /** Everything up to this id is written. */
  store(upTo: string): Promise<void>
  /** Leaves what has no vector and what the index refuses to who looks after it, instead of bringing or failing it. */
  readonly lenient?: boolean | undefined
}

/**
 * Fills a generation by chunk id in short transactions. The next page is read while some are being written; a
 * checkpoint is stored when all up to it are, and what an earlier run left goes on from there.
 */
export class GenerationCopy {
  readonly #ports: WriterPorts
  readonly #generation: Generation
  readonly #pace: Pace
  readonly #signal: AbortSignal
  readonly #options: CopyOptions
  readonly #batch: number

  constructor(
    ports: WriterPorts,
    generation: Generation,
    pace: Pace,
    signal: AbortSignal,
    options: CopyOptions = checkpointOf(ports, generation),
  ) {
    this.#ports = ports
    this.#generation = generation
    this.#pace = pace
    this.#signal = signal
    this.#options = options
    this.#batch = ports.options?.copyBatch ?? writerDefaults.copyBatch
  }

  /** How much of all chunks an earlier run has copied: their ids are hashes, so evenly spread. */
  get done(): number {
    const { after } = this.#options
    return after === null ? 0 : Number.parseInt(after.slice(0, 8), 16) / 2 ** 32
  }

  /** `onCopied` is told of each page. */
  async run(onCopied: (count: number) => void): Promise<void> {
    const writing: WrittenPage[] = []
    let storing = Promise.resolve()
    try {
      let reading = this.#read(this.#options.after ?? undefined)
      for (;;) {
        const { count, upTo, write } = await reading
        throwIfAborted(this.#signal)
        if (upTo !== undefined) reading = heardLater(this.#read(upTo))
        writing.push({ count, upTo, written: heardLater(this.#pace.through(write)) })
        while (writing.length === pagesAtOnce || (upTo === undefined && writing.length > 0)) {
          const page = writing[0]!
          await page.written
          writing.shift()
          onCopied(page.count())
          await storing
          if (page.upTo === undefined) return
          storing = heardLater(this.#options.store(page.upTo))
          await this.#pace.after(page.count())
        }
      }
    } finally {
      // Nothing is written any more once the call has ended.
      await Promise.allSettled([storing, ...writing.map(({ written }) => written)])
    }
  }

  async #read(after: string | undefined) {
    const { collection, chunking, fingerprint } = this.#generation
    const call = { signal: this.#signal }
    const { chunks } = this.#ports.truth.session({ worker: true })
    const { lenient } = this.#options
    const page = await chunks.contents({ collection, chunking, after, limit: this.#batch }, fingerprint, call)
    const contents = lenient && fingerprint !== null ? page.filter(({ vector }) => vector !== null) : page
    let left = 0
    const leave = async (): Promise<void> => {
      left++
    }
    const byHalves = (error: unknown) =>
      copyByHalves(this.#ports, this.#generation, contents, call, error, lenient ? leave : undefined)
    // What an embedder refuses is met when it would be written.
    const prepared = await this.#pace
      .through(() => prepareCopy(this.#ports, this.#generation, contents, call))
      .catch((error: unknown) => () => Promise.reject(error))
    const write = () => prepared().catch(byHalves)
    const upTo = page.length < this.#batch ? undefined : page.at(-1)!.id
    return { count: () => contents.length - left, upTo, write }
  }
}

/** Where the generation's own copy is kept. */
function checkpointOf(ports: WriterPorts, { id, checkpoint }: Generation): CopyOptions {
  const { generations } = ports.truth.session({ worker: true })
  return { after: checkpoint, store: (upTo) => generations.update(id, { checkpoint: upTo }) }
}

/** Its failure is met where it is awaited, unless another's comes first. */
function heardLater<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  return work
}
