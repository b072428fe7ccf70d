import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { abortError, offAbort, onAbort, throwIfAborted } from '../../core/abort'
import { systemClock } from '../../core/clock'
import { HeadwaterError } from '../../core/errors'
import { makeFolder } from '../../core/make-folder'
import { messageOf, networkFailure } from '../../resilience/classify-network'
import type { DownloadProgress, HubModel } from './options'

/** Models are nobody's secret: what may read them is for the umask to say. */
const sharedFolder = 0o777

/** The one place that knows where models come from. */
const defaultHub = 'https://huggingface.co'
/** A server that sends nothing for so long is given up. */
const stallMs = 30_000
const defaultMaxBytes = 4 * 2 ** 30
/** Configurations and vocabularies; the largest there are have some 35 MB. */
const maxJsonBytes = 64 * 2 ** 20
/** Attempts in a row that bring nothing. */
const mostFruitless = 3
const flights = new Map<string, Promise<void>>()

export interface DownloadOptions {
  model: HubModel
  /** Where the files go. */
  folder: string
  baseUrl?: string | undefined
  /** Largest file, bytes; 4 GiB by default. */
  maxFileBytes?: number | undefined
  onProgress?: ((progress: DownloadProgress) => void) | undefined
  signal?: AbortSignal | undefined
}

/**
 * Brings the files of a pinned model that are not in the folder yet. A file appears there whole and verified or not at
 * all; what an earlier attempt left is gone on with. HW_MODEL_UNAVAILABLE says what is wrong and what to do.
 */
export async function downloadModel(options: DownloadOptions): Promise<void> {
  const { folder, model } = options
  // One download of a folder in this process; a second caller waits, then sees for himself what is there.
  for (let flight = flights.get(folder); flight; flight = flights.get(folder)) await flight.catch(() => undefined)
  const flight = (async () => {
    for (const [file, sha256] of Object.entries(model.files)) {
      if (!existsSync(join(folder, file))) await new FileDownload(options, file, sha256.toLowerCase()).run()
    }
  })()
  flights.set(folder, flight)
  try {
    await flight
  } finally {
    flights.delete(folder)
  }
}

class FileDownload {
  readonly #options: DownloadOptions
  readonly #file: string
  readonly #sha256: string
  readonly #target: string
  /** Ours alone: two processes that write one file would spoil it. */
  readonly #part: string
  readonly #url: string
  readonly #maxBytes: number

  constructor(options: DownloadOptions, file: string, sha256: string) {
    const { model, folder, baseUrl = defaultHub } = options
    this.#options = options
    this.#file = file
    const { maxFileBytes = defaultMaxBytes } = options
    this.#maxBytes = file.endsWith('.json') ? Math.min(maxJsonBytes, maxFileBytes) : maxFileBytes
    this.#sha256 = sha256
    this.#target = join(folder, file)
    this.#part = `${this.#target}.part.${process.pid}`
    this.#url = `${baseUrl.replace(/(?<!\/)\/+$/, '')}/${model.hub}/resolve/${model.revision}/${file}`
  }

