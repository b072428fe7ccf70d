import { HeadwaterError } from '../core/errors'
import type { Embedder } from './embedder'
import { HashingEmbedder } from './hashing'
import type { OnnxOptions } from './onnx/options'

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

/** The embedder that an option stands for; HW_INVALID_OPTIONS, naming `path`, if it is none. */
export function embedderOf(option: EmbedderOption, path = 'embedder'): Embedder {
  if (typeof option === 'object' && option !== null) {
    if ('hashing' in option) return new HashingEmbedder(option.hashing, `${path}.hashing`)
    if ('onnx' in option) throw invalid(path, 'a model has files to be read first: pass `await OnnxEmbedder.open()`')
    return checked(option, path)
  }
  throw invalid(path, `${JSON.stringify(option)} is neither an embedder nor { hashing: {} }`)
}

function checked(embedder: Embedder, path: string): Embedder {
  const { fingerprint, dimensions, maxTokens } = embedder
  if (typeof embedder.embed !== 'function') {
    throw invalid(path, `is neither an embedder (it has no embed()) nor { hashing: {} }`)
  }
  if (typeof fingerprint !== 'string' || !/^[A-Za-z0-9._-]{1,128}$/.test(fingerprint)) {
    throw invalid(
      `${path}.fingerprint`,
      `${JSON.stringify(fingerprint)} is not 1 to 128 characters of [A-Za-z0-9._-]; fingerprintOf() makes one`,
    )
  }
  if (!Number.isSafeInteger(dimensions) || dimensions < 1) {
    throw invalid(`${path}.dimensions`, `${dimensions} is not a whole number above 0`)
  }
  if (typeof maxTokens !== 'number' || !(maxTokens > 0)) {
    throw invalid(`${path}.maxTokens`, `${maxTokens} is not a number above 0`)
  }
  return embedder
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
