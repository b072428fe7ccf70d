import type { JsonObject } from '../core/json'
import type { IsDateTime } from './declaration'
import type { FilterScalar, IsLoose } from './typed'

/** Metadata of a collection by its name: as declared, else a JSON object. */
export type CollectionMetadata<C extends object, K> = K extends keyof C ? KnownMetadata<C[K]> : JsonObject

/** `M`, or a JSON object where nothing is known of it. */
export type KnownMetadata<M> = 0 extends 1 & M ? M : unknown extends M ? JsonObject : M

/**
 * Metadata as `put` takes it: a `DateTime` may be a Date or epoch milliseconds too, which are stored as the ISO string of
 * the same instant; lists may be read-only.
 */
export type MetadataInput<T> = T extends FilterScalar | Date | null | undefined
  ? IsDateTime<T> extends true
    ? T | Date | number
    : T
  : T extends readonly (infer Item)[]
    ? number extends T['length']
      ? readonly MetadataInput<Item>[]
      : T
    : IsLoose<T> extends true
      ? T
      : { [K in keyof T]: MetadataInput<T[K]> }

/** Metadata as a patch has it (JSON merge patch): objects are merged at any depth, null removes, the rest replaces. */
export type MetadataPatch<M> = { [K in keyof M]?: MetadataPatchValue<M[K]> | null | undefined }

export type MetadataPatchValue<T> = T extends FilterScalar | Date | readonly unknown[] | null | undefined
  ? MetadataInput<T>
  : IsLoose<T> extends true
    ? T
    : MetadataPatch<T>
