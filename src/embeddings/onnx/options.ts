import { availableParallelism } from 'node:os'
import { describeValue } from '../../core/describe-value'
import { HeadwaterError } from '../../core/errors'
import {
  anything,
  checkOptions,
  flag,
  method,
  type OptionKinds,
  oneOf,
  text,
  whole,
  words,
} from '../../core/option-kinds'
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
  /** Largest file of a download, bytes; files of JSON are 64 MiB at most in any case. Default 4 GiB. */
  maxFileBytes?: number | undefined
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
const poolings = ['mean', 'cls', 'last'] as const satisfies Pooling[]
const folder = text(4_096)
const kinds = {
  path: folder,
  model: (value, path, code) =>
    typeof value === 'string' ? folder(value, path, code) : checkHubModel(value as HubModel, path),
  cacheDir: folder,
  baseUrl: text(8_192),
  maxFileBytes: whole(1_024, Number.MAX_SAFE_INTEGER),
  onProgress: method,
  file: folder,
  pooling: oneOf(...poolings),
  normalize: flag,
  queryPrefix: words(16_384),
  passagePrefix: words(16_384),
  // Room for the two special tokens and one of the text.
  maxTokens: whole(3),
  dimensions: whole(1, 65_536),
  threads: whole(1, 1_024),
  batchTokens: whole(1),
} satisfies OptionKinds<OnnxOptions>

export const defaultBatchTokens = 512
export const defaultThreads = (): number => Math.min(availableParallelism(), 4)

/** Refuses what is misspelt or out of range: HW_INVALID_OPTIONS, naming the path. */
export function checkOnnxOptions(options: OnnxOptions, path: string): void {
  const { path: folder, model } = checkOptions(options, kinds, path)
  if (folder !== undefined && model !== undefined) throw invalid(path, 'give either path or model')
}

const hubKinds = { hub: anything, revision: anything, files: anything } satisfies OptionKinds<HubModel>

function checkHubModel(given: HubModel, path: string): HubModel {
  if (given === null) throw invalid(path, 'must be an object, got null')
  const model = checkOptions(given, hubKinds, path)
  const { hub, revision, files } = model
  if (typeof hub !== 'string' || !/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(hub)) {
    throw invalid(`${path}.hub`, `${describeValue(hub)} is not owner/name`)
  }
  if (typeof revision !== 'string' || !/^\w[\w.-]{0,99}$/.test(revision)) {
    throw invalid(`${path}.revision`, `${describeValue(revision)} is no commit and no tag`)
  }
  const names = Object.keys(files ?? {})
  for (const name of names) {
    if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(name)) {
      throw invalid(`${path}.files`, `${describeValue(name)} is no path of a file within the repository`)
    }
    const hash: unknown = files[name]
    if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/i.test(hash)) {
      throw invalid(`${path}.files`, `the SHA-256 of ${name} must be 64 hex digits, got ${describeValue(hash)}`)
    }
  }
  for (const needed of ['config.json', 'tokenizer.json']) {
    if (!names.includes(needed)) throw invalid(`${path}.files`, `${needed} is missing`)
  }
  if (!names.some((name) => name.endsWith('.onnx'))) throw invalid(`${path}.files`, 'no .onnx file is among them')
  return model
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
