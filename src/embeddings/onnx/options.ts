import { availableParallelism } from 'node:os'
import { HeadwaterError } from '../../core/errors'
import { type KnownOptions, refuseUnknown } from '../../core/known-options'
import type { Pooling } from './messages'

/** A model to be downloaded once, pinned: what arrives is exactly this or nothing. */
export interface HubModel {
  /** Repository, `owner/name`. */
  hub: string
  /** Commit, or a tag; the hashes below decide in any case. */
  revision: string
  /** SHA-256 (64 hex digits) of each file needed: `config.json`, `tokenizer.json`, the model, ... */
  files: Readonly<Record<string, string>>
}

export interface DownloadProgress {
  /** Within the repository. */
  readonly file: string
  /** Bytes of it that are here, those of an earlier attempt included. */
  readonly received: number
  /** Undefined when the server does not say. */
  readonly total: number | undefined
}

/** A sentence model in ONNX, run in a thread of this process. Needs `onnxruntime-node` and `@huggingface/tokenizers`. */
export interface OnnxOptions {
  /** Folder of the model in hub layout: config.json, tokenizer.json, onnx/model_quantized.onnx or onnx/model.onnx. */
  path?: string | undefined
  /** Instead of `path`: a folder, a name in `cacheDir`, or what to download into it. Default `all-MiniLM-L6-v2`. */
  model?: string | HubModel | undefined
  /** Where downloaded models are. Default `headwater/models` in the user's cache folder. */
  cacheDir?: string | undefined
  /** Server of the hub or of a mirror. */
  baseUrl?: string | undefined
  /** Called while a model is downloaded. */
  onProgress?: ((progress: DownloadProgress) => void) | undefined
  /** The model's file within the folder; the quantized one before the full one when left out. */
  file?: string | undefined
  /** How tokens become a sentence: as the folder's 1_Pooling/config.json says, else 'mean'. bge wants 'cls'. */
  pooling?: Pooling | undefined
  /** Scale vectors to length 1. Default true. */
  normalize?: boolean | undefined
  /** Put before a query, e.g. `query: ` for e5. Default none. */
  queryPrefix?: string | undefined
  /** Put before a passage, e.g. `passage: ` for e5. Default none. */
  passagePrefix?: string | undefined
  /** Tokens of a text that are read, the rest is cut off. Default: what the model was trained for, by its folder. */
  maxTokens?: number | undefined
  /** Length of the vectors, where config.json does not say it. */
  dimensions?: number | undefined
  /** Threads of one model's arithmetic. Default: the cores, at most 4. */
  threads?: number | undefined
  /** Tokens of one run of the model, padding included. More is seldom faster, and an abort waits for it. Default 512. */
  batchTokens?: number | undefined
}

export const defaultModel = 'all-MiniLM-L6-v2'
const poolings: readonly unknown[] = ['mean', 'cls', 'last'] satisfies Pooling[]
const known = {
  path: true,
  model: true,
  cacheDir: true,
  baseUrl: true,
  onProgress: true,
  file: true,
  pooling: true,
  normalize: true,
  queryPrefix: true,
  passagePrefix: true,
  maxTokens: true,
  dimensions: true,
  threads: true,
  batchTokens: true,
} satisfies KnownOptions<OnnxOptions>

export const defaultBatchTokens = 512
export const defaultThreads = (): number => Math.min(availableParallelism(), 4)

/** Refuses what is misspelt or out of range: HW_INVALID_OPTIONS, naming the path. */
export function checkOnnxOptions(options: OnnxOptions, path: string): void {
  if (typeof options !== 'object' || options === null) throw invalid(path, 'must be an object')
  refuseUnknown(options, known, path)
  const { pooling, maxTokens, dimensions, threads, batchTokens } = options
  if (options.path !== undefined && options.model !== undefined) throw invalid(path, 'give either path or model')
  if (pooling !== undefined && !poolings.includes(pooling)) {
    throw invalid(`${path}.pooling`, `must be one of ${poolings.join(', ')}, got ${JSON.stringify(pooling)}`)
  }
  // Room for the two special tokens and one of the text.
  whole(`${path}.maxTokens`, maxTokens, 3)
  whole(`${path}.dimensions`, dimensions, 1)
  whole(`${path}.threads`, threads, 1)
  whole(`${path}.batchTokens`, batchTokens, 1)
  if (typeof options.model === 'object') checkHubModel(options.model, `${path}.model`)
}

function checkHubModel(model: HubModel, path: string): void {
  refuseUnknown(model, { hub: true, revision: true, files: true } satisfies KnownOptions<HubModel>, path)
  const { hub, revision, files } = model
  if (typeof hub !== 'string' || !/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(hub)) {
    throw invalid(`${path}.hub`, `${JSON.stringify(hub)} is not owner/name`)
  }
  if (typeof revision !== 'string' || !/^\w[\w.-]{0,99}$/.test(revision)) {
    throw invalid(`${path}.revision`, `${JSON.stringify(revision)} is no commit and no tag`)
  }
  const names = Object.keys(files ?? {})
  for (const name of names) {
    if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(name)) {
      throw invalid(`${path}.files`, `${JSON.stringify(name)} is no path of a file within the repository`)
    }
    if (!/^[0-9a-f]{64}$/i.test(files[name]!)) {
      throw invalid(`${path}.files`, `the SHA-256 of ${name} must be 64 hex digits, got ${JSON.stringify(files[name])}`)
    }
  }
  for (const needed of ['config.json', 'tokenizer.json']) {
    if (!names.includes(needed)) throw invalid(`${path}.files`, `${needed} is missing`)
  }
  if (!names.some((name) => name.endsWith('.onnx'))) throw invalid(`${path}.files`, 'no .onnx file is among them')
}

function whole(path: string, value: number | undefined, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return
  throw invalid(path, `${value} is not a whole number from ${least}`)
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
