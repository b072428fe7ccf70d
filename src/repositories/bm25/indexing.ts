import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { payloadArrays, payloadAssignments, payloadNames, payloadParameters } from '../postgres-index/index-rows'
import type { TextEntry, TextIndex } from '../texts'
import { type Lexicon, readLexemes } from './lexicon'
import { type Segment, writeSegments } from './segments'
import type { TextTables } from './text-tables'

/**
 * Writes entries and, of those whose title or text changed, postings as one new segment a tenant. Within a
 * transaction; returns the tenants that got a segment.
 */
export async function indexEntries(
  executor: Executor,
  tables: TextTables,
  index: TextIndex,
  lexicon: Lexicon,
  entries: readonly TextEntry[],
  call?: CallOptions,
): Promise<string[]> {
  const reserved = await reserve(executor, tables, entries, call)
  const written = await writeEntries(executor, tables, entries, reserved.numbers, call)
  const byId = new Map(entries.map((entry) => [entry.id, entry]))
  const texts = written.map(({ id }) => `${byId.get(id)?.title ?? ''}\n${byId.get(id)?.text ?? ''}`)
  const lexemes = await readLexemes(executor, lexicon, index.language, texts, call)
  const drafts = new Map<string, Draft>()
  for (const [i, { id, number }] of written.entries()) {
    const tenant = byId.get(id)?.payload.tenant
    if (tenant === undefined) continue
    let draft = drafts.get(tenant)
    if (!draft) {
      draft = { terms: new Map(), entries: 0, length: 0, dead: 0 }
      drafts.set(tenant, draft)
    }
    if (reserved.known.has(id)) draft.dead++
    addEntry(draft, number, lexemes[i] ?? [])
  }
  const segments: Segment[] = [...drafts].map(([tenant, draft], i) => ({
    tenant,
    id: reserved.numbers[entries.length + i]!,
    ...draft,
  }))
  if (segments.length > 0) await writeSegments(executor, tables, segments, call)
  return segments.map(({ tenant }) => tenant)
}

type Draft = { -readonly [K in 'terms' | 'entries' | 'length' | 'dead']: Segment[K] }

function addEntry(draft: Draft, number: number, lexemes: readonly string[]): void {
  if (lexemes.length === 0) return
  draft.entries++
  draft.length += lexemes.length
  for (const lexeme of lexemes) {
    const postings = draft.terms.get(lexeme)
    if (!postings) draft.terms.set(lexeme, [number, 1, lexemes.length])
    else if (postings[postings.length - 3] === number) postings[postings.length - 2]!++
    else postings.push(number, 1, lexemes.length)
  }
}

/** A number for each entry and for as many segments; and which of the entries are there already. */
async function reserve(
  executor: Executor,
  tables: TextTables,
  entries: readonly TextEntry[],
  call: CallOptions | undefined,
): Promise<{ numbers: number[]; known: Set<string> }> {
  const tenants = new Set(entries.map((entry) => entry.payload.tenant))
  const { rows } = await executor.query<{ numbers: number[]; known: string[] | null }>(
    `SELECT ARRAY(SELECT nextval($1::regclass) FROM generate_series(1, $2::int)) AS numbers,
       (SELECT array_agg(id::text) FROM ${tables.entries} WHERE id = ANY($3::uuid[])) AS known`,
    [tables.sequence, entries.length + tenants.size, entries.map((entry) => entry.id)],
    call,
  )
  return { numbers: rows[0]?.numbers ?? [], known: new Set(rows[0]?.known) }
}

/**
 * Upserts the entries under their fences. Gives those whose text is new, which are those that took their number, in
 * ascending order of numbers, as postings are.
 */
async function writeEntries(
  executor: Executor,
  tables: TextTables,
  entries: readonly TextEntry[],
  numbers: readonly number[],
  call: CallOptions | undefined,
): Promise<{ id: string; number: number }[]> {
  const given = numbers.slice(0, entries.length)
  const { rows } = await executor.query<{ id: string; number: number }>(
    `INSERT INTO ${tables.entries} AS t (${payloadNames}, number, title, text)
     SELECT * FROM unnest(${payloadParameters}, $11::bigint[], $12::text[], $13::text[]) AS i ORDER BY 1
     ON CONFLICT (id) DO UPDATE SET ${payloadAssignments}, title = excluded.title, text = excluded.text,
       number = CASE WHEN t.title = excluded.title AND t.text = excluded.text THEN t.number ELSE excluded.number END
     WHERE t.tenant = excluded.tenant AND t.fence <= excluded.fence
     RETURNING id, number`,
    [...payloadArrays(entries), given, entries.map((entry) => entry.title), entries.map((entry) => entry.text)],
    call,
  )
  const fresh = new Set(given)
  return rows.filter(({ number }) => fresh.has(number)).sort((a, b) => a.number - b.number)
}
