/** A process that indexes with one of the stores and does what it is told, so that it can be killed. */
import { kinds } from './kinds'
import type { Place } from './peer'
import { CountedEmbedder, type SourceDocument } from './source'

export type Order =
  | { readonly do: 'run'; readonly documents: readonly SourceDocument[]; readonly failAfter?: number }
  /** Two writers with everything of their own, at the same time. */
  | { readonly do: 'race'; readonly versions: readonly (readonly SourceDocument[])[] }
  | { readonly do: 'mend'; readonly documents: readonly SourceDocument[] }
  | { readonly do: 'count' }
  | { readonly do: 'close' }

export interface Answer {
  readonly texts: number
  readonly calls: number
  /** What the store threw. */
  readonly error?: string
}

const [kind, settings] = process.argv.slice(2) as [string, string]
const place: Place = { ...(JSON.parse(settings) as Omit<Place, 'embedder'>), embedder: new CountedEmbedder() }
const open = kinds[kind]!.open
const peers = [await open(place)]

async function obey(order: Order): Promise<void> {
  if (order.do === 'run' || order.do === 'race' || order.do === 'mend') place.embedder.reset()
  if (order.do === 'run') {
    place.embedder.reset(order.failAfter)
    await peers[0]!.run(order.documents)
  }
  if (order.do === 'race') {
    while (peers.length < order.versions.length) peers.push(await open(place))
    const ends = await Promise.allSettled(order.versions.map((version, at) => peers[at]!.run(version)))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }
  if (order.do === 'mend') await peers[0]!.mend(order.documents)
  if (order.do === 'close') for (const peer of peers) await peer.close()
}

process.on('message', (order: Order) => {
  obey(order)
    .then(
      () => undefined,
      (error: Error) => error.message,
    )
    .then((error) => {
      const { texts, calls } = place.embedder
      process.send!({ texts, calls, ...(error !== undefined && { error }) } satisfies Answer)
      if (order.do === 'close') process.disconnect()
    })
})
// A store works on in the background, and must not outlive the bench.
process.once('disconnect', () => process.exit())
process.send!({ texts: 0, calls: 0 } satisfies Answer)
