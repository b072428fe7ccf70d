import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { HeadwaterError } from '../core/errors'
import type { ImportSourceOptions } from '../transfer/import/sources/open'
import type { CliContext } from './context'

export interface SourceFlags {
  readonly sql?: string
  readonly table?: string
  readonly apiKeyFile?: string
}

/** A source as the command line names it. HW_INVALID_ARGUMENT where it is none. */
export function sourceFrom(context: CliContext, given: string, flags: SourceFlags): ImportSourceOptions {
  const { sql, table, apiKeyFile } = flags
  if (/^postgres(ql)?:\/\//.test(given)) return { postgres: { url: given, sql, table } }
  if (sql !== undefined || table !== undefined) {
    throw wrong(sql !== undefined ? '--sql' : '--table', 'goes with a source postgres://...')
  }
  const [, where, collection] = /^qdrant:(https?:\/\/.+)\/([^/]+)$/.exec(given) ?? []
  if (where !== undefined && collection !== undefined) {
    const apiKey = apiKeyFile === undefined ? undefined : secretIn(context.resolve(apiKeyFile), '--api-key-file')
    return { qdrant: { url: where, collection: decodeURIComponent(collection), apiKey } }
  }
  if (apiKeyFile !== undefined) throw wrong('--api-key-file', 'goes with a source qdrant:http://...')
  if (/^[a-z]+:\/\//i.test(given) || given.startsWith('qdrant:')) {
    throw wrong('source', 'give a file, postgres://..., or qdrant:http://host:6333/COLLECTION')
  }
  return fileFrom(context.resolve(given))
}

function fileFrom(file: string): ImportSourceOptions {
  const stats = statSync(file, { throwIfNoEntry: false })
  if (!stats) throw wrong('source', `${file} is not there`)
  const extension = path.extname(file).toLowerCase()
  if (stats.isDirectory() || extension === '.sqlite3') return { chroma: { path: file } }
  if (extension === '.parquet') return { parquet: { path: file } }
  if (extension === '.jsonl' || extension === '.ndjson') return { jsonl: { path: file } }
  throw wrong('source', `${file} is neither .jsonl, .ndjson nor .parquet, nor a folder or .sqlite3 of Chroma`)
}

/** A secret that is in a file. HW_STORAGE names the flag. */
export function secretIn(file: string, flag: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new HeadwaterError('HW_STORAGE', `${file} could not be read`, { cause, path: flag })
  }
}

function wrong(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${problem}`, { path })
}
