import { openStore } from '../../index'
import { storeSuite } from './store-suite'

storeSuite('PGlite', async (options) => {
  const store = await openStore({ ...options, embedded: { path: ':memory:' } })
  return { store, dispose: () => store.close() }
})
