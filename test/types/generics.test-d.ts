import { expectTypeOf } from 'vitest'
import type {
  CollectionHandle,
  CollectionOptions,
  CombinedFilters,
  Condition,
  DateTime,
  DeclaredValue,
  DefaultMetadata,
  DocumentRow,
  Documents,
  Errand,
  ErrandHandler,
  Executor,
  Facet,
  FacetPath,
  Filter,
  FilterElement,
  FilterEquality,
  FilterInstant,
  FilterOperand,
  FilterOperators,
  FilterOrdered,
  FilterPath,
  FilterPathFrom,
  FilterRange,
  FilterValueAt,
  IndexAlias,
  IsDateTime,
  IsLoose,
  JsonObject,
  ListQuery,
  LooseFilter,
  MetadataDeclaration,
  MetadataOfFields,
  OtherEngine,
  Reads,
  S3Call,
  ScalarOf,
  SearchQuery,
  SimilarQuery,
  StatementResult,
  Store,
  StoreErrand,
  StoreOptions,
  TargetEngines,
  TenantHandle,
  TransactionDocuments,
  TransactionHandle,
  TypedFilter,
  VectorIndex,
  VectorRepository,
  WriterPorts,
  WriterPortsOptions,
} from '../../index'
import { createWriter, defineMetadata, writerPorts } from '../../index'
import {
  type ApplyReport,
  applyImport,
  type ImportPlan,
  type VerifyImportReport,
  verifyImport,
} from '../../src/store/transfer'
import { memoryPorts, type TestStoreOptions } from '../../src/testing'

// Each public generic that no other file here has; checked by tsc alone, nothing runs.

interface Article {
  section: 'hr' | 'it'
  year?: number
  at: DateTime
  tags: string[]
  author: { name: string; born?: { year: number } | null }
  free: unknown
}

// What a declaration says
expectTypeOf<ScalarOf<'keyword'>>().toEqualTypeOf<string>()
expectTypeOf<ScalarOf<'float'>>().toEqualTypeOf<number>()
expectTypeOf<ScalarOf<'boolean'>>().toEqualTypeOf<boolean>()
expectTypeOf<ScalarOf<'datetime'>>().toEqualTypeOf<DateTime>()
expectTypeOf<DeclaredValue<'integer[]'>>().toEqualTypeOf<number[]>()
expectTypeOf<DeclaredValue<'text'>>().toEqualTypeOf<string>()
type Fields = { a: 'integer'; 'b.c': 'keyword'; 'b.d.e': 'datetime[]'; 'b.d.f': 'boolean' }
type B = { c?: string | undefined; d?: { e?: DateTime[] | undefined; f?: boolean | undefined } | undefined }
expectTypeOf<MetadataOfFields<Fields>>().toEqualTypeOf<{ a?: number | undefined; b?: B | undefined }>()
expectTypeOf<MetadataOfFields<Record<never, never>>>().toEqualTypeOf<Record<never, never>>()
expectTypeOf<IsDateTime<DateTime>>().toEqualTypeOf<true>()
expectTypeOf<IsDateTime<string>>().toEqualTypeOf<false>()
expectTypeOf<IsLoose<JsonObject>>().toEqualTypeOf<true>()
expectTypeOf<IsLoose<unknown>>().toEqualTypeOf<true>()
expectTypeOf<IsLoose<Article>>().toEqualTypeOf<false>()

