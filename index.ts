export { settingsFromEnv } from './src/config/from-env'
export type {
  ElasticsearchSettings,
  EmbeddingSettings,
  Environment,
  PostgresSettings,
  QdrantSettings,
  RedisSettings,
  S3Settings,
  Settings,
  WorkerSettings,
} from './src/config/settings'
export { ElasticsearchConnection } from './src/connections/elasticsearch/connection'
export type { ElasticsearchOptions } from './src/connections/elasticsearch/options'
export type { CallerTransaction } from './src/connections/postgres/caller'
export { PostgresConnection } from './src/connections/postgres/connection'
export type { Executor } from './src/connections/postgres/executor'
export type { PostgresOptions } from './src/connections/postgres/options'
export { QdrantConnection } from './src/connections/qdrant/connection'
export type { QdrantOptions } from './src/connections/qdrant/options'
export { RedisConnection } from './src/connections/redis/connection'
export type { RedisOptions } from './src/connections/redis/options'
export { S3Connection } from './src/connections/s3/connection'
export type { S3Options } from './src/connections/s3/options'
export type { CallOptions } from './src/core/abort'
export type { Clock } from './src/core/clock'
export { asHeadwaterError, type ErrorCode, errorCatalogue, HeadwaterError, isHeadwaterError } from './src/core/errors'
export { type CollectionName, collectionName, type Scope, type TenantId, tenantId } from './src/core/ids'
export type { Json, JsonObject } from './src/core/json'
export type { Random } from './src/core/random'
export type { Secret } from './src/core/secret'
export type { Embedder, EmbedOptions } from './src/embeddings/embedder'
export { FallbackEmbedder } from './src/embeddings/fallback'
export { fingerprintOf } from './src/embeddings/fingerprint'
export { HashingEmbedder, type HashingOptions } from './src/embeddings/hashing'
export { type EmbedderUsage, HttpEmbedder } from './src/embeddings/http/embedder'
export type { HttpEmbedderOptions, OpenAiEmbedderOptions } from './src/embeddings/http/options'
export { OnnxEmbedder } from './src/embeddings/onnx/onnx-embedder'
export type { DownloadProgress, HubModel, OnnxOptions } from './src/embeddings/onnx/options'
export type { EmbedderOption } from './src/embeddings/select'
export { type DateTime, defineMetadata, type MetadataDeclaration, type MetadataOf } from './src/filter/declaration'
export { parseFilter } from './src/filter/parse'
export type { FilterSubject, ParsedFilter } from './src/filter/parsed'
export { matches as matchesFilter } from './src/filter/predicate'
export type { Filter } from './src/filter/typed'
export { type ChannelEvents, type ChannelName, channelNames } from './src/observability/channels'
export type { ErrorListener, Logger } from './src/observability/troubles'
export type {
  BlobDeleteOptions,
  BlobInfo,
  BlobPutOptions,
  BlobRepository,
  BlobSource,
  ScannedBlob,
} from './src/repositories/blobs'
export { PostgresTextRepository } from './src/repositories/bm25/texts'
export type { CacheRepository, CacheSetOptions, CacheStats } from './src/repositories/cache'
export type { ChunkRepository } from './src/repositories/chunks'
export { DirectoryBlobRepository } from './src/repositories/directory/blobs'
export { documentTag } from './src/repositories/document-entries'
export type { DocumentBlob, DocumentRepository } from './src/repositories/documents'
export type { ElasticsearchTextOptions } from './src/repositories/elasticsearch/options'
export { ElasticsearchTextRepository } from './src/repositories/elasticsearch/texts'
export type { EmbeddingRepository } from './src/repositories/embeddings'
export type { Facet } from './src/repositories/facets'
export type { Generation, GenerationRepository } from './src/repositories/generations'
export type { IndexEntry, IndexHit, IndexPayload, IndexRemoval, IndexScan } from './src/repositories/index-entry'
export type { IndexFormat } from './src/repositories/index-format'
export type { IndexAlias, IndexMarker } from './src/repositories/index-marker'
export type { Backlog, JobRepository, JobRow } from './src/repositories/jobs'
export { PostgresVectorRepository } from './src/repositories/pgvector/vectors'
export { PostgresChunkRepository } from './src/repositories/postgres/chunks'
export { PostgresDocumentRepository } from './src/repositories/postgres/documents'
export { PostgresEmbeddingRepository } from './src/repositories/postgres/embeddings'
export { PostgresTruth } from './src/repositories/postgres/truth'
export type { QdrantVectorOptions } from './src/repositories/qdrant/options'
export { QdrantVectorRepository } from './src/repositories/qdrant/vectors'
export { type RedisCacheOptions, RedisCacheRepository } from './src/repositories/redis/cache'
export { type MetricMinute, RedisMetrics, type RedisMetricsOptions } from './src/repositories/redis/metrics'
export { RedisVectorCache, type RedisVectorCacheOptions } from './src/repositories/redis/vectors'
export { type S3BlobOptions, S3BlobRepository } from './src/repositories/s3/blobs'
export type { TextEntry, TextIndex, TextQuery, TextRepository } from './src/repositories/texts'
export type { Truth, TruthSession } from './src/repositories/truth'
export type { FieldWeights, TextMatch } from './src/repositories/typed-query'
export type { VectorIndex, VectorPoint, VectorQuery, VectorRepository } from './src/repositories/vectors'
export type { HitExplain, PageExplain } from './src/search/explain'
export type {
  Ranked,
  Reranker,
  SearchDegradation,
  SearchHit,
  SearchOptions,
  SearchPage,
  SearchQuery,
} from './src/search/query'
export type { SimilarQuery, SimilarTo } from './src/search/similar'
export type { SplitterOptions } from './src/splitter/select'
export type { ChunkDraft, Splitter } from './src/splitter/splitter'
export type { ModelInfo } from './src/store/available-models'
export {
  openStore,
  type RollbackOptions,
  type Store,
  type StoreRebuildOptions,
  type StoreRecutOptions,
} from './src/store/store'
export type { Degradation, GenerationsHealth, StoreHealth } from './src/store/store-health'
export type { CollectionOptions, StoreOptions } from './src/store/store-options'
export { storeOptionsFrom } from './src/store/store-settings'
export type { CacheDocument, CacheLoadOptions, TenantCache } from './src/tenant/cache-handle'
export type { StoredChunk, StoredDocument } from './src/tenant/document'
export type { Documents, ListPage, ListQuery } from './src/tenant/documents'
export type { TenantHandle } from './src/tenant/tenant-handle'
export type { TransactionHandle } from './src/tenant/transaction-handle'
export type { CollectBlobsOptions, CollectBlobsReport, MissingBlob } from './src/writer/blobs/collect-blobs'
export type { WriterOptions, WriterPorts } from './src/writer/ports'
export type { RebuildProgress, RebuildResult, RecutResult } from './src/writer/rebuild/rebuild'
export type { RollbackResult } from './src/writer/rebuild/rollback'
export type { ReconcileOptions, ReconcileReport } from './src/writer/reconcile/reconcile'
export type { DrainResult } from './src/writer/relay/relay'
export type { BlobDataInput, BlobReferenceInput, DocumentBlobInput } from './src/writer/write/document-blobs'
export type { ChunkInput, DocumentInput, DocumentPatch } from './src/writer/write/document-input'
export type { PreparedDocument } from './src/writer/write/prepared-document'
export type { BatchResult, Delivery, DocumentReceipt, FailedDocument, Receipt } from './src/writer/write/receipt'
export type {
  BatchProgress,
  BatchWriteOptions,
  DocumentWriteOptions,
  WriteOptions,
} from './src/writer/write/write-options'
export {
  type CoordinatedWriter,
  createWriter,
} from './src/writer/writer'
