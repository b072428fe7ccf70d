/**
 * An agent registry: agents say what they can do and that they are there, take documents one by one, and what an agent
 * left behind when it went silent is given to the next.
 */
import { openStore } from 'headwater'
import { agent_heartbeats, agents, processing, relations } from 'headwater/entities'

const store = await openStore({
  embedded: { path: ':memory:' },
  embedder: { hashing: {} },
  entities: { agents, agent_heartbeats, processing, relations },
})

try {
  const acme = store.forTenant('acme')
  const { entities } = acme
  await entities.agents.insertMany([
    { id: 'reader-1', capabilities: ['read'], configuration: { language: 'en' } },
    { id: 'reader-2', capabilities: ['read', 'summarise'] },
  ])
  for (const id of ['reader-1', 'reader-2']) await entities.agents.heartbeat(id)

  await acme.transaction(async (tx) => {
    for (const id of ['page-1', 'page-2', 'page-3']) {
      await tx.documents.put({ id, text: `The words of ${id}.` })
      await tx.entities.processing.setProcessing(id, 'pending')
    }
  })

  /** The document that an agent has now; null where none waits. Two agents never have the same. */
  async function take(agent: string): Promise<string | null> {
    const { items } = await entities.processing.list({
      filter: { state: 'pending' },
      orderBy: [{ state: 'asc' }, { updatedAt: 'asc' }],
    })
    for (const { document } of items) {
      const id = document.slice('documents/'.length)
      const taken = await acme
        .transaction(async (tx) => {
          await tx.entities.processing.setProcessing(id, 'processing', { from: 'pending' })
          await tx.entities.agents.update(agent, { status: 'busy', state: { document: id } })
        })
        .catch((error: { code?: string }) => {
          if (error.code !== 'HW_VERSION_CONFLICT') throw error
        })
      if (taken) return id
    }
    return null
  }

  const [first, second] = await Promise.all([take('reader-1'), take('reader-2')])
  if (!first || !second || first === second) throw new Error('expected a document for each agent')

  // The first is done with its document, and what it made of it is known to come from there.
  await acme.transaction(async (tx) => {
    await tx.documents.put({ id: `${first}-summary`, text: 'In short.' })
    await tx.entities.relations.relate(`${first}-summary`, 'derived-from', first)
    await tx.entities.processing.setProcessing(first, 'processed', { from: 'processing' })
    await tx.entities.agents.update('reader-1', { status: 'idle', state: {} })
  })
  // The second has gone silent: what it had is given back.
  const there = await entities.agents.alive({ withinMs: 60_000, filter: { capabilities: 'summarise' } })
  console.log(
    'able to summarise, and there:',
    there.items.map(({ id }) => id),
  )
  await entities.processing.setProcessing(second, 'pending', { from: 'processing', reason: 'reader-2 went silent' })

  const states = await entities.processing.aggregate({ groupBy: ['state'], count: true })
  console.log(states)
  const { items: summaries } = await entities.relations.related(first, { kind: 'derived-from', end: 'source' })
  if (summaries[0]?.id !== `${first}-summary`) throw new Error('expected the summary of the first document')
  await acme.documents.delete(first)
  if ((await entities.relations.count()) !== 0) throw new Error('expected no relation to a document that is gone')
} finally {
  await store.close()
}
