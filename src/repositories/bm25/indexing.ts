import type { Executor } from '../../connections/postgres/executor'
import type { CallOptions } from '../../core/abort'
import { payloadArrays, payloadAssignments, payloadNames, payloadParameters } from '../postgres-index/index-rows'
import { entryTerms } from '../text-words'
import type { TextEntry, TextIndex } from '../texts'
import { firstBlocks } from './first-blocks'
import { type Lexicon, readLexemes } from './lexicon'
import { emptyPostings, mostCounted, packCounts, placedBlocks } from './postings'
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
  const read = first
    ? await firstWords(executor, index, lexicon, fresh, call)
    : await placedWords(executor, index, lexicon, fresh, call)
  const drafts = new Map<string, Draft>()
  for (const [i, { id, number }] of written.entries()) {
    const { tenant } = fresh[i]!.payload
    let draft = drafts.get(tenant)
    if (!draft) {
      draft = { postings: emptyPostings(), entries: 0, length: 0, dead: 0 }
      drafts.set(tenant, draft)
    }
    if (reserved.known.has(id)) draft.dead++
    addEntry(draft, number, read[i]!)
  }
  const segments: Segment[] = [...drafts].map(([tenant, draft], i) => ({
    tenant,
    id: reserved.numbers[entries.length + i]!,
    ...draft,
  }))
  if (segments.length > 0) await writeSegments(executor, tables, segments, first ? firstBlocks : placedBlocks, call)
  return segments.map(({ tenant }) => tenant)
}

type Draft = { -readonly [K in 'postings' | 'entries' | 'length' | 'dead']: Segment[K] }

/** The words of an entry: where each term stands, and how often in title, heading and text. */
interface EntryWords {
  readonly terms: ReadonlyMap<string, { readonly places: readonly number[]; readonly counts: readonly number[] }>
  readonly length: number
}

async function placedWords(
  executor: Executor,
  index: TextIndex,
  lexicon: Lexicon,
  entries: readonly TextEntry[],
  call: CallOptions | undefined,
): Promise<EntryWords[]> {
  const texts = entries.flatMap(({ title, heading = '', text }) => [title, heading, text])
  const words = await readingFor(executor, index, lexicon, texts, call)
  return entries.map((entry) => {
    const terms = new Map<string, { places: number[]; counts: number[] }>()
    let length = 0
    for (const [field, found] of entryTerms(words, entry).entries()) {
      for (const { term, position, kind } of found) {
        if (kind === 'word') length++
        const held = terms.get(term)
        if (!held) terms.set(term, { places: [position], counts: [+(field === 0), +(field === 1), +(field === 2)] })
        else if (held.counts[field]! < mostCounted[field]!) {
          held.places.push(position)
          held.counts[field]!++
        }
      }
    }
    return { terms, length }
  })
}

async function firstWords(
  executor: Executor,
  index: TextIndex,
  lexicon: Lexicon,
  entries: readonly TextEntry[],
  call: CallOptions | undefined,
): Promise<EntryWords[]> {
  const texts = entries.map(({ title, text }) => `${title}\n${text}`)
  const lexemes = await readLexemes(executor, lexicon, index.language, texts, call)
  return lexemes.map((list) => {
    const terms = new Map<string, { places: number[]; counts: number[] }>()
    for (const lexeme of list) {
      const held = terms.get(lexeme)
      if (held) held.counts[2]!++
      else terms.set(lexeme, { places: [], counts: [0, 0, 1] })
    }
    return { terms, length: list.length }
  })
}

function addEntry(draft: Draft, number: number, { terms, length }: EntryWords): void {
  if (terms.size === 0) return
  draft.entries++
  draft.length += length
  const { terms: held, pool } = draft.postings
  for (const [term, { places, counts }] of terms) {
    const at = pool.length
    let last = 0
    for (const place of places) {
      pool.number(place - last)
      last = place
    }
    const packed = packCounts(counts[0]!, counts[1]!, counts[2]!)
    const postings = held.get(term)
    if (postings) postings.push(number, packed, length, at, pool.length - at)
    else held.set(term, [number, packed, length, at, pool.length - at])
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
