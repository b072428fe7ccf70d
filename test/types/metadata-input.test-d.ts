import { expectTypeOf } from 'vitest'
import type { Json, JsonObject } from '../../src/core/json'
import type { DateTime } from '../../src/filter/declaration'
import { defineMetadata, type MetadataOf } from '../../src/filter/metadata'
import type {
  CollectionMetadata,
  KnownMetadata,
  MetadataInput,
  MetadataPatch,
  MetadataPatchValue,
} from '../../src/filter/metadata-input'
import type { DocumentInput, DocumentPatch } from '../../src/writer/write/document-input'

// Checked by tsc alone: nothing here runs.

const declaration = defineMetadata({
  section: 'keyword',
  year: 'integer',
  at: 'datetime',
  times: 'datetime[]',
  tags: 'keyword[]',
  'author.name': 'text',
  'author.born.at': 'datetime',
})
type Declared = MetadataOf<typeof declaration>

// A declared time is an ISO string, a Date or epoch ms, at any depth and in lists.
accepts<DocumentInput<Declared>>([
  { id: 'a', text: 'x', metadata: { at: '2024-01-01', times: ['2024-01-01', new Date(0), 5] } },
  { id: 'a', text: 'x', metadata: { at: new Date(0), author: { name: 'x', born: { at: 5 } } } },
  { id: 'a', text: 'x', metadata: { at: 5, tags: ['a'] as const, year: undefined } },
  { id: 'a', text: 'x', metadata: {} as Declared },
])
const refused: DocumentInput<Declared>[] = [
  // @ts-expect-error no time for a keyword
  { id: 'a', text: 'x', metadata: { section: new Date(0) } },
  // @ts-expect-error a Date for an integer
  { id: 'a', text: 'x', metadata: { year: new Date(0) } },
  // @ts-expect-error neither a time nor a list of them
  { id: 'a', text: 'x', metadata: { at: true } },
  // @ts-expect-error not declared
  { id: 'a', text: 'x', metadata: { sektion: 'hr' } },
  // @ts-expect-error a list of numbers for keywords
  { id: 'a', text: 'x', metadata: { tags: [1] } },
  // @ts-expect-error a number for a text within an object
  { id: 'a', text: 'x', metadata: { author: { name: 5 } } },
]
expectTypeOf<MetadataInput<DateTime>>().toEqualTypeOf<DateTime | Date | number>()
expectTypeOf<MetadataInput<string | null>>().toEqualTypeOf<string | null>()
expectTypeOf<MetadataInput<[number, string]>>().toEqualTypeOf<[number, string]>()
expectTypeOf<MetadataInput<JsonObject>>().toEqualTypeOf<JsonObject>()
expectTypeOf<MetadataInput<unknown>>().toBeUnknown()

// JSON merge patch: null removes at any depth, lists are replaced.
accepts<DocumentPatch<Declared>>([
  { metadata: { section: null, author: { name: null } } },
  { metadata: { author: { born: { at: null } }, times: null } },
  { metadata: { author: null, at: new Date(0), times: [5], year: undefined } },
  { title: undefined, blob: null },
])
const refusedPatches: DocumentPatch<Declared>[] = [
  // @ts-expect-error a list is replaced whole, and null is no element
  { metadata: { tags: ['a', null] } },
  // @ts-expect-error not declared, within an object
  { metadata: { author: { nme: null } } },
  // @ts-expect-error the id stays
  { id: 'b' },
  // @ts-expect-error only metadata and the blob are removed by null
  { title: null },
]

interface Article {
  section: 'hr' | 'it'
  published: DateTime
  author: { name: string; address?: { city: string } | null }
  pair: [number, number]
  either: string | { inner: number; more: string }
  free: Json
  props: Record<string, number>
  children?: Article[]
}
accepts<DocumentPatch<Article>>([
  { metadata: { author: { address: { city: null } } } },
  { metadata: { author: { address: null, name: 'x' }, either: { inner: null } } },
  { metadata: { either: 'x', props: { a: 1 }, free: { any: [null] }, pair: [1, 2], published: 5 } },
])
const refusedArticles: DocumentPatch<Article>[] = [
  // @ts-expect-error not one of the sections
  { metadata: { section: 'sales' } },
  // @ts-expect-error a pair
  { metadata: { pair: [1] } },
]
expectTypeOf<MetadataPatch<Article>['section']>().toEqualTypeOf<'hr' | 'it' | null | undefined>()
expectTypeOf<MetadataPatchValue<JsonObject>>().toEqualTypeOf<JsonObject>()

// What is stored is what was put, so it can be put again: an interface is neither widened nor refused.
declare const article: Article
accepts<DocumentInput<Article>>([{ id: 'a', text: 'x', metadata: article }])
declare const children: Article[]
accepts<DocumentInput<Article>>([{ id: 'a', text: 'x', metadata: { ...article, published: new Date(0), children } }])

// Without a declaration a collection holds JSON objects.
interface Collections {
  documents: Article
  plain: unknown
  // biome-ignore lint/suspicious/noExplicitAny: what users of plain JavaScript end up with
  loose: any
}
expectTypeOf<CollectionMetadata<Collections, 'documents'>>().toEqualTypeOf<Article>()
expectTypeOf<CollectionMetadata<Collections, 'plain'>>().toEqualTypeOf<JsonObject>()
expectTypeOf<CollectionMetadata<Collections, 'loose'>>().toBeAny()
expectTypeOf<CollectionMetadata<{ other: Article }, 'documents'>>().toEqualTypeOf<JsonObject>()
expectTypeOf<KnownMetadata<unknown>>().toEqualTypeOf<JsonObject>()

// Inside a generic function metadata is passed on as it is.
export function passOn<M>(id: string, metadata: M): DocumentInput<M> {
  return { id, text: 'x', metadata }
}

function accepts<T>(_values: readonly T[]): void {}
export const unused = [refused, refusedPatches, refusedArticles]
