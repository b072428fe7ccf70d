/**
 * A store as the environment says: DATABASE_URL, and where they are set QDRANT_URL, ELASTICSEARCH_URL, REDIS_URL and
 * S3_ENDPOINT with its keys (docs/settings.md has them all). With none of them it is embedded, in `./.headwater`.
 */
import { openStore, settingsFromEnv, storeOptionsFrom } from 'headwater'

const given = process.env['DATABASE_URL'] ?? process.env['POSTGRES_HOST']
const settings = settingsFromEnv(given ? process.env : { ...process.env, HEADWATER_PROFILE: 'embedded' })

// openStore(settings) will do. This adds options that no variable has, and keeps what settings say of the same groups.
const store = await openStore(storeOptionsFrom(settings, { search: { cache: true }, writer: { pollMs: 200 } }))
try {
  const { status, connections, degraded } = await store.health()
  console.log(status, Object.keys(connections).join(', '))
  for (const { what, meaning, remedy } of degraded) console.log(`${what}: ${meaning} ${remedy}`)

  const acme = store.forTenant('acme')
  const receipt = await acme.documents.put({ id: 'boiler', text: 'The boiler is serviced every spring.' })
  const { hits } = await acme.search({ query: 'boiler service' }, { after: receipt })
  console.log('found', hits[0]?.documentId)

  // Made of a document: the next write to it takes the value away, in every process that shares the Redis.
  const load = async () => (await acme.documents.get('boiler'))?.text.length ?? 0
  console.log('characters', await acme.cache.getOrLoad('length', load, { documents: ['boiler'] }))
} finally {
  await store.close()
}
