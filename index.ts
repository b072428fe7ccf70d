export { settingsFromEnv } from './src/config/from-env'
export type {
  ElasticsearchSettings,
  EmbeddingSettings,
  Environment,
  PostgresSettings,
  QdrantSettings,
  RateLimitSettings,
  RedisSettings,
  S3Settings,
  Settings,
  WorkerSettings,
} from './src/config/settings'
export type {
  ElasticsearchAnswer,
  ElasticsearchClient,
  ElasticsearchRequest,
  ElasticsearchRequestOptions,
  ElasticsearchTransport,
} from './src/connections/elasticsearch/client'
export type {
  ElasticsearchCall,
  ElasticsearchHealth,
} from './src/connections/elasticsearch/connection'
export { ElasticsearchConnection } from './src/connections/elasticsearch/connection'
export type { ElasticsearchOptions } from './src/connections/elasticsearch/options'
export type {
  CallerTransaction,
  DrizzleTransaction,
  KyselyTransaction,
  QueryableTransaction,
} from './src/connections/postgres/caller'
export type {
  PostgresClient,
  PostgresPool,
  PostgresQuery,
  PostgresResult,
  Setting,
  TypeParsers,
} from './src/connections/postgres/client'
export type { PostgresHealth } from './src/connections/postgres/connection'
export { PostgresConnection } from './src/connections/postgres/connection'
export type {
  Executor,
  Identity,
  Session,
  SessionStatementOptions,
  StatementOptions,
  StatementResult,
  Together,
} from './src/connections/postgres/executor'
export type { PoolStats } from './src/connections/postgres/lessor'
export type {
  PostgresOptions,
  RowLevelSecurityMode,
} from './src/connections/postgres/options'
export type { Isolation } from './src/connections/postgres/statement'
export type { TransactionOptions } from './src/connections/postgres/transaction'
export type {
  QdrantApi,
  QdrantApiMethod,
  QdrantApiResponse,
  QdrantCallInit,
  QdrantClient,
} from './src/connections/qdrant/client'
export type { QdrantHealth } from './src/connections/qdrant/connection'
export { QdrantConnection } from './src/connections/qdrant/connection'
export type { QdrantOperation, QdrantRequest } from './src/connections/qdrant/operations'
export type { QdrantOptions } from './src/connections/qdrant/options'
export type { RedisArgument, RedisClient } from './src/connections/redis/client'
export type { RedisCall, RedisHealth } from './src/connections/redis/connection'
export { RedisConnection } from './src/connections/redis/connection'
export type {
  RedisOptions,
  RedisTlsOptions,
} from './src/connections/redis/options'
export type { RedisScript } from './src/connections/redis/script'
export type { S3Client, S3LifecycleRule, S3ObjectPage, S3ObjectStat, S3Stream } from './src/connections/s3/client'
export type { S3Call, S3Health } from './src/connections/s3/connection'
export { S3Connection } from './src/connections/s3/connection'
export type { S3Options, S3TlsOptions } from './src/connections/s3/options'
export type { TlsOptions } from './src/connections/tls'
export type { CallOptions } from './src/core/abort'
export { type Clock, systemClock } from './src/core/clock'
export type { CorePorts } from './src/core/core-ports'
export type { ErrorDetails } from './src/core/errors'
export { asHeadwaterError, type ErrorCode, errorCatalogue, HeadwaterError, isHeadwaterError } from './src/core/errors'
export { type CollectionName, collectionName, type Scope, type TenantId, tenantId } from './src/core/ids'
export type { Json, JsonObject } from './src/core/json'
export type { Limits } from './src/core/limits'
export type { MerkleStep } from './src/core/merkle'
export { type Random, systemRandom } from './src/core/random'
export type { Secret } from './src/core/secret'
export type { BatchOptions, Embedder, EmbedOptions } from './src/embeddings/embedder'
export { FallbackEmbedder } from './src/embeddings/fallback'
export type { VectorSpace } from './src/embeddings/fingerprint'
export { fingerprintOf } from './src/embeddings/fingerprint'
export { HashingEmbedder, type HashingOptions } from './src/embeddings/hashing'
export { type EmbedderUsage, HttpEmbedder } from './src/embeddings/http/embedder'
export type { HttpEmbedderOptions, OpenAiEmbedderOptions } from './src/embeddings/http/options'
export type { Pooling } from './src/embeddings/onnx/messages'
export { OnnxEmbedder } from './src/embeddings/onnx/onnx-embedder'
export type { DownloadProgress, HubModel, OnnxOptions } from './src/embeddings/onnx/options'
export type { OwnVectorsOptions } from './src/embeddings/own-vectors'
export type { EmbedderOption } from './src/embeddings/select'
export type { VectorCache } from './src/embeddings/vector-cache'
export type {
  AggregateRow,
  EntityAggregateQuery,
  GroupBy,
  GroupColumn,
  GroupName,
  NumberColumn,
  OrderedColumn,
} from './src/entities/aggregate'
export type { ColumnDeclaration, DeclaredKind } from './src/entities/columns'
export type {
  EntityDeclaration,
  EntityOptions,
  EntityShape,
  IndexedColumn,
  KeyNameOf,
  ReferenceOption,
  ShapeOf,
  SystemValues,
} from './src/entities/declaration'
export { defineEntity } from './src/entities/declaration'
export type {
  EntitiesWhere,
  EntityDeclarations,
  NoEntities,
  RepositoryOf,
  SharedEntities,
  TenantEntities,
} from './src/entities/entity-map'
export type { EntitySearch } from './src/entities/entity-search'
export type {
  ColumnCondition,
  EntityFilter,
  EntityFirstQuery,
  EntityListQuery,
  EntityOrderBy,
  EntityPage,
  ItemCondition,
} from './src/entities/query'
export type {
  Deleted,
  EntityPatch,
  EntityRepository,
  EntityUpsertOptions,
  EntityVersionOptions,
  RestorableRepository,
  Written,
} from './src/entities/repository'
export type { InputOf, OutputOf, SchemaIssue, SchemaResult, StandardSchema } from './src/entities/standard-schema'
export type {
  DeclaredValue,
  IsDateTime,
  MetadataKind,
  MetadataOfFields,
  ScalarKind,
  ScalarOf,
} from './src/filter/declaration'
export { type DateTime, defineMetadata, type MetadataDeclaration, type MetadataOf } from './src/filter/declaration'
export type {
  CollectionMetadata,
  KnownMetadata,
  MetadataInput,
  MetadataPatch,
  MetadataPatchValue,
} from './src/filter/metadata-input'
export type { FilterLimits } from './src/filter/parse'
export { parseFilter } from './src/filter/parse'
export type {
  ElementTest,
  FieldRef,
  FilterSubject,
  LeafType,
  LeafValue,
  Leaves,
  ParsedFilter,
  SystemField,
} from './src/filter/parsed'
export { matches as matchesFilter } from './src/filter/predicate'
export type {
  CombinedFilters,
  Condition,
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
  FilterScalar,
  FilterValueAt,
  IsLoose,
  LooseFilter,
  LooseFilterOperators,
  SystemConditions,
  TypedFilter,
} from './src/filter/typed'
export type { Ended } from './src/observability/channels'
export { type ChannelEvents, type ChannelName, channelNames } from './src/observability/channels'
export type { ErrorListener, Logger } from './src/observability/troubles'
export type {
  AuditAction,
  AuditBatch,
  AuditKind,
  AuditLeaf,
  AuditQuery,
  AuditRepository,
  AuditRow,
  AuditSubject,
  PlacedAuditRow,
  SealedBatch,
  SealedLeaf,
  Unsealed,
} from './src/repositories/audit'
export type { BlobReference, BlobReferenceRepository } from './src/repositories/blob-references'
export type {
  BlobDeleteOptions,
  BlobInfo,
  BlobPutOptions,
  BlobRepository,
  BlobSource,
  ScannedBlob,
} from './src/repositories/blobs'
export type { Bm25Options } from './src/repositories/bm25/ranking'
export type { PostgresTextOptions } from './src/repositories/bm25/texts'
export { PostgresTextRepository } from './src/repositories/bm25/texts'
export type { CacheRepository, CacheSetOptions, CacheStats } from './src/repositories/cache'
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
  FoundWords,
  HydratedChunk,
  StateChunk,
} from './src/repositories/chunks'
export type { CommitRepository } from './src/repositories/commits'
export type { DirectoryBlobOptions } from './src/repositories/directory/blobs'
export { DirectoryBlobRepository } from './src/repositories/directory/blobs'
export { documentTag } from './src/repositories/document-entries'
export type {
  Changed,
  DocumentBlob,
  DocumentChange,
  DocumentHead,
  DocumentQuery,
  DocumentRepository,
  DocumentRow,
  Erased,
  ErasedDocument,
  EraseOptions,
  Erasure,
  Inserted,
  InsertOptions,
  KnownContent,
  NewDocument,
  SpaceVectors,
  Stamps,
  UncutDocument,
  WantedContent,
  WithContent,
  WithWrite,
  WrittenRow,
} from './src/repositories/documents'
export type { AnalysisChoice, AnalysisMode, Synonyms } from './src/repositories/elasticsearch/analysis'
export type { ElasticsearchTextOptions } from './src/repositories/elasticsearch/options'
export type { ElasticsearchTextMatch, ElasticsearchTextQuery } from './src/repositories/elasticsearch/text-query'
export type { HighlightedHit } from './src/repositories/elasticsearch/texts'
export { ElasticsearchTextRepository } from './src/repositories/elasticsearch/texts'
export type { EmbeddingRepository } from './src/repositories/embeddings'
export type {
  Deletion,
  EntityOrder,
  EntityQuery,
  EntityRowRepository,
  EntityScope,
  EntityWrite,
  Upserted,
} from './src/repositories/entities'
export type {
  AggregatedRow,
  AggregateGroup,
  AggregateValue,
  EntityAggregation,
  Measure,
  TimeUnit,
} from './src/repositories/entity-aggregates'
export type {
  ColumnKind,
  EntityColumn,
  EntityIndex,
  EntityRecord,
  EntityReference,
  EntityTable,
  ItemKind,
  OnDelete,
} from './src/repositories/entity-table'
export { documentKey } from './src/repositories/entity-table'
export type {
  ClaimedErrand,
  ErrandBacklog,
  ErrandClaim,
  ErrandClaimOptions,
  ErrandFilter,
  ErrandOutcome,
  ErrandRepository,
  NewErrand,
  ParkedErrand,
} from './src/repositories/errands'
export type { Facet, FacetQuery } from './src/repositories/facets'
export {
  type Generation,
  type GenerationRepository,
  type GenerationState,
  type NewGeneration,
  type Target,
  textIndexOf,
  vectorIndexOf,
} from './src/repositories/generations'
export type { IndexEngines, IndexPorts, OtherEngine, TargetEngines } from './src/repositories/index-engines'
export type { IndexEntry, IndexHit, IndexPayload, IndexRemoval, IndexScan } from './src/repositories/index-entry'
export type { IndexFormat } from './src/repositories/index-format'
export type { IndexAlias, IndexMarker } from './src/repositories/index-marker'
export type {
  Backlog,
  ClaimedJob,
  EnqueueOptions,
  JobKey,
  JobOutcome,
  JobRepository,
  JobRow,
  JobTarget,
  NewJob,
  PendingQuery,
  SettledJob,
} from './src/repositories/jobs'
export type { HnswOptions } from './src/repositories/pgvector/vector-hnsw'
export type { PostgresVectorOptions } from './src/repositories/pgvector/vectors'
export { PostgresVectorRepository } from './src/repositories/pgvector/vectors'
export { PostgresChunkRepository } from './src/repositories/postgres/chunks'
export { PostgresDocumentRepository } from './src/repositories/postgres/documents'
export { PostgresEmbeddingRepository } from './src/repositories/postgres/embeddings'
export type { PostgresRepositoryOptions } from './src/repositories/postgres/statements'
export type { TruthConnection } from './src/repositories/postgres/truth'
export { PostgresTruth } from './src/repositories/postgres/truth'
export type { IndexConnection } from './src/repositories/postgres-index/index-connection'
export type {
  QdrantDistance,
  QdrantLayout,
  QdrantQuantization,
  QdrantVectorOptions,
} from './src/repositories/qdrant/options'
export type { DocumentHits } from './src/repositories/qdrant/searching'
export type { QdrantSnapshot, QdrantSnapshots, SnapshotCall, SnapshotSource } from './src/repositories/qdrant/snapshots'
export type { QdrantCollectionStats } from './src/repositories/qdrant/status'
export { QdrantVectorRepository } from './src/repositories/qdrant/vectors'
export type {
  RedisCacheDeleteOptions,
  RedisCacheLoadOptions,
  RedisCacheSetOptions,
  RedisCommands,
} from './src/repositories/redis/cache'
export { type RedisCacheOptions, RedisCacheRepository } from './src/repositories/redis/cache'
export type { RedisKeyOptions } from './src/repositories/redis/keys'
export { type MetricMinute, RedisMetrics, type RedisMetricsOptions } from './src/repositories/redis/metrics'
export type { RedisServerStats } from './src/repositories/redis/server-stats'
export { RedisVectorCache, type RedisVectorCacheOptions } from './src/repositories/redis/vectors'
export type { DatabaseIdentity, RegistryRepository, SeenWorker } from './src/repositories/registry'
export { type S3BlobOptions, S3BlobRepository } from './src/repositories/s3/blobs'
export type { S3BucketOptions } from './src/repositories/s3/bucket'
export type { ReadWord, TextEntry, TextIndex, TextQuery, TextRepository } from './src/repositories/texts'
export type {
  Hints,
  Reads,
  SqlResult,
  TransactionModes,
  Truth,
  TruthSession,
  TruthView,
} from './src/repositories/truth'
export type { FieldWeights, TextMatch, TypedQuery } from './src/repositories/typed-query'
export type { VectorIndex, VectorPoint, VectorQuery, VectorRepository } from './src/repositories/vectors'
export type { BackoffOptions } from './src/resilience/backoff'
export type { BreakerOptions, BreakerState, Outcome } from './src/resilience/breaker'
export type { BudgetOptions } from './src/resilience/budget'
export type { BulkheadOptions } from './src/resilience/bulkhead'
export type { CounterOptions } from './src/resilience/counter'
export type { HedgeOptions } from './src/resilience/hedge'
export type { PolicyOptions } from './src/resilience/policy'
export type { RetryOptions } from './src/resilience/retry'
export type { HitExplain, PageExplain, SearchPart } from './src/search/explain'
export type { FusionMethod, Leg, LegRank } from './src/search/fusion'
export type { HighlightOptions } from './src/search/highlight'
export type {
  FacetPath,
  PerLeg,
  Ranked,
  Reranker,
  SearchDegradation,
  SearchHit,
  SearchOptions,
  SearchPage,
  SearchQuery,
} from './src/search/query'
export type { SimilarQuery, SimilarTo } from './src/search/similar'
export { type SplitterOptions, splitterOf } from './src/splitter/select'
export type { ChunkDraft, Splitter, SplitterInput } from './src/splitter/splitter'
export type { TokenReader } from './src/splitter/token-reader'
export type { ModelInfo } from './src/store/available-models'
export type {
  BackupColumn,
  BackupGeneration,
  BackupManifest,
  BackupPart,
  BackupPlace,
  BackupProgress,
  BackupReport,
  BackupTable,
  CreateBackupOptions,
  CreateBackupSettings,
  LeftDocument,
  PlaceKeys,
  RestoreDocumentsOptions,
  RestoreDocumentsSettings,
  RestoredDocuments,
  TableDefinition,
} from './src/store/backup/index'
export { openStore } from './src/store/open-store'
export { type OpenTruthOptions, openTruth } from './src/store/open-truth'
export type { LimitsHealth } from './src/store/rate-limiter'
export type { Store, StoreErrand } from './src/store/store'
export type { Degradation, ErrandsHealth, GenerationsHealth, StoreHealth } from './src/store/store-health'
export type { CollectionOptions, StoreOptions } from './src/store/store-options'
export type { ConnectionHealth } from './src/store/store-parts'
export { storeOptionsFrom } from './src/store/store-settings'
export type {
  AuditEraseOptions,
  AuditVerifyOptions,
  CommonRebuildOptions,
  ErrandFilterOptions,
  JobFilterOptions,
  RollbackOptions,
  StoreRebuildOptions,
  StoreRecutOptions,
} from './src/store/work-options'
export { type WriterPortsOptions, type WrittenPorts, writerPorts } from './src/store/writer-ports'
export type { AuditEntry, AuditListQuery, AuditPage, AuditSubjectOptions, TenantAudit } from './src/tenant/audit-handle'
export type { TenantBlobs } from './src/tenant/blobs-handle'
export type { CacheDocument, CacheLoadOptions, TenantCache } from './src/tenant/cache-handle'
export type { CollectionHandle } from './src/tenant/collection-handle'
export type { StoredChunk, StoredDocument } from './src/tenant/document'
export type { Documents, ListPage, ListQuery } from './src/tenant/documents'
export type { TakeOptions, TakeResult, TenantLimits } from './src/tenant/limits-handle'
export type { CountedBy, ReadOptions } from './src/tenant/tenant-context'
export type { DefaultMetadata, TenantHandle } from './src/tenant/tenant-handle'
export type { TransactionDocuments, TransactionHandle } from './src/tenant/transaction-handle'
export { type AuditProof, type AuditProofCheck, checkAuditProof } from './src/writer/audit/proof'
export type { SealReport } from './src/writer/audit/seal'
export type { AuditProblem, AuditVerification } from './src/writer/audit/verify'
export type { BackupDates } from './src/writer/backup-dates'
export type { CollectBlobsOptions, CollectBlobsReport, MissingBlob } from './src/writer/blobs/collect-blobs'
export type { Errand, ErrandHandler, ErrandOptions } from './src/writer/errands/errand'
export type { ErrandWorker } from './src/writer/errands/errand-worker'
export type { CollectionPlan, WriterOptions, WriterPorts } from './src/writer/ports'
export type { RebuildProgress, RebuildResult, RecutResult } from './src/writer/rebuild/rebuild'
export type { RollbackResult } from './src/writer/rebuild/rollback'
export type { Drift } from './src/writer/reconcile/drift-entry'
export type { ReconcileOptions, ReconcileReport } from './src/writer/reconcile/reconcile'
export type { DrainResult, Relay } from './src/writer/relay/relay'
export type { BlobDataInput, BlobReferenceInput, DocumentBlobInput } from './src/writer/write/document-blobs'
export type { ChunkInput, DocumentInput, DocumentPatch } from './src/writer/write/document-input'
export type { PreparedDocument } from './src/writer/write/prepared-document'
export type { BatchResult, Delivery, DocumentReceipt, FailedDocument, Receipt } from './src/writer/write/receipt'
export type { WriterTransaction } from './src/writer/write/transaction'
export type {
  ActorOptions,
  BatchProgress,
  BatchWriteOptions,
  DocumentWriteOptions,
  TransactionCallOptions,
  VersionOptions,
  WriteOptions,
} from './src/writer/write/write-options'
export {
  type CoordinatedWriter,
  createWriter,
} from './src/writer/writer'
