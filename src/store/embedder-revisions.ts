import type { Embedder } from '../embeddings/embedder'
import { HashingEmbedder } from '../embeddings/hashing'
import type { WriterPorts } from '../writer/ports'

/**
 * What was filled by an earlier revision of an embedder stays with that one until it is rebuilt: opening never changes a
 * space, and needs no other option for it.
 */
export async function keepRevisions({ truth, collections, embedders }: WriterPorts): Promise<void> {
  const { generations } = truth.session({ worker: true })
  for (const plan of [...collections.values()]) {
    if (!(plan.embedder instanceof HashingEmbedder) && !(plan.fallback instanceof HashingEmbedder)) continue
    const made = await generations.list({ target: 'vector', collection: plan.name, states: ['live', 'standby'] })
    const live = made.filter(({ state }) => state === 'live')
    const embedder = earlierOf(plan.embedder, live)
    const fallback = plan.fallback && earlierOf(plan.fallback, made)
    if (!embedder && !fallback) continue
    for (const one of [embedder, fallback]) if (one) embedders.set(one.fingerprint, one)
    collections.set(plan.name, {
      ...plan,
      ...(embedder && { embedder, newer: plan.embedder }),
      ...(fallback && { fallback }),
    })
  }
}

/** The earlier revision of an embedder that one of these generations was made by, if none is by the embedder itself. */
export function earlierOf(
  embedder: Embedder,
  made: readonly { readonly fingerprint: string | null }[],
): Embedder | undefined {
  if (!(embedder instanceof HashingEmbedder)) return undefined
  if (made.some(({ fingerprint }) => fingerprint === embedder.fingerprint)) return undefined
  return made.map(({ fingerprint }) => embedder.earlier(fingerprint ?? '')).find((one) => one !== undefined)
}
