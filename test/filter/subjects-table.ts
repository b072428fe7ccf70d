import { PGlite } from '@electric-sql/pglite'
import type { FilterSubject, ParsedFilter } from '../../src/filter/parsed'
import { compileFilter } from '../../src/repositories/postgres/filter-sql'

const columns = {
  leaves: 's.leaves',
  id: 's.id',
  source: 's.source',
  createdAt: 's.created_at',
  updatedAt: 's.updated_at',
  version: 's.version',
}

/** A document's table: its own fields are columns. */
const documentColumns = {
  ...columns,
  leaves: 's.document_leaves',
  own: { $title: 's.title', $status: 's.status', $contentType: 's.content_type' },
}

/** With what a document is made of, for those who ask it as one. */
type Subject = FilterSubject & {
  readonly title?: string
  readonly status?: string
  readonly contentType?: string
  readonly documentLeaves?: object
}

/** Subjects in a table of a real Postgres, so that compiled filters are judged by what it answers. */
export class SubjectsTable {
  readonly #database: PGlite

  private constructor(database: PGlite) {
    this.#database = database
  }

  static async open(): Promise<SubjectsTable> {
    const database = await PGlite.create()
    await database.exec(`CREATE TABLE s (position integer PRIMARY KEY, id text NOT NULL, source text,
      created_at bigint NOT NULL, updated_at bigint NOT NULL, version bigint NOT NULL, leaves jsonb NOT NULL,
      title text NOT NULL, status text NOT NULL, content_type text NOT NULL, document_leaves jsonb NOT NULL)`)
    return new SubjectsTable(database)
  }

  async fill(subjects: readonly Subject[]): Promise<void> {
    const rows = subjects.map((subject, position) => ({
      position,
      ...subject,
      created_at: subject.createdAt,
      updated_at: subject.updatedAt,
      title: subject.title ?? '',
      status: subject.status ?? '',
      content_type: subject.contentType ?? '',
      document_leaves: subject.documentLeaves ?? subject.leaves,
    }))
    await this.#database.exec('TRUNCATE s')
    await this.#database.query(
      `INSERT INTO s SELECT position, id, source, created_at, updated_at, version, leaves, title, status, content_type,
         document_leaves
       FROM jsonb_to_recordset($1) AS r(position integer, id text, source text, created_at bigint,
         updated_at bigint, version bigint, leaves jsonb, title text, status text, content_type text,
         document_leaves jsonb)`,
      [JSON.stringify(rows)],
    )
  }

  /** For each filter, its answer on each subject; null would show as null. */
  async answers(filters: readonly (ParsedFilter | undefined)[], of?: 'documents'): Promise<unknown[][]> {
    const params: unknown[] = []
    const place = of ? documentColumns : columns
    const outputs = filters.map((filter, index) => `${compileFilter(filter, place, params)} AS f${index}`)
    const { rows } = await this.#database.query<Record<string, unknown>>(
      `SELECT ${outputs.join(', ')} FROM s ORDER BY position`,
      params,
    )
    return filters.map((_, index) => rows.map((row) => row[`f${index}`]))
  }

  async explain(filter: ParsedFilter): Promise<string> {
    const params: unknown[] = []
    const { rows } = await this.#database.query<Record<string, string>>(
      `EXPLAIN SELECT 1 FROM s WHERE ${compileFilter(filter, columns, params)}`,
      params,
    )
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }

  async exec(sql: string): Promise<void> {
    await this.#database.exec(sql)
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}
