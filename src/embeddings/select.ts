import type { CorePorts } from '../core/core-ports'
import { describeValue } from '../core/describe-value'
import { HeadwaterError } from '../core/errors'
import { isName } from '../core/ids'
import { refuseUnknown } from '../core/known-options'
import type { Embedder } from './embedder'
import { FallbackEmbedder } from './fallback'
import { HashingEmbedder } from './hashing'
import { HttpEmbedder } from './http/embedder'
import { type HttpEmbedderOptions, type OpenAiEmbedderOptions, openAiDefaults } from './http/options'
import type { OnnxOptions } from './onnx/options'
import { OwnVectors, type OwnVectorsOptions } from './own-vectors'

/** An embedder of your own, or one that comes with the package. */
export type EmbedderOption =
  | Embedder
  | {
      /** Feature hashing: no model, no download; finds words, not meanings. `dimensions` default 384. */
      hashing: { dimensions?: number | undefined }
    }
  | {
      /** A sentence model in this process: a folder, or a pinned download. `all-MiniLM-L6-v2` by default. */
      onnx: OnnxOptions
    }
  | {
      /** A model behind an OpenAI-compatible `/embeddings`, wherever it runs. */
      http: HttpEmbedderOptions
    }
  | {
      /** OpenAI's own: `text-embedding-3-small` unless `model` says otherwise. */
      openai: OpenAiEmbedderOptions
    }
  | {
      /** None: vectors come with documents, chunks and queries. */
      own: OwnVectorsOptions
    }
  | {
      /** Endpoints of one model, asked in turn; another fingerprint among them is refused. */
      fallback: readonly EmbedderOption[]
      /** Longest time that all but the last one are given, ms. Default 10,000. */
      patienceMs?: number | undefined
    }

/** The embedder that an option stands for; HW_INVALID_OPTIONS, naming `path`, if it is none. */
export function embedderOf(option: EmbedderOption, path = 'embedder', ports: CorePorts = {}): Embedder {
  if (typeof option === 'object' && option !== null) {
    checkKind(option, path)
    if ('hashing' in option) return new HashingEmbedder(option.hashing, `${path}.hashing`)
    if ('http' in option) return new HttpEmbedder(option.http, `${path}.http`, ports)
    if ('openai' in option) return openAi(option.openai, `${path}.openai`, ports)
    if ('own' in option) return new OwnVectors(option.own, `${path}.own`)
    if ('fallback' in option) {
      const chain = option.fallback.map((one, at) => embedderOf(one, `${path}.fallback[${at}]`, ports))
      return fallbackOf(option, chain, path, ports)
    }
    if ('onnx' in option) throw invalid(path, 'a model has files to be read first: pass `await OnnxEmbedder.open()`')
    return checked(option, path)
  }
  throw invalid(path, `${describeValue(option)} is neither an embedder nor { hashing: {} } or the like`)
}

const kinds = {
  hashing: { hashing: true },
  onnx: { onnx: true },
  http: { http: true },
  openai: { openai: true },
  own: { own: true },
  fallback: { fallback: true, patienceMs: true },
} as const

/** Of the kinds that come with the package one is named, and nothing beside it. */
export function checkKind(option: EmbedderOption, path: string): void {
  const kind = (Object.keys(kinds) as (keyof typeof kinds)[]).find((one) => one in option)
  if (kind) refuseUnknown(option, kinds[kind], path)
  if ('fallback' in option && !Array.isArray(option.fallback)) {
    throw invalid(`${path}.fallback`, 'must be a list of embedders')
  }
}

/** The chain that `option` stands for, of embedders that are open. */
export function fallbackOf(
  option: { readonly fallback: readonly EmbedderOption[]; readonly patienceMs?: number | undefined },
  chain: readonly Embedder[],
  path: string,
  { clock }: CorePorts,
): Embedder {
  const without = chain.findIndex((embedder) => embedder instanceof OwnVectors)
  if (without >= 0)
    throw invalid(`${path}.fallback[${without}]`, 'embeds nothing: vectors of your own are of one space')
  const own = chain.filter((embedder, at) => embedder !== option.fallback[at])
  return new FallbackEmbedder(chain, { patienceMs: option.patienceMs, clock, own }, `${path}.fallback`)
}

function openAi(options: OpenAiEmbedderOptions, path: string, ports: CorePorts): Embedder {
  if (options.apiKey === undefined && options.baseUrl === undefined) {
    throw invalid(`${path}.apiKey`, 'is needed; settingsFromEnv() takes it from OPENAI_API_KEY')
  }
  const baseUrl = options.baseUrl ?? openAiDefaults.baseUrl
  return new HttpEmbedder({ ...options, baseUrl, model: options.model ?? openAiDefaults.model }, path, ports)
}

const fingerprints = '1 to 128 characters of [A-Za-z0-9._-]'

function checked(embedder: Embedder, path: string): Embedder {
  const { fingerprint, dimensions, maxTokens } = embedder
  if (typeof embedder.embed !== 'function') {
    throw invalid(path, `is neither an embedder (it has no embed()) nor { hashing: {} }`)
  }
  if (!isName(fingerprint)) {
    const problem = `${describeValue(fingerprint)} is not ${fingerprints}; fingerprintOf() makes one`
    throw invalid(`${path}.fingerprint`, problem)
  }
  if (!Number.isSafeInteger(dimensions) || dimensions < 1 || dimensions > 65_536) {
    throw invalid(`${path}.dimensions`, `${describeValue(dimensions)} is not a whole number above 0`)
  }
  if (typeof maxTokens !== 'number' || !(maxTokens > 0)) {
    throw invalid(`${path}.maxTokens`, `${describeValue(maxTokens)} is not a number above 0`)
  }
  return embedder
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
