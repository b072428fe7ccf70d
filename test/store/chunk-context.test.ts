import { describe, expect, it } from 'vitest'
import type { Embedder } from '../../index'
import { listen } from '../../src/observability/channels'
import { openStore } from '../../src/store/open-store'
import { createTestStore } from '../../src/testing/test-store'

const section = (name: string): string =>
  `## ${name}\n\n${Array.from({ length: 40 }, (_, i) => `Sentence ${i} says something general about limits.`).join(' ')}\n\n`
const manual = { id: 'manual', title: 'Manual', contentType: 'text/markdown' }

/** A model of eight words, that remembers what it was given. */
function eightWords(): Embedder & { seen: string[] } {
  const seen: string[] = []
  const words = (text: string): string[] => text.split(/\s+/).filter(Boolean)
  return {
    fingerprint: 'eight-words',
    dimensions: 1,
    maxTokens: 8,
    seen,
    countTokens: async (texts) => texts.map((text) => words(text).length),
    embed: async (texts) => {
      seen.push(...texts)
      return texts.map((text) => Float32Array.of(1 + words(text).slice(0, 8).length))
    },
  }
}

for (const [name, open] of [
  ['memory', (options: object) => createTestStore(options)],
  ['PGlite', (options: object) => openStore({ embedded: { path: ':memory:' }, relay: 'background', ...options })],
] as const) {
  describe(`chunks and what stands above them, in ${name}`, () => {
    it('keeps the heading: shown, and found by it', async () => {
      const store = await open({ embedder: { hashing: {} } })
      const acme = store.forTenant('acme')
      await acme.waitFor(await acme.documents.put({ ...manual, text: section('Kerberos') + section('LDAP') }))
      const chunks = await acme.documents.chunks('manual')
      expect(new Set(chunks.map(({ heading }) => heading))).toEqual(new Set(['Kerberos', 'LDAP']))
      const { hits } = await acme.search({ query: 'Kerberos', mode: 'text', limit: 20 })
      expect(hits.length).toBe(chunks.filter(({ heading }) => heading === 'Kerberos').length)
      expect(hits.every(({ heading }) => heading === 'Kerberos')).toBe(true)
      await store.close()
    })

    it('repeats the header of a table over the rows of each chunk', async () => {
      const rows = Array.from({ length: 90 }, (_, i) => `| option${i} | sets the ${i}th limit of all that there are |`)
      const store = await open({ embedder: { hashing: {} } })
      const acme = store.forTenant('acme')
      const text = `# Options\n\n| name | whatitisfor |\n| --- | --- |\n${rows.join('\n')}\n`
      await acme.waitFor(await acme.documents.put({ ...manual, text }))
      const [first, ...rest] = await acme.documents.chunks('manual')
      expect(first!.tableHeader).toBe('')
      expect(rest.length).toBeGreaterThan(2)
      for (const chunk of rest)
        expect(chunk).toMatchObject({ heading: 'Options', tableHeader: '| name | whatitisfor |' })
      for (const chunk of rest) expect(chunk.text).toMatch(/^\| option/)
      const { hits } = await acme.search({ query: 'whatitisfor', mode: 'text', limit: 20 })
      expect(hits).toHaveLength(1 + rest.length)
      expect(hits.filter((hit) => hit.tableHeader === '| name | whatitisfor |')).toHaveLength(rest.length)
      await store.close()
    })

    it('embeds a chunk anew when its heading changes, under the same id, and no other', async () => {
      const embedder = eightWords()
      const store = await open({ embedder })
      const acme = store.forTenant('acme')
      const text = 'one two. three four.'
      const put = (heading: string) =>
        acme.documents.put({ id: 'own', text, chunks: [{ text: 'one two.', heading }, { text: 'three four.' }] })
      await acme.waitFor(await put('Before'))
      const before = await acme.documents.chunks('own')
      await acme.waitFor(await put('After'))
      const after = await acme.documents.chunks('own')
      expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id))
      expect(after.map(({ heading }) => heading)).toEqual(['After', ''])
      expect(embedder.seen).toEqual(['Before\n\none two.', 'three four.', 'After\n\none two.'])
      expect(
        await acme.documents.put({
          id: 'own',
          text,
          chunks: [{ text: 'one two.', heading: 'After' }, { text: 'three four.' }],
        }),
      ).toMatchObject({ unchanged: true })
      await acme.waitFor(await acme.documents.patch('own', { metadata: { a: 1 } }))
      expect((await acme.documents.chunks('own')).map(({ heading }) => heading)).toEqual(['After', ''])
      const { missing, stale, orphaned } = await store.reconcile({ target: 'vector', deep: true })
      expect([missing, stale, orphaned]).toEqual([0, 0, 0])
      await store.close()
    })

    it('counts what the embedder does not read to the end: in the receipt, health and the channel', async () => {
      const told: number[] = []
      const stop = listen('headwater:write', ({ truncated }) => told.push(truncated))
      const store = await open({ embedder: eightWords() })
      const acme = store.forTenant('acme')
      const long = 'one two three four five six seven eight nine ten'
      const own = { text: long, chunks: [{ text: long }, { text: 'nine ten' }] }
      expect(await acme.documents.put({ id: 'a', ...own })).toMatchObject({ truncated: 1 })
      expect(await acme.documents.put({ id: 'a', ...own })).not.toHaveProperty('truncated')
      const batch = await acme.documents.putMany([
        { id: 'b', ...own },
        { id: 'c', text: 'short' },
        { id: 'd', ...own },
      ])
      expect(batch.receipt.truncated).toBe(2)
      const { receipt } = await acme.transaction((tx) => tx.documents.put({ id: 'e', ...own }))
      expect(receipt.truncated).toBe(1)
      // What the splitter cuts is cut to be read.
      expect(await acme.documents.put({ id: 'f', text: `${long} ${long} ${long}` })).not.toHaveProperty('truncated')
      expect((await acme.documents.chunks('f')).length).toBeGreaterThan(2)
      const { truncated, notices } = await store.health()
      expect(truncated).toEqual({ documents: 4 })
      expect(notices.join('\n')).toContain('4 chunks that were written are longer than eight-words reads (8 tokens)')
      expect(told.reduce((sum, count) => sum + count, 0)).toBe(4)
      await store.close()
      stop()
    })
  })
}
