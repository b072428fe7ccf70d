export type {
  ElasticsearchAnswer,
  ElasticsearchClient,
  ElasticsearchRequest,
  ElasticsearchRequestOptions,
  ElasticsearchTransport,
} from '../connections/elasticsearch/client'
export type { ElasticsearchOptions } from '../connections/elasticsearch/options'
export type {
  CallerTransaction,
  DrizzleTransaction,
  KyselyTransaction,
  QueryableTransaction,
} from '../connections/postgres/caller'
export type {
  PostgresClient,
  PostgresPool,
  PostgresQuery,
  PostgresResult,
  TypeParsers,
} from '../connections/postgres/client'
export type { PostgresOptions, RowLevelSecurityMode } from '../connections/postgres/options'
export type {
  QdrantApi,
  QdrantApiMethod,
  QdrantApiResponse,
  QdrantCallInit,
  QdrantClient,
} from '../connections/qdrant/client'
export type { QdrantOperation } from '../connections/qdrant/operations'
export type { QdrantOptions } from '../connections/qdrant/options'
export type { RedisArgument, RedisClient } from '../connections/redis/client'
export type { RedisOptions, RedisTlsOptions } from '../connections/redis/options'
export type { S3Client, S3LifecycleRule, S3ObjectPage, S3ObjectStat, S3Stream } from '../connections/s3/client'
export type { S3Options, S3TlsOptions } from '../connections/s3/options'
export type { TlsOptions } from '../connections/tls'
export type { CallOptions } from '../core/abort'
export type { Clock } from '../core/clock'
export type { ErrorCode, ErrorDetails, errorCatalogue, HeadwaterError } from '../core/errors'
export type { CollectionName, Scope, TenantId } from '../core/ids'
export type { Json, JsonObject } from '../core/json'
export type { Limits } from '../core/limits'
export { type Random, seededRandom } from '../core/random'
export type { Secret } from '../core/secret'
export type { BatchOptions, Embedder, EmbedOptions } from '../embeddings/embedder'
export type { HttpEmbedderOptions, OpenAiEmbedderOptions } from '../embeddings/http/options'
export type { Pooling } from '../embeddings/onnx/messages'
export type { DownloadProgress, HubModel, OnnxOptions } from '../embeddings/onnx/options'
export type { EmbedderOption } from '../embeddings/select'
export type { IsDateTime, MetadataDeclaration, MetadataKind, ScalarKind } from '../filter/declaration'
export type { ElementTest, FieldRef, LeafType, LeafValue, Leaves, ParsedFilter, SystemField } from '../filter/parsed'
export type {
  CombinedFilters,
  Condition,
  Filter,
  FilterDepth,
  FilterDepthBelow,
  FilterElement,
  FilterEquality,
  FilterInstant,
  FilterOperand,
  FilterOperators,
  FilterOrdered,
  FilterPath,
  FilterPathFrom,
  FilterRange,
  FilterScalar,
  FilterValueAt,
  IsLoose,
  LooseFilter,
  LooseFilterOperators,
  SystemConditions,
  TypedFilter,
} from '../filter/typed'
export type { ErrorListener, Logger } from '../observability/troubles'
export type { BlobReference, BlobReferenceRepository } from '../repositories/blob-references'
export type {
  BlobDeleteOptions,
  BlobInfo,
  BlobPutOptions,
  BlobRepository,
  BlobSource,
  ScannedBlob,
} from '../repositories/blobs'
export type { CacheRepository, CacheSetOptions, CacheStats } from '../repositories/cache'
export type {
  ChunkChanges,
  ChunkContent,
  ChunkContext,
  ChunkEntry,
  ChunkHead,
  ChunkRepository,
  ChunkRow,
  ChunkScan,
  ChunkWords,
  ContentScan,
  DocumentPayload,
  DocumentState,
  HydratedChunk,
  StateChunk,
} from '../repositories/chunks'
export type { CommitRepository } from '../repositories/commits'
export type {
  DocumentBlob,
  DocumentHead,
  DocumentQuery,
  DocumentRepository,
  DocumentRow,
  UncutDocument,
} from '../repositories/documents'
export type { AnalysisChoice, AnalysisMode, Synonyms } from '../repositories/elasticsearch/analysis'
export type { ElasticsearchTextOptions } from '../repositories/elasticsearch/options'
export type { EmbeddingRepository } from '../repositories/embeddings'
export type { Facet, FacetQuery } from '../repositories/facets'
export type {
  Generation,
  GenerationRepository,
  GenerationState,
  NewGeneration,
  Target,
} from '../repositories/generations'
export type { IndexEntry, IndexHit, IndexPayload, IndexRemoval, IndexScan } from '../repositories/index-entry'
export type { IndexFormat } from '../repositories/index-format'
export type { IndexAlias, IndexMarker } from '../repositories/index-marker'
export type {
  Backlog,
  ClaimedJob,
  EnqueueOptions,
  JobKey,
  JobRepository,
  JobRow,
  JobTarget,
  NewJob,
  PendingQuery,
} from '../repositories/jobs'
export type {
  QdrantDistance,
  QdrantLayout,
  QdrantQuantization,
  QdrantVectorOptions,
} from '../repositories/qdrant/options'
export type { RedisCacheOptions } from '../repositories/redis/cache'
export type { RedisKeyOptions } from '../repositories/redis/keys'
export type { RedisVectorCacheOptions } from '../repositories/redis/vectors'
export type { DatabaseIdentity, RegistryRepository } from '../repositories/registry'
export type { S3BlobOptions } from '../repositories/s3/blobs'
export type { S3BucketOptions } from '../repositories/s3/bucket'
export type { ReadWord, TextEntry, TextIndex, TextQuery, TextRepository } from '../repositories/texts'
export type { Hints, Truth, TruthSession, TruthView } from '../repositories/truth'
export type { FieldWeights, TextMatch, TypedQuery } from '../repositories/typed-query'
export type { VectorIndex, VectorPoint, VectorQuery, VectorRepository } from '../repositories/vectors'
export type { BackoffOptions } from '../resilience/backoff'
export type { BreakerOptions, BreakerState, Outcome } from '../resilience/breaker'
export type { BudgetOptions } from '../resilience/budget'
export type { BulkheadOptions } from '../resilience/bulkhead'
export type { CounterOptions } from '../resilience/counter'
export type { HedgeOptions } from '../resilience/hedge'
export type { PolicyOptions } from '../resilience/policy'
export type { RetryOptions } from '../resilience/retry'
export type { HitExplain, PageExplain, SearchPart } from '../search/explain'
export type { FusionMethod, Leg, LegRank } from '../search/fusion'
export type { HighlightOptions } from '../search/highlight'
export type {
  PerLeg,
  Ranked,
  Reranker,
  SearchDegradation,
  SearchHit,
  SearchOptions,
  SearchPage,
  SearchQuery,
} from '../search/query'
export type { SimilarQuery, SimilarTo } from '../search/similar'
export type { SplitterOptions } from '../splitter/select'
export type { ChunkDraft, Splitter, SplitterInput } from '../splitter/splitter'
export type { ModelInfo } from '../store/available-models'
export type {
  CommonRebuildOptions,
  JobFilterOptions,
  RollbackOptions,
  Store,
  StoreRebuildOptions,
  StoreRecutOptions,
} from '../store/store'
export type { Degradation, GenerationsHealth, StoreHealth } from '../store/store-health'
export type { CollectionOptions, StoreOptions } from '../store/store-options'
export type { ConnectionHealth } from '../store/store-parts'
export type { TenantBlobs } from '../tenant/blobs-handle'
export type { CacheDocument, CacheLoadOptions, TenantCache } from '../tenant/cache-handle'
export type { CollectionHandle } from '../tenant/collection-handle'
export type { StoredChunk, StoredDocument } from '../tenant/document'
export type { Documents, ListPage, ListQuery } from '../tenant/documents'
export type { ReadOptions } from '../tenant/tenant-context'
export type { DefaultMetadata, TenantHandle } from '../tenant/tenant-handle'
export type { TransactionDocuments, TransactionHandle } from '../tenant/transaction-handle'
export type { CollectBlobsOptions, CollectBlobsReport, MissingBlob } from '../writer/blobs/collect-blobs'
export type { WriterOptions } from '../writer/ports'
export type { RebuildProgress, RebuildResult, RecutResult } from '../writer/rebuild/rebuild'
export type { RollbackResult } from '../writer/rebuild/rollback'
export type { Drift } from '../writer/reconcile/drift-entry'
export type { ReconcileOptions, ReconcileReport } from '../writer/reconcile/reconcile'
export type { DrainResult } from '../writer/relay/relay'
export type { BlobDataInput, BlobReferenceInput, DocumentBlobInput } from '../writer/write/document-blobs'
export type { ChunkInput, DocumentInput, DocumentPatch } from '../writer/write/document-input'
export type { PreparedDocument } from '../writer/write/prepared-document'
export type { BatchResult, Delivery, DocumentReceipt, FailedDocument, Receipt } from '../writer/write/receipt'
export type {
  BatchProgress,
  BatchWriteOptions,
  DocumentWriteOptions,
  VersionOptions,
  WriteOptions,
} from '../writer/write/write-options'
export { blobReferenceRepositoryContract } from './contracts/blob-references'
export { type BlobFixture, blobRepositoryContract } from './contracts/blobs'
export { type CacheFixture, cacheRepositoryContract } from './contracts/cache'
export { chunkRepositoryContract } from './contracts/chunks'
export { commitRepositoryContract } from './contracts/commits'
export { documentRepositoryContract } from './contracts/documents'
export { embeddingRepositoryContract } from './contracts/embeddings'
export { generationRepositoryContract } from './contracts/generations'
export { jobRepositoryContract } from './contracts/jobs'
export { registryRepositoryContract } from './contracts/registry'
export { type TextFixture, textRepositoryContract } from './contracts/texts'
export { type TruthFixture, truthContract } from './contracts/truth'
export { type VectorFixture, vectorRepositoryContract } from './contracts/vectors'
export { type WordCase, type WordGroup, wordGroups } from './contracts/word-cases'
export { askWords, type WordFixture, type WordResult, wordsContract } from './contracts/words'
export { FakeClock } from './fake-clock'
export type { Fixture, Matchers, TestRunner } from './runner'
export { planSwarm, runSeed, type SimOptions, type SimReport, type SwarmPlan, type Violation } from './simulator'
export type { Damage } from './simulator/damage'
export type { PlannedRebuild } from './simulator/planned-rebuilds'
export type { EngineFaultPlan, OperationKind, TruthFaultPlan } from './simulator/swarm'
export { createTestStore, type Faults, type FaultTarget, type TestStore, type TestStoreOptions } from './test-store'