// What filters see of it
type Paths = 'section' | 'year' | 'at' | 'tags' | 'author.name' | 'author.born.year' | 'free' | `free.${string}`
expectTypeOf<FilterPath<Article, 4>>().toEqualTypeOf<Paths>()
expectTypeOf<FilterPath<Article, 0>>().toEqualTypeOf<'section' | 'year' | 'at' | 'tags' | 'free' | `free.${string}`>()
expectTypeOf<FilterPathFrom<'author', Article['author'], 1>>().toEqualTypeOf<'author.name'>()
expectTypeOf<FilterElement<(string | null)[][]>>().toEqualTypeOf<string>()
expectTypeOf<FilterValueAt<Article, 'author.born.year'>>().toEqualTypeOf<number>()
expectTypeOf<FilterValueAt<Article, 'free.any'>>().toBeUnknown()
expectTypeOf<FilterValueAt<Article, 'author.nme'>>().toBeNever()
expectTypeOf<FilterOperand<'a' | DateTime>>().toEqualTypeOf<FilterInstant>()
expectTypeOf<FilterOperand<'a' | 1>>().toEqualTypeOf<'a' | 1>()
expectTypeOf<FilterOrdered<string>>().toBeNever()
expectTypeOf<FilterOrdered<number>>().toEqualTypeOf<number>()
expectTypeOf<FilterOrdered<DateTime>>().toEqualTypeOf<FilterInstant>()
expectTypeOf<FilterEquality<'a' | 'b'>['in']>().toEqualTypeOf<readonly ('a' | 'b')[] | undefined>()
expectTypeOf<FilterRange<number>>().toEqualTypeOf<FilterRange<number>>()
expectTypeOf<{ gte: 1; lt: undefined }>().toExtend<FilterRange<number>>()
expectTypeOf<{ gte: 'a' }>().not.toExtend<FilterRange<number>>()
expectTypeOf<FilterOperators<string>>().not.toHaveProperty('gt')
expectTypeOf<FilterOperators<number>>().toHaveProperty('gt')
expectTypeOf<'hr'>().toExtend<Condition<'hr' | 'it'>>()
expectTypeOf<'sales'>().not.toExtend<Condition<'hr' | 'it'>>()
expectTypeOf<CombinedFilters<'f'>>().toEqualTypeOf<{
  readonly AND?: readonly 'f'[] | undefined
  readonly OR?: readonly 'f'[] | undefined
  readonly NOT?: 'f' | undefined
}>()
expectTypeOf<Filter<Article>>().toEqualTypeOf<TypedFilter<Article>>()
expectTypeOf<Filter<JsonObject>>().toEqualTypeOf<LooseFilter>()

// What is asked and answered
expectTypeOf<ListQuery<Article>['filter']>().toEqualTypeOf<Filter<Article> | undefined>()
expectTypeOf<SearchQuery<Filter<Article>, Article>['filter']>().toEqualTypeOf<Filter<Article> | undefined>()
expectTypeOf<{ facets: ['author.name', '$chunk.page'] }>().toExtend<SearchQuery<Filter<Article>, Article>>()
expectTypeOf<{ facets: ['author'] }>().not.toExtend<SearchQuery<Filter<Article>, Article>>()
expectTypeOf<SimilarQuery<Filter<Article>, Article>>().not.toHaveProperty('query')
expectTypeOf<SimilarQuery<Filter<Article>, Article>['minScore']>().toEqualTypeOf<number | undefined>()
expectTypeOf<Facet<'section' | 'year'>['path']>().toEqualTypeOf<'section' | 'year'>()
expectTypeOf<Facet['path']>().toBeString()
expectTypeOf<FacetPath>().toBeString()
expectTypeOf<FacetPath<Article>>().toExtend<string>()
expectTypeOf<'$version'>().not.toExtend<FacetPath<Article>>()