  async run(): Promise<void> {
    try {
      makeFolder(dirname(this.#target), sharedFolder)
      await this.#adopt()
      // A line that breaks is taken up again as long as that brings something.
      for (let fruitless = 0, whole = false; !whole; ) {
        const start = sizeOf(this.#part)
        try {
          await this.#receive(start)
          whole = true
        } catch (error) {
          fruitless = sizeOf(this.#part) > start ? 0 : fruitless + 1
          if (this.#options.signal?.aborted || !isCut(error) || fruitless === mostFruitless) throw error
        }
      }
      await this.#verify()
      await rename(this.#part, this.#target)
    } catch (error) {
      if (this.#options.signal?.aborted) throw abortError(this.#options.signal)
      throw this.#failed(error)
    }
  }

  /** Takes over what a process that is gone has left. */
  async #adopt(): Promise<void> {
    if (existsSync(this.#part)) return
    const prefix = `${basename(this.#target)}.part.`
    const left = readdirSync(dirname(this.#target)).find(
      (name) => name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length))),
    )
    // Another process may be quicker.
    if (left) await rename(join(dirname(this.#target), left), this.#part).catch(() => undefined)
  }

  async #receive(start: number): Promise<void> {
    const { signal, onProgress } = this.#options
    const file = this.#file
    throwIfAborted(signal)
    const watch = new Watch(signal)
    try {
      const response = await fetch(this.#url, {
        // Compressed bytes could not be counted against the file.
        headers: { 'accept-encoding': 'identity', ...(start > 0 && { range: `bytes=${start}-` }) },
        signal: watch.signal,
      })
      // Nothing beyond what we have: it is whole, or no part of this file; the hash will tell.
      if (response.status === 416 && start > 0) return void (await response.body?.cancel())
      if (!response.ok || !response.body) {
        await response.body?.cancel()
        throw this.#refused(response.status)
      }
      const resumed = response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${start}-`)
      let received = resumed ? start : 0
      const length = response.headers.get('content-length')
      const total = length === null ? undefined : received + Number(length)
      if ((total ?? received) > this.#maxBytes) throw await this.#tooLarge(response)
      await using part = await open(this.#part, resumed ? 'a' : 'w')
      // Each piece is on the disk before the next: what came before a cut counts. That bytes are missing tells fetch.
      for await (const bytes of response.body) {
        received += bytes.length
        if (received > this.#maxBytes) throw await this.#tooLarge()
        await part.writeFile(bytes)
        watch.heard()
        onProgress?.({ file, received, total })
      }
    } finally {
      watch.end()
    }
  }

  async #verify(): Promise<void> {
    const hash = createHash('sha256')
    await pipeline(createReadStream(this.#part), hash)
    const actual = hash.digest('hex')
    if (actual === this.#sha256) return
    await rm(this.#part, { force: true })
    throw this.#problem(`what arrived has the SHA-256 ${actual}, not ${this.#sha256}; it was thrown away`)
  }

  /** What was received is no file of a model, and is not gone on with. */
  async #tooLarge(response?: Response): Promise<HeadwaterError> {
    await response?.body?.cancel()
    await rm(this.#part, { force: true })
    const option = this.#maxBytes === maxJsonBytes ? '' : ' (onnx.maxFileBytes)'
    return this.#problem(`${this.#url} sends more than ${this.#maxBytes} bytes${option}; they were thrown away`)
  }

  #refused(status: number): HeadwaterError {
    const { hub, revision } = this.#options.model
    const why = status === 404 ? `: ${hub} has no such file at revision ${revision}` : ''
    return this.#problem(`${this.#url} answered ${status}${why}`, undefined, status >= 500 || status === 429)
  }

  #failed(error: unknown): HeadwaterError {
    if (error instanceof HeadwaterError) return error
    if (isCut(error)) {
      const why = networkFailure(error)?.message ?? messageOf(error)
      return this.#problem(`${this.#url} cannot be reached (${why})`, error, true)
    }
    return new HeadwaterError('HW_STORAGE', `${this.#part}: ${messageOf(error)}`, { cause: error })
  }

  #problem(problem: string, cause?: unknown, retryable = false): HeadwaterError {
    const { folder, model } = this.#options
    return new HeadwaterError(
      'HW_MODEL_UNAVAILABLE',
      `${this.#file} of ${model.hub} could not be downloaded: ${problem}. Without a network, put the files of the ` +
        `model into ${folder}, or set onnx.path (HEADWATER_MODEL_DIR) to where they are`,
      { cause, retryable, details: { url: this.#url, folder } },
    )
  }
}

/** Aborts when nothing was heard for a while, or when the caller does. */
class Watch {
  readonly #controller = new AbortController()
  readonly #abort = (): void => this.#controller.abort(this.#outer?.reason)
  readonly #outer: AbortSignal | undefined
  #cancel: () => void

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer
    onAbort(outer, this.#abort)
    this.#cancel = this.#start()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  heard(): void {
    this.#cancel()
    this.#cancel = this.#start()
  }

  end(): void {
    this.#cancel()
    offAbort(this.#outer, this.#abort)
  }

  #start(): () => void {
    const silent = (): void =>
      this.#controller.abort(new DOMException(`nothing came for ${stallMs / 1_000} s`, 'TimeoutError'))
    return systemClock.timer(stallMs, silent)
  }
}

/** The line or the server, and not our disk: what fetch throws has a cause, or is the watch's. */
function isCut(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || (error instanceof TypeError && 'cause' in error))
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
