/**
 * A webhook for every order: promised in the transaction that stores it, done once that has committed, tried again when
 * the other side fails.
 */
import { openStore } from 'headwater'

const store = await openStore({
  embedded: { path: ':memory:' },
  embedder: { hashing: {} },
  relay: 'external',
  onError: (error) => console.log(error.message),
})

try {
  let calls = 0
  const told: string[] = []
  store.on<{ order: string }>(
    'order-webhook',
    async ({ id, payload, handle, attempt }) => {
      calls++
      if (attempt === 1) throw new Error('503 of the other side')
      // What is so by now, not what was so when it was promised; the id is the other side's idempotency key.
      const order = await handle.documents.get(payload.order)
      told.push(`${id.slice(0, 8)}: ${order?.title}`)
    },
    { backoffMs: 10 },
  )

  const acme = store.forTenant('acme')
  await acme.transaction(async (tx) => {
    await tx.documents.put({ id: 'order-1', title: 'Rope', text: 'Six metres of rope.' })
    await tx.afterCommit('order-webhook', { order: 'order-1' })
  })
  const regretted = acme.transaction(async (tx) => {
    await tx.afterCommit('order-webhook', { order: 'never' })
    throw new Error('out of stock')
  })
  await regretted.catch((error: Error) => console.log('rolled back:', error.message))

  // A worker would go on: store.relay.run({ signal }), or `headwater relay --handlers FILE`.
  await store.relay.drain()
  console.log(calls, 'calls, told', told)
  if (calls !== 2 || told.length !== 1) throw new Error('expected one webhook, at its second attempt')
} finally {
  await store.close()
}
