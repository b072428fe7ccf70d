import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { CallOptions } from '../../core/abort'
import { systemClock } from '../../core/clock'
import { withDeadline } from '../../core/deadline'
import { HeadwaterError } from '../../core/errors'
import { sha256 } from '../../core/ids'
import type { Embedder, EmbedOptions } from '../embedder'
import { fingerprintOf } from '../fingerprint'
import { downloadModel } from './download'
import { cachedModel, defaultCacheFolder, folderOf } from './model-cache'
import { type ModelFolder, readModelFolder } from './model-folder'
import { ModelThread } from './model-thread'
import { checkOnnxOptions, defaultBatchTokens, defaultModel, defaultThreads, type OnnxOptions } from './options'

/**
 * A sentence model in ONNX. It runs in a thread, which the first call starts and which loads `onnxruntime-node` and
 * `@huggingface/tokenizers` (HW_DRIVER_MISSING without them); several may be open at once. `close()` ends the thread; a
 * process that ends without is not held up.
 */
export class OnnxEmbedder implements Embedder {
  readonly fingerprint: string
  readonly dimensions: number
  readonly maxTokens: number
  /** The more texts come at once, the better they sort by length. */
  readonly batch = { batchSize: 256, concurrency: 2 } as const
  readonly #prefixes: Readonly<Record<EmbedOptions['kind'], string>>
  readonly #thread: ModelThread

  private constructor(name: string, folder: ModelFolder, options: OnnxOptions) {
    const { pooling = folder.pooling, normalize = true, queryPrefix = '', passagePrefix = '' } = options
    const { dimensions, maxTokens, modelFile, tokenizerFile, tokenizerConfigFile } = folder
    this.dimensions = dimensions
    this.maxTokens = maxTokens
    this.fingerprint = fingerprintOf({
      provider: 'onnx',
      model: name,
      // The limit too: it changes the vectors of longer texts.
      revision: sha256(`${folder.contentHash} ${maxTokens}`),
      dimensions,
      normalized: normalize,
      pooling,
      queryPrefix,
      passagePrefix,
    })
    this.#prefixes = { query: queryPrefix, passage: passagePrefix }
    this.#thread = new ModelThread({
      modelFile,
      tokenizerFile,
      tokenizerConfigFile,
      dimensions,
      maxTokens,
      pooling,
      normalize,
      threads: options.threads ?? defaultThreads(),
      batchTokens: options.batchTokens ?? defaultBatchTokens,
    })
  }

  /**
   * Finds the model, downloads it if it is to be had that way, and reads what its folder says; the weights are loaded
   * by the first call. HW_INVALID_OPTIONS, HW_MODEL_UNAVAILABLE, HW_STORAGE.
   */
  static async open(options: OnnxOptions = {}, path = 'onnx', call: { signal?: AbortSignal } = {}) {
    checkOnnxOptions(options, path)
    const { name, folder } = await place(options, path, call.signal)
    return new OnnxEmbedder(name, await readModelFolder(folder, name, options), options)
  }

  /**
   * One vector a text, in their order, each in memory of its own. HW_TIMEOUT, HW_ABORTED, HW_CLOSED, HW_DRIVER_MISSING;
   * HW_EMBEDDER_FAILED, also when the thread died: the next call starts another.
   */
  async embed(
    texts: readonly string[],
    options: EmbedOptions & Pick<CallOptions, 'timeoutMs'>,
  ): Promise<Float32Array[]> {
    const { kind, signal, timeoutMs } = options
    const prefix = this.#prefixes[kind]
    return withDeadline(systemClock, { signal, timeoutMs }, undefined, async (deadline) => {
      if (texts.length === 0) return []
      const whole = prefix ? texts.map((text) => prefix + text) : texts
      return this.#thread.embed(whole, kind === 'query', deadline.signal)
    })
  }

  /** Counted by its own tokenizer, in the thread; the weights are not needed. Errors as of `embed`. */
  async countTokens(texts: readonly string[], options: { signal?: AbortSignal | undefined } = {}): Promise<number[]> {
    if (texts.length === 0) return []
    const prefix = this.#prefixes.passage
    return this.#thread.count(prefix ? texts.map((text) => prefix + text) : texts, options.signal)
  }

  /** Lets the calls that run end, then the thread; later calls are HW_CLOSED. */
  close(): Promise<void> {
    return this.#thread.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The folder of the model, and its name: the same model has one name wherever it lies. */
async function place(
  options: OnnxOptions,
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ name: string; folder: string }> {
  const { model = defaultModel, cacheDir = defaultCacheFolder() } = options
  if (options.path !== undefined) return { name: basename(resolve(options.path)), folder: options.path }
  if (typeof model === 'object') {
    const folder = folderOf(cacheDir, model)
    const { baseUrl, maxFileBytes, onProgress } = options
    await downloadModel({ model, folder, baseUrl, maxFileBytes, onProgress, signal })
    return { name: basename(model.hub), folder }
  }
  // A bare name is never looked for in the working folder.
  if (/[\\/]/.test(model) && existsSync(model)) return { name: basename(resolve(model)), folder: model }
  const folder = cachedModel(cacheDir, model)
  if (folder !== undefined) return { name: basename(model), folder }
  throw new HeadwaterError(
    'HW_MODEL_UNAVAILABLE',
    `${path}.model: ${JSON.stringify(model)} is not in ${cacheDir}; set ${path}.path (HEADWATER_MODEL_DIR) to a folder ` +
      'with its files, or give { hub, revision, files } to download it',
    { path: `${path}.model`, details: { cacheDir } },
  )
}
