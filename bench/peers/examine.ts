/** Reads what an index holds with the raw client, and compares it with what the source holds. */
import type { QdrantClient } from '@qdrant/js-client-rest'
import { type SourceDocument, vectorOf } from './source'

export interface Findings {
  readonly expected: number
  /** Expected vectors that are there. */
  readonly there: number
  readonly missing: number
  /** Of a document that the source holds, but not of its text. */
  readonly stale: number
  /** Of a document that the source does not hold. */
  readonly orphaned: number
  /** A second vector of the same paragraph. */
  readonly double: number
}

export function isRight({ missing, stale, orphaned, double }: Findings): boolean {
  return missing + stale + orphaned + double === 0
}

interface Held {
  readonly document: string
  readonly vector: readonly number[]
}

/** Every point of the collections whose names start so. */
export async function heldVectors(qdrant: QdrantClient, start: string): Promise<Held[]> {
  const { collections } = await qdrant.getCollections()
  const held: Held[] = []
  for (const { name } of collections.filter((collection) => collection.name.startsWith(start))) {
    for (let offset: string | number | null = null, first = true; first || offset !== null; first = false) {
      const page: Awaited<ReturnType<QdrantClient['scroll']>> = await qdrant.scroll(name, {
        limit: 1_000,
        with_payload: true,
        with_vector: true,
        ...(offset !== null && { offset }),
      })
      for (const { payload, vector } of page.points) held.push({ document: owner(payload), vector: values(vector) })
      offset = (page.next_page_offset ?? null) as string | number | null
    }
  }
  return held
}

export function compare(held: readonly Held[], source: readonly SourceDocument[]): Findings {
  const wanted = new Map(
    source.map(({ id, paragraphs }) => [id, new Map(paragraphs.map((text) => [keyOf(vectorOf(text)), 0]))]),
  )
  let stale = 0
  let orphaned = 0
  for (const { document, vector } of held) {
    const texts = wanted.get(document)
    const key = keyOf(vector)
    const times = texts?.get(key)
    if (!texts) orphaned++
    else if (times === undefined) stale++
    else texts.set(key, times + 1)
  }
  const counts = [...wanted.values()].flatMap((texts) => [...texts.values()])
  const there = counts.filter((times) => times > 0).length
  const double = counts.reduce((sum, times) => sum + Math.max(0, times - 1), 0)
  return { expected: counts.length, there, missing: counts.length - there, stale, orphaned, double }
}

/** Each store writes the document's id elsewhere. */
function owner(payload: unknown): string {
  const { metadata, doc_id, document } = Object(payload) as Record<string, unknown>
  return String((Object(metadata) as { source?: unknown }).source ?? doc_id ?? document)
}

/** One vector, or one by its name. */
function values(vector: unknown): readonly number[] {
  return (Array.isArray(vector) ? vector : Object.values(Object(vector) as object)[0]) as number[]
}

/** What is left of a vector after the rounding of its way through the index. */
function keyOf(vector: readonly number[]): string {
  return vector.map((value) => Math.round(value * 1_000)).join()
}
