import { writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { openStore, type Store } from '../../../index'
import { seededRandom } from '../../../src/core/random'
import { type Aim, aimAt, watchTraffic } from '../aim'
import type { Order } from '../order'
import { rebuildOnce } from './rebuilder'
import { reconcileOnce } from './reconciler'
import { search } from './searcher'
import { write } from './writer'

/*
 * A process of the torture. It starts without a part to play, so that the next one is at hand when one is killed; its
 * order comes as its first message, an aim or 'stop' may follow.
 */
watchTraffic()
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`)
const stop = new AbortController()

process.on('message', (message: { order?: Order; aim?: Aim; stop?: true }) => {
  if (message.order) void play(message.order)
  if (message.aim) aimAt(message.aim)
  if (message.stop) stop.abort()
})
process.on('disconnect', () => process.exit(1))
say({ ready: true })

async function open(order: Order): Promise<Store> {
  let { narrow = false } = order
  for (;;) {
    try {
      const { qdrant, elasticsearch, ...rest } = order.store
      return await openStore({ ...rest, ...(!narrow && { qdrant, elasticsearch }) })
    } catch (error) {
      if (narrow && (error as { code?: string }).code === 'HW_TOPOLOGY_MISMATCH') {
        narrow = false
        continue
      }
      // Stores are down now and then; whoever opens meanwhile tries again.
      if (!(error as { retryable?: boolean }).retryable || stop.signal.aborted) throw error
      await delay(100)
    }
  }
}

async function play(order: Order): Promise<void> {
  try {
    const store = await open(order)
    say({ opened: true })
    const random = seededRandom(order.seed)
    if (order.role === 'writer') await write(store, order, random, stop.signal)
    else if (order.role === 'searcher') await search(store, order, random, stop.signal)
    else if (order.role === 'worker') await store.relay.run({ signal: stop.signal })
    else if (order.role === 'rebuilder') say({ rebuilt: await rebuildOnce(store, order, stop.signal) })
    else say({ reconciled: await reconcileOnce(store) })
    await store.close()
    say({ ended: true })
    process.exit(0)
  } catch (error) {
    say({ failed: error instanceof Error ? `${error.stack}` : String(error) })
    process.exit(1)
  }
}
