import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openStore } from '../../index'

/** Takes what it is sent and never answers. */
async function silentServer() {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    at: `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

describe('close() beside a server that never answers', () => {
  const open: { close(): void }[] = []
  afterEach(() => {
    for (const server of open.splice(0)) server.close()
  })

  it('ends within the drain and a moment: qdrant, elasticsearch, redis', async () => {
    const closing = ['qdrant', 'elasticsearch', 'redis'].map(async (name) => {
      const server = await silentServer()
      open.push(server)
      const url = `${name === 'redis' ? 'redis' : 'http'}://${server.at}`
      const store = await openStore({
        embedded: { path: ':memory:' },
        [name]: { url },
        embedder: { hashing: { dimensions: 16 } },
        logger: { debug() {}, info() {}, warn() {}, error() {} },
      })
      await store.forTenant('acme').documents.put({ id: 'a', text: 'a fox' }, { timeoutMs: 500 })
      return { name, store }
    })
    // All are open before one is closed: nothing else keeps this process busy then.
    const stores = await Promise.all(closing)
    await Promise.all(
      stores.map(async ({ name, store }) => {
        const startedAt = performance.now()
        await store.close()
        // 5 s of draining, one for what runs, one for what connections still ask; the rest is a busy machine.
        expect(performance.now() - startedAt, name).toBeLessThan(9_000)
      }),
    )
  })
})
