import type { CollectionName } from '../core/ids'
import type { IndexFormat } from './index-format'
import type { TextIndex } from './texts'
import type { VectorIndex } from './vectors'

/** A kind of projection. */
export type Target = 'vector' | 'text'

export type GenerationState = 'building' | 'live' | 'standby' | 'dropped'

/** One physical collection or index of a target. The row in the truth is the authority on which one is live. */
export interface Generation {
  readonly id: number
  readonly target: Target
  readonly collection: CollectionName
  /** Physical name in the engine; never used again. */
  readonly name: string
  /** Fingerprint of its vectors; null for text. */
  readonly fingerprint: string | null
  /** Vector dimensions; null for text. */
  readonly dimensions: number | null
  /** Text search configuration, e.g. `english`; null for vectors. */
  readonly language: string | null
  readonly chunking: string
  /** Name of the engine that it is in; null where that was not recorded, as there was one alone. */
  readonly engine: string | null
  /** What it was made with; never changes. */
  readonly format: IndexFormat
  readonly state: GenerationState
  /** Last chunk id that the copy has done; null before the first and when complete. */
  readonly checkpoint: string | null
  /** Why it cannot be switched to, or null. */
  readonly error: string | null
  /** Epoch ms. */
  readonly createdAt: number
  readonly switchedAt: number | null
}

export type NewGeneration = Pick<
  Generation,
  'target' | 'collection' | 'fingerprint' | 'dimensions' | 'language' | 'chunking' | 'format' | 'state'
> & {
  /** Start of the physical name; the id is added. */
  readonly prefix: string
  readonly engine?: string | null | undefined
}

/** Which physical indexes there are, and which of them is live. */
export interface GenerationRepository {
  /** Those that take jobs (building, live, standby) unless `states` says otherwise, by id. */
  list(options?: {
    readonly target?: Target | undefined
    readonly collection?: CollectionName | undefined
    readonly states?: readonly GenerationState[] | undefined
  }): Promise<Generation[]>
  /** Serializes creating and switching of a target's generations until the transaction ends. */
  lock(target: Target, collection: CollectionName): Promise<void>
  create(generation: NewGeneration): Promise<Generation>
  update(
    id: number,
    changes: {
      readonly state?: GenerationState
      readonly checkpoint?: string | null
      readonly error?: string | null
      /** Of one that was made before it was recorded. */
      readonly engine?: string
    },
  ): Promise<void>
  /**
   * Makes a building or standby generation live and the live one standby, in one step. False when `id` was not in
   * one of those states any more.
   */
  switch(id: number): Promise<boolean>
}

/** The physical collection of a vector generation. */
export function vectorIndexOf(generation: Generation): VectorIndex {
  const { name, collection, fingerprint, dimensions, format } = generation
  return { name, collection, fingerprint: fingerprint!, dimensions: dimensions!, format }
}

/** The physical index of a text generation. */
export function textIndexOf(generation: Generation): TextIndex {
  const { name, language, format } = generation
  return { name, language: language!, format }
}
