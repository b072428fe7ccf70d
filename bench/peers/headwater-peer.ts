/** headwater as it is opened by default, with its vectors in Qdrant. */
import { openStore } from '../../index'
import type { PeerKind } from './peer'
import { dimensions } from './source'

export const headwaterPeer: PeerKind = {
  label: 'headwater',
  removes: true,
  background: true,
  async open({ qdrantUrl, postgresUrl, name, folder, embedder }) {
    const store = await openStore({
      postgres: { url: postgresUrl },
      qdrant: { url: qdrantUrl, prefix: name },
      blobs: { path: folder },
      embedder: {
        fingerprint: 'peers-paragraphs-1',
        dimensions,
        maxTokens: Number.POSITIVE_INFINITY,
        embed: async (texts) => (await embedder.embed(texts)).map((vector) => Float32Array.from(vector)),
      },
    })
    const { documents } = store.forTenant('bench')
    return {
      async run(all) {
        const given = new Set(all.map(({ id }) => id))
        const { items } = await documents.list({ limit: 1_000 })
        await documents.deleteMany(items.map(({ id }) => id).filter((id) => !given.has(id)))
        const { failed } = await documents.putMany(
          all.map(({ id, paragraphs }) => ({
            id,
            text: paragraphs.join('\n\n'),
            chunks: paragraphs.map((text) => ({ text })),
          })),
        )
        if (failed[0]) throw failed[0].error
      },
      async mend() {
        await store.reconcile({ target: 'vector', repair: true })
      },
      close: () => store.close(),
    }
  },
}
