import { describe, expect, it } from 'vitest'
import { openStore } from '../../src/store/open-store'
import { createTestStore } from '../../src/testing/test-store'

const embedder = { hashing: { dimensions: 16 } }

/** Words that are all different: nothing about them is known from the one before. */
function textOf(bytes: number): string {
  const words = Array.from({ length: bytes / 8 }, (_, i) => (Math.imul(i, 0x9e3779b1) >>> 0).toString(36).slice(0, 6))
  return words.map((word) => word.padStart(6, '0')).join('\n\n')
}

describe.each([
  ['in memory', 4e6, 1 / 3, () => createTestStore({ embedder })],
  // A statement of the database within the process is not interrupted.
  ['in the embedded database', 1e6, 2 / 3, () => openStore({ embedded: { path: ':memory:' }, embedder })],
] as const)('a long text %s', (_where, bytes, beyond, open) => {
  // Times of one run are compared, and a machine may be busy with others in one of them.
  it('leaves others their turn, and a call is answered in its time', { timeout: 120_000, retry: 2 }, async () => {
    const store = await open()
    const { documents } = store.forTenant('acme')
    const text = textOf(bytes)
    let turns = 0
    const ticking = setInterval(() => turns++, 1)
    const timed = async (work: Promise<unknown>): Promise<number> => {
      const before = performance.now()
      await work
      return performance.now() - before
    }

    const whole = await timed(documents.put({ id: 'whole', text }, { timeoutMs: 100_000 }))
    expect(turns).toBeGreaterThan(12)
    const late = { id: 'late', text: `late ${text}` }
    const timeoutMs = Math.round(whole / 3)
    const took = await timed(
      documents.put(late, { embed: 'deferred', timeoutMs }).then(
        // The truth was written in time; its projections are left to the relay.
        ({ targets }) => expect(targets).toEqual({ vector: 'queued', text: 'queued' }),
        (error: unknown) => expect(error).toMatchObject({ code: 'HW_TIMEOUT' }),
      ),
    )
    expect(took).toBeLessThan(timeoutMs + whole * beyond)
    clearInterval(ticking)

    await documents.put(late, { timeoutMs: 100_000 })
    await store.relay.drain({ timeoutMs: 100_000 })
    const { hits } = await store.forTenant('acme').search({ query: 'late', mode: 'text' })
    expect(hits.map(({ documentId }) => documentId)).toEqual(['late'])
    await store.close()
  })
})
