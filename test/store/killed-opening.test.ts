import { expect, it } from 'vitest'
import { openStore } from '../../index'
import { startChild } from '../support/child'
import { describeFullProfile } from '../support/full-profile'

describeFullProfile('a process killed while it opens a store for the first time', (profile) => {
  it('an index that was made and not recorded is taken over', async () => {
    const options = { ...profile.options(), embedder: { hashing: { dimensions: 16 } } }
    const child = startChild<{ made: string }>(
      'store/children/opening.ts',
      JSON.stringify(options),
      profile.elasticsearchUrl,
    )
    const { made } = await child.line(() => true)
    child.process.kill('SIGKILL')
    await child.ended
    // Of a process killed a little later: somebody took the alias away, too.
    await fetch(`${profile.elasticsearchUrl}${made}/_alias/*`, { method: 'DELETE' })

    const store = await openStore(options)
    try {
      expect(await store.generations()).toMatchObject([{ state: 'live' }, { state: 'live' }])
      const acme = store.forTenant('acme')
      await acme.waitFor(await acme.documents.put({ id: 'a', text: 'parental leave' }), { timeoutMs: 20_000 })
      const page = await acme.search({ query: 'parental', mode: 'text' })
      expect(page.hits.map(({ documentId }) => documentId)).toEqual(['a'])
      const indexes = await fetch(`${profile.elasticsearchUrl}${made.replace(/text.*/, '')}*/_alias`)
      expect(Object.keys((await indexes.json()) as object)).toEqual([decodeURIComponent(made.slice(1))])
    } finally {
      await store.close()
    }
  })
})
