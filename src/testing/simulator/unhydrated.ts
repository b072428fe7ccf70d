import type { HydratedChunk } from '../../repositories/chunks'
import type { Generation } from '../../repositories/generations'
import type { Tables } from '../../repositories/memory/tables'
import type { HeldText } from '../../repositories/memory/texts'
import type { Truth, TruthSession } from '../../repositories/truth'

/** The truth as a search would see it that believed its index: what it reads of chunks is what the text index holds. */
export function unhydrated(
  truth: Truth,
  tables: Tables,
  texts: { raw(generation: Pick<Generation, 'engine' | 'name'>): ReadonlyMap<string, HeldText> },
): Truth {
  const hydrate = async (_scope: unknown, _chunking: string, ids: readonly string[]): Promise<HydratedChunk[]> => {
    const live = [...tables.generations.rows.values()].find((one) => one.target === 'text' && one.state === 'live')
    const held = live ? texts.raw(live) : new Map<string, HeldText>()
    return ids.flatMap((id) => {
      const entry = held.get(id)
      if (!entry) return []
      const { tenant, document, ...payload } = entry.payload
      // A patch that changes no payload counts up the version in the truth alone: that is not what is tried here.
      const row = tables.documents.rows.get(`${tenant}/${live!.collection}/${document}`)
      const { title, text } = entry
      const of = { status: row?.status ?? '', contentType: row?.contentType ?? '', chunkMetadata: {}, metadata: {} }
      const nothing = { ordinal: 0, start: 0, end: text.length, fence: 0, ...of }
      const context = { heading: '', tableHeader: '' }
      return [
        { ...payload, ...nothing, ...context, id, document, title, text, version: row?.version ?? payload.version },
      ]
    })
  }
  return {
    transaction: (view, work, options) => truth.transaction(view, work, options),
    session: (view): TruthSession => {
      const session = truth.session(view)
      const chunks = Object.create(session.chunks, { hydrate: { value: hydrate } })
      return Object.create(session, { chunks: { value: chunks } }) as TruthSession
    },
  }
}
