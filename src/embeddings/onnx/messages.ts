import type { ErrorCode } from '../../core/errors'

/** How a sentence's vector is made of its tokens' vectors. */
export type Pooling = 'mean' | 'cls' | 'last'

/** What the thread is started with. Paths are absolute. */
export interface ThreadSetup {
  readonly modelFile: string
  readonly tokenizerFile: string
  /** Not every folder has one. */
  readonly tokenizerConfigFile: string | undefined
  readonly dimensions: number
  readonly maxTokens: number
  readonly pooling: Pooling
  readonly normalize: boolean
  readonly threads: number
  readonly batchTokens: number
}

export type ToThread =
  /** `urgent` goes before what waits already: somebody sits in front of a query. */
  | { readonly kind: 'embed'; readonly id: number; readonly texts: readonly string[]; readonly urgent: boolean }
  /** How many tokens each text takes; goes before texts to embed, being short. */
  | { readonly kind: 'count'; readonly id: number; readonly texts: readonly string[] }
  | { readonly kind: 'cancel'; readonly id: number }
  /** End when nothing waits any more. */
  | { readonly kind: 'close' }

export type FromThread =
  /** One array a text, in their order; their memory is handed over, not copied. */
  | { readonly kind: 'vectors'; readonly id: number; readonly vectors: Float32Array[] }
  | { readonly kind: 'counts'; readonly id: number; readonly counts: number[] }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: ThreadFailure }

/** An error on its way between threads, which keeps neither class nor fields of its own. */
export interface ThreadFailure {
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
  readonly details: Record<string, unknown> | undefined
  readonly cause: unknown
}
