import { describeValue } from '../../../core/describe-value'
import { HeadwaterError } from '../../../core/errors'
import { refuseUnknown } from '../../../core/known-options'
import type { ImportSource } from '../source'
import { chromaSource } from './chroma'
import { jsonlSource } from './jsonl'
import { parquetSource } from './parquet'
import { type PostgresSourceOptions, postgresSource } from './postgres'
import { type QdrantSourceOptions, qdrantSource } from './qdrant'

/** Where an import comes from: exactly one of these, or a source of your own. */
export type ImportSourceOptions =
  | {
      /** A file of one JSON object a line. */
      readonly jsonl: { readonly path: string }
    }
  | {
      /** A Parquet file; needs `hyparquet`. */
      readonly parquet: { readonly path: string }
    }
  | {
      /** Chroma's folder, or its SQLite file; needs `better-sqlite3`, or Node 22.13. */
      readonly chroma: { readonly path: string }
    }
  | {
      /** A query, a table, or the tables of LangChain and LlamaIndex. */
      readonly postgres: PostgresSourceOptions
    }
  | {
      /** A collection of Qdrant's. */
      readonly qdrant: QdrantSourceOptions
    }
  | ImportSource

const kinds = { jsonl: jsonlSource, parquet: parquetSource, chroma: chromaSource }

/** The source that options stand for; nothing is opened yet. HW_INVALID_OPTIONS. */
export function openSource(options: ImportSourceOptions): ImportSource {
  if (typeof options !== 'object' || options === null) throw invalid('source', `is ${describeValue(options)}`)
  if ('rows' in options) return options
  const [kind, ...others] = Object.keys(options)
  const known = { jsonl: true, parquet: true, chroma: true, postgres: true, qdrant: true }
  refuseUnknown(options, known, 'source')
  if (kind === undefined || others.length > 0) throw invalid('source', `name one of ${Object.keys(known).join(', ')}`)
  if ('postgres' in options) return postgresSource(options.postgres)
  if ('qdrant' in options) {
    if (typeof options.qdrant?.collection === 'string' && options.qdrant.collection !== '')
      return qdrantSource(options.qdrant)
    throw invalid('source.qdrant.collection', 'name the collection')
  }
  const given: unknown = Reflect.get(options, kind)
  const path: unknown = Reflect.get(Object(given), 'path')
  if (typeof path === 'string' && path !== '') return kinds[kind as keyof typeof kinds](path)
  throw invalid(`source.${kind}.path`, `must name a file, got ${describeValue(path)}`)
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
