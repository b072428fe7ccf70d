/**
 * A worker beside a service: the service only commits, the worker brings the indexes up to date.
 *
 * On a server these are two processes that open the same database, the service with `relay: 'external'`, and any number
 * of workers may run. An embedded store belongs to one process, so here both share it.
 */
import { openStore } from 'headwater'

const store = await openStore({ embedded: { path: ':memory:' }, embedder: { hashing: {} }, relay: 'external' })

const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())

try {
  const acme = store.forTenant('acme')
  const receipt = await acme.documents.put({ id: 'note', text: 'The boiler is serviced every spring.' })
  console.log('committed as version', receipt.version, 'and', receipt.targets.text)

  // Resolves when the signal aborts; what it holds then is finished or given back first.
  const working = store.relay.run({ signal: stop.signal })
  await acme.waitFor(receipt, { timeoutMs: 30_000 })
  const { hits } = await acme.search({ query: 'boiler' })
  console.log('found', hits[0]?.documentId, 'with', (await store.backlog()).waiting, 'jobs waiting')

  // A worker of yours would go on until it is told to end.
  stop.abort()
  await working
} finally {
  await store.close()
}