// The handles of a store of this
interface Collections {
  documents: Article
  plain: unknown
}
expectTypeOf<DefaultMetadata<Collections>>().toEqualTypeOf<Article>()
expectTypeOf<DefaultMetadata<{ other: Article }>>().toEqualTypeOf<JsonObject>()
expectTypeOf<TenantHandle<Collections>['documents']>().toEqualTypeOf<Documents<Article>>()
declare const acme: TenantHandle<Collections>
expectTypeOf(acme.collection('documents')).toEqualTypeOf<CollectionHandle<Article>>()
expectTypeOf(acme.collection('plain')).toEqualTypeOf<CollectionHandle<JsonObject>>()
declare const tx: TransactionHandle<Collections>
expectTypeOf(tx.documents).toEqualTypeOf<TransactionDocuments<Article>>()
expectTypeOf(tx.collection('plain').documents).toEqualTypeOf<TransactionDocuments>()
// @ts-expect-error there is no such collection
export const missing = () => tx.collection('questions')
expectTypeOf<CollectionOptions<Article>['metadata']>().toEqualTypeOf<MetadataDeclaration<Article> | undefined>()
expectTypeOf<TestStoreOptions<Collections>['collections']>().toEqualTypeOf<StoreOptions<Collections>['collections']>()
expectTypeOf<TestStoreOptions<Collections>>().not.toHaveProperty('postgres')

// Ports
expectTypeOf<IndexAlias<VectorIndex>['set']>().parameter(1).toEqualTypeOf<VectorIndex>()
expectTypeOf<StatementResult<{ id: string }>['rows']>().toEqualTypeOf<{ id: string }[]>()
export const read = async (executor: Executor) => {
  const { rows } = await executor.query<{ id: string }>('SELECT id FROM documents')
  expectTypeOf(rows).toEqualTypeOf<{ id: string }[]>()
  // @ts-expect-error values are a list
  await executor.query('SELECT $1', 'a')
}
expectTypeOf<NonNullable<S3Call<Date>['late']>>().parameter(0).toEqualTypeOf<Date>()
expectTypeOf<WriterPortsOptions<Collections>['collections']>().toEqualTypeOf<StoreOptions<Collections>['collections']>()
expectTypeOf<WriterPortsOptions<Collections>>().not.toHaveProperty('postgres')
export const write = async () => {
  const metadata = defineMetadata({ at: 'datetime' })
  const ports = await writerPorts(memoryPorts(), { collections: { documents: { metadata } }, relay: 'external' })
  expectTypeOf(ports).toEqualTypeOf<WriterPorts>()
  createWriter(ports)
  // @ts-expect-error a writer has no Qdrant of its own making
  await writerPorts(memoryPorts(), { qdrant: { url: 'http://localhost:6333' } })
  // @ts-expect-error a truth is needed
  await writerPorts({ vectors: ports.vectors, texts: ports.texts })
}

// Engines of a target are of its port.
declare const engines: TargetEngines<VectorRepository>
expectTypeOf(engines.others.get('qdrant')).toEqualTypeOf<OtherEngine<VectorRepository> | undefined>()
expectTypeOf<NonNullable<WriterPorts['engines']>['vector']>().toEqualTypeOf<TargetEngines<VectorRepository>>()

// Reads that go together answer each with its own.
declare const reads: Reads<[DocumentRow | null, number]>
expectTypeOf(reads[0]).returns.resolves.toEqualTypeOf<DocumentRow | null>()
expectTypeOf(reads[1]).returns.resolves.toEqualTypeOf<number>()

// Errands
expectTypeOf<Errand<{ to: string }>['payload']>().toEqualTypeOf<{ to: string }>()
expectTypeOf<Parameters<ErrandHandler<Errand<number>>>>().toEqualTypeOf<[errand: Errand<number>]>()
expectTypeOf<StoreErrand<{ documents: Article }>['handle']>().toEqualTypeOf<TenantHandle<{ documents: Article }>>()

// Imports into a store of any collections and entities
declare const imported: Store<{ documents: Article }>
declare const plan: ImportPlan
expectTypeOf(applyImport(imported, { jsonl: { path: 'rows.jsonl' } }, plan)).resolves.toEqualTypeOf<ApplyReport>()
expectTypeOf(verifyImport(imported, { chroma: { path: 'chroma' } }, plan)).resolves.toEqualTypeOf<VerifyImportReport>()
// @ts-expect-error a plan is needed
applyImport(imported, { jsonl: { path: 'rows.jsonl' } })
