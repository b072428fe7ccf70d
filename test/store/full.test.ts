import { describe, expect, it } from 'vitest'
import { openStore } from '../../index'
import { describeFullProfile } from '../support/full-profile'
import { storeSuite } from './store-suite'

describeFullProfile('the full profile', (profile) => {
  storeSuite('Postgres, Qdrant, Elasticsearch, Redis and S3', async (options) => {
    const store = await openStore({ ...options, ...profile.options() })
    return { store, dispose: () => store.close() }
  })

  describe('topology', () => {
    it('is written down: a process that means other stores is refused', async () => {
      const { postgres } = profile.options()
      const other = openStore({ embedder: { hashing: {} }, postgres })
      await expect(other).rejects.toMatchObject({ code: 'HW_TOPOLOGY_MISMATCH', path: 'topology' })
    })
  })
})
