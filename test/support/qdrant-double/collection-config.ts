import { badFormat } from './failure'
import { isObject, type JsonObject } from './json'
import { parseSpaces, type VectorSpace } from './vectors'

const hnswDefaults = {
  m: 16,
  ef_construct: 100,
  full_scan_threshold: 10_000,
  max_indexing_threads: 0,
  on_disk: false,
}
const optimizerDefaults = {
  deleted_threshold: 0.2,
  vacuum_min_vector_number: 1000,
  default_segment_number: 0,
  max_segment_size: null,
  memmap_threshold: null,
  indexing_threshold: 10_000,
  flush_interval_sec: 5,
  max_optimization_threads: null,
  prevent_unoptimized: null,
}
const walDefaults = { wal_capacity_mb: 32, wal_segments_ahead: 0, wal_retain_closed: 1 }
const paramDefaults = { shard_number: 1, replication_factor: 1, write_consistency_factor: 1, on_disk_payload: true }

/** A collection's settings, in the form that its info shows. */
export interface CollectionConfig {
  params: JsonObject
  hnsw_config: JsonObject
  optimizer_config: JsonObject
  wal_config: JsonObject
  quantization_config: unknown
  strict_mode_config?: JsonObject
  metadata?: JsonObject
}

/** Settings from the body of a create request, with the server's defaults. */
export function createConfig(body: JsonObject): CollectionConfig {
  // Checked before anything is made.
  parseSpaces(body['vectors'])
  const params: JsonObject = { vectors: body['vectors'] ?? {} }
  for (const [name, value] of Object.entries(paramDefaults)) params[name] = body[name] ?? value
  const config: CollectionConfig = {
    params,
    hnsw_config: { ...hnswDefaults, ...section(body, 'hnsw_config') },
    optimizer_config: { ...optimizerDefaults, ...section(body, 'optimizers_config') },
    wal_config: { ...walDefaults, ...section(body, 'wal_config') },
    quantization_config: quantization(body['quantization_config']),
  }
  if (isObject(body['strict_mode_config'])) config.strict_mode_config = body['strict_mode_config']
  if (isObject(body['metadata'])) config.metadata = body['metadata']
  return config
}

/** Changes settings as the body of an update request says. */
export function updateConfig(config: CollectionConfig, body: JsonObject): void {
  Object.assign(config.optimizer_config, section(body, 'optimizers_config'))
  Object.assign(config.hnsw_config, section(body, 'hnsw_config'))
  Object.assign(config.params, section(body, 'params'))
  if ('quantization_config' in body) {
    config.quantization_config =
      body['quantization_config'] === 'Disabled' ? null : quantization(body['quantization_config'])
  }
  if (isObject(body['strict_mode_config'])) {
    config.strict_mode_config = { ...config.strict_mode_config, ...body['strict_mode_config'] }
  }
  if (isObject(body['metadata'])) config.metadata = { ...config.metadata, ...body['metadata'] }
}

export const spacesOf = (config: CollectionConfig): Map<string, VectorSpace> => parseSpaces(config.params['vectors'])

function section(body: JsonObject, name: string): JsonObject {
  const value = body[name]
  if (value === undefined || value === null) return {}
  if (!isObject(value)) throw badFormat(`invalid type for ${name}, expected a map`)
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null))
}

const kinds = ['scalar', 'product', 'binary', 'turbo']

function quantization(value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (isObject(value) && Object.keys(value).length === 1 && kinds.includes(Object.keys(value)[0]!)) return value
  throw badFormat('data did not match any variant of untagged enum QuantizationConfig')
}
