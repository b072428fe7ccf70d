import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { payloadArrays, payloadAssignments, payloadNames, payloadParameters } from '../postgres-index/index-rows'
import { readEntry } from '../text-words'
import type { TextEntry, TextIndex } from '../texts'
import { SegmentDraft } from './draft'
import { firstBlocks } from './first-blocks'
import { type Lexicon, readLexemes } from './lexicon'
import { placedBlocks } from './postings'
import { readingFor } from './reading'
import { type Segment, writeSegments } from './segments'
import { isFirst, type TextTables } from './text-tables'

/**
 * Writes entries and, of those whose title, heading or text changed, postings as one new segment a tenant. Within a
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
  const first = isFirst(index)
  const reserved = await reserve(executor, tables, entries, call)
  const written = await writeEntries(executor, tables, entries, reserved.numbers, first, call)
  const byId = new Map(entries.map((entry) => [entry.id, entry]))
  const fresh = written.map(({ id }) => byId.get(id)!)
  const addWords = await (first ? firstWords : placedWords)(executor, index, lexicon, fresh, call)
  const drafts = new Map<string, SegmentDraft>()
  for (const [i, { id, number }] of written.entries()) {
    const entry = fresh[i]!
    const { tenant } = entry.payload
    let draft = drafts.get(tenant)
    if (!draft) {
      draft = new SegmentDraft()
      drafts.set(tenant, draft)
    }
    if (reserved.known.has(id)) draft.dead++
    draft.close(number, addWords(draft, entry, i))
  }
  const segments: Segment[] = [...drafts].map(([tenant, draft], i) => ({
    tenant,
    id: reserved.numbers[entries.length + i]!,
    postings: draft.postings,
    entries: draft.entries,
    length: draft.length,
    dead: draft.dead,
  }))
  if (segments.length > 0) await writeSegments(executor, tables, segments, first ? firstBlocks : placedBlocks, call)
  return segments.map(({ tenant }) => tenant)
}

/** How the words of an entry are read into a draft; gives its length in words. */
type AddEntry = (draft: SegmentDraft, entry: TextEntry, at: number) => number

async function placedWords(
  executor: Executor,
  index: TextIndex,
  lexicon: Lexicon,
  entries: readonly TextEntry[],
  call: CallOptions | undefined,
): Promise<AddEntry> {
  const texts = entries.flatMap(({ title, heading = '', text }) => [title, heading, text])
  const words = await readingFor(executor, index, lexicon, texts, call)
  return (draft, entry) => {
    let length = 0
    readEntry(words, entry, (field, term, position, kind) => {
      if (kind === 'word') length++
      draft.add(term, field, position)
    })
    return length
  }
}

async function firstWords(
  executor: Executor,
  index: TextIndex,
  lexicon: Lexicon,
  entries: readonly TextEntry[],
  call: CallOptions | undefined,
): Promise<AddEntry> {
  const texts = entries.map(({ title, text }) => `${title}\n${text}`)
  const lexemes = await readLexemes(executor, lexicon, index.language, texts, call)
  return (draft, _entry, at) => {
    const list = lexemes[at]!
    for (const [place, lexeme] of list.entries()) draft.add(lexeme, 2, place)
    return list.length
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
       (SELECT array_agg(e.id::text) FROM unnest($3::uuid[]) AS k (id)
        CROSS JOIN LATERAL (SELECT t.id FROM ${tables.entries} t WHERE t.id = k.id OFFSET 0) e) AS known`,
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
  first: boolean,
  call: CallOptions | undefined,
): Promise<{ id: string; number: number }[]> {
  const given = numbers.slice(0, entries.length)
  // Version 1 knew no headings.
  const heading = first ? '' : ', heading'
  const { rows } = await executor.query<{ id: string; number: number }>(
    `INSERT INTO ${tables.entries} AS t (${payloadNames}, number, title, text${heading})
     SELECT * FROM unnest(${payloadParameters}, $11::bigint[], $12::text[], $13::text[]${first ? '' : ', $14::text[]'}) AS i
     ORDER BY 1
     ON CONFLICT (id) DO UPDATE SET ${payloadAssignments}, title = excluded.title, text = excluded.text,
       ${first ? '' : 'heading = excluded.heading,'}
       number = CASE WHEN t.title = excluded.title AND t.text = excluded.text
         ${first ? '' : 'AND t.heading = excluded.heading'} THEN t.number ELSE excluded.number END
     WHERE t.tenant = excluded.tenant AND t.fence <= excluded.fence
     RETURNING id, number`,
    [
      ...payloadArrays(entries),
      given,
      entries.map((entry) => entry.title),
      entries.map((entry) => entry.text),
      ...(first ? [] : [entries.map((entry) => entry.heading ?? '')]),
    ],
    call,
  )
  const fresh = new Set(given)
  return rows.filter(({ number }) => fresh.has(number)).sort((a, b) => a.number - b.number)
}
