import type { Executor } from '../../connections/postgres/executor'
import { quoteName } from '../../connections/postgres/row-security'
import { literal } from '../../connections/postgres/statement'
import { HeadwaterError } from '../../core/errors'
import { columnDefinitions, inline } from '../postgres-index/index-rows'
import { lockCreation, readMake, secure, secureSequence, sqlState, tableName } from '../postgres-index/index-table'
import { wordFormat } from '../text-words'
import type { TextIndex } from '../texts'
import { isServers } from './reading'

/** The quoted names of what a text index consists of. */
export interface TextTables {
  /** The entries: payload, title, text, and the number by which postings refer to an entry's current text. */
  readonly entries: string
  /** What is known of each batch of postings. */
  readonly segments: string
  /** The postings in blocks, by (tenant, bucket of terms, segment). */
  readonly postings: string
  /** Numbers of entries and of segments. */
  readonly sequence: string
}

export function textTables(schema: string, index: TextIndex): TextTables {
  const name = tableName(index.name)
  const quoted = (suffix: string): string => `${quoteName(schema)}.${quoteName(name + suffix)}`
  return {
    entries: quoted(''),
    segments: quoted('_segments'),
    postings: quoted('_postings'),
    sequence: quoted('_numbers'),
  }
}

/** True for an index as 0.1.0 made them. */
export function isFirst({ format }: TextIndex): boolean {
  return format?.words === 1
}

function makeOf(index: TextIndex): string {
  const { language, format = wordFormat } = index
  const { words, folding = true } = format
  return `headwater texts ${JSON.stringify(isFirst(index) ? { language } : { language, words, folding })}`
}

export async function createTextTables(
  executor: Executor,
  schema: string,
  tables: TextTables,
  index: TextIndex,
): Promise<void> {
  await lockCreation(executor, schema)
  const make = makeOf(index)
  const found = await readMake(executor, tables.entries)
  if (found === make) return
  if (found !== undefined) {
    throw new HeadwaterError(
      'HW_INVALID_ARGUMENT',
      `The table ${tables.entries} is there already as ${JSON.stringify(found)}, not as ${JSON.stringify(make)}`,
      { path: 'index.name' },
    )
  }
  if (isFirst(index) || isServers(index)) {
    await onLanguage(index, () => executor.query(`SELECT $1::text::regconfig`, [index.language]))
  }
  await executor.query(`CREATE SEQUENCE ${tables.sequence}`)
  await executor.query(
    `CREATE TABLE ${tables.entries} (${columnDefinitions('number bigint NOT NULL')},
       title text NOT NULL, text text NOT NULL${isFirst(index) ? '' : ', heading text NOT NULL'})`,
  )
  await executor.query(`CREATE INDEX ON ${tables.entries} (tenant, number)`)
  await executor.query(
    `CREATE TABLE ${tables.segments} (tenant text COLLATE "C" NOT NULL, segment bigint NOT NULL,
       entries bigint NOT NULL, length bigint NOT NULL, dead bigint NOT NULL, bits int NOT NULL,
       PRIMARY KEY (tenant, segment))`,
  )
  await executor.query(
    `CREATE TABLE ${tables.postings} (tenant text COLLATE "C" NOT NULL, bucket int NOT NULL, segment bigint NOT NULL,
       block bytea NOT NULL, PRIMARY KEY (tenant, bucket, segment)) WITH (${inline})`,
  )
  // Packed already: trying to compress it again only costs time.
  await executor.query(`ALTER TABLE ${tables.postings} ALTER COLUMN block SET STORAGE EXTERNAL`)
  for (const table of [tables.entries, tables.segments, tables.postings]) await secure(executor, table)
  await secureSequence(executor, tables.sequence)
  await executor.query(`COMMENT ON TABLE ${tables.entries} IS ${literal(make)}`)
}

export async function dropTextTables(executor: Executor, tables: TextTables): Promise<void> {
  await executor.query(`DROP TABLE IF EXISTS ${tables.entries}, ${tables.segments}, ${tables.postings}`)
  await executor.query(`DROP SEQUENCE IF EXISTS ${tables.sequence}`)
}

/** Runs what uses the index's language; one that this server does not know is an error that names it. */
export async function onLanguage<T>(index: TextIndex, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const state = sqlState(error)
    if (state !== '42704' && state !== '42602') throw error
    throw new HeadwaterError(
      'HW_INVALID_OPTIONS',
      `language ${JSON.stringify(index.language)} is neither a language of this package (docs/search.md) nor a text ` +
        'search configuration of this server: SELECT cfgname FROM pg_ts_config lists them',
      { cause: error, path: 'language', details: { language: index.language } },
    )
  }
}
