import { z } from 'zod'
import { defineEntity, openStore, type StoreOptions } from '../../index'

export const coursesShape = {
  title: z.string(),
  places: z.number().int().optional(),
  price: z.number(),
  at: z.iso.datetime().optional(),
  tags: z.array(z.string()).optional(),
  extra: z.unknown(),
}
export const courses = defineEntity('courses', z.object(coursesShape), {
  indexes: [['places']],
  unique: [['title']],
})
export const declared = { entities: { courses } } as const
export const hashing = { embedder: { hashing: { dimensions: 32 } } } as const

/** Texts that files, JSON and SQL take for something else. */
export const odd = [
  '',
  "o'clock",
  '"quoted"',
  'back\\slash',
  'line\nend\r\ttab',
  '\u2028 𝒳 é é',
  '\\u0041',
  '{}',
  'NaN',
]

export type Filled = Awaited<ReturnType<typeof open>>

export function open(where: Pick<StoreOptions, 'embedded' | 'postgres' | 's3' | 'blobs'>, more: object = {}) {
  return openStore({ ...where, ...hashing, ...declared, relay: 'external' as const, ...more })
}

/** Two tenants with documents (some deleted, some with blobs), entities and a second collection's worth of oddities. */
export async function fill(store: Filled, documents = 20): Promise<void> {
  for (const tenant of ['acme', 'Other.tenant']) {
    const handle = store.forTenant(tenant)
    await handle.documents.putMany(
      Array.from({ length: documents }, (_, at) => ({
        id: `doc ${at} ${odd[at % odd.length]!.replaceAll(/[\n\r\t\u2028]/g, '')}x`,
        title: odd[at % odd.length],
        text: `Parental leave number ${at} of ${tenant}. ${odd.join(' ')} ${`Sentence ${at} goes on. `.repeat(20)}`,
        metadata: { section: at % 2 === 0 ? 'hr' : 'it', year: 2000 + at, ratio: 0.1 * at, odd, none: null },
        ...(at % 5 === 0 && { blob: { data: `blob ${at % 10} of ${tenant}`, contentType: 'text/plain' } }),
      })),
    )
    await handle.documents.delete("doc 1 o'clockx")
    await handle.entities.courses.insert({
      title: `${tenant} "course"`,
      places: 2 ** 40,
      price: 0.1 + 0.2,
      at: '2026-02-03T04:05:06.789Z',
      tags: odd,
      extra: null,
    })
    await handle.entities.courses.insert({ title: 'plain', price: -0, extra: { deep: [1, null, { a: 'b' }] } })
  }
  await store.relay.drain({ timeoutMs: 30_000 })
}

/** All that users see of a store. */
export async function seen(store: Filled) {
  const tenants: Record<string, unknown> = {}
  for (const name of ['acme', 'Other.tenant']) {
    const tenant = store.forTenant(name)
    const { items } = await tenant.documents.list({ limit: 100 })
    const blobs: string[] = []
    for (const { blob } of items) {
      if (!blob) continue
      const bytes: Uint8Array[] = []
      for await (const piece of (await tenant.blobs.get(blob.hash))!) bytes.push(piece)
      blobs.push(Buffer.concat(bytes).toString('utf8'))
    }
    const courses = await tenant.entities.courses.list({ limit: 100 })
    const search = async (mode: 'text' | 'vector') =>
      (await tenant.search({ query: 'parental leave number 7', mode, limit: 5 })).hits.map((hit) => [
        hit.documentId,
        hit.chunkId,
        hit.text,
        Math.round(hit.score * 1e4),
      ])
    const chunks = await tenant.documents.chunks(items[0]!.id)
    tenants[name] = {
      items,
      blobs,
      courses: courses.items,
      chunks,
      text: await search('text'),
      vector: await search('vector'),
    }
  }
  return tenants
}
