/** `index()` of LangChain.js with PostgresRecordManager and QdrantVectorStore, in the two modes that clean up. */
import { QdrantClient } from '@qdrant/js-client-rest'
import { loadLangchain } from './langchain'
import type { PeerKind } from './peer'
import type { SourceDocument } from './source'

export function langchainPeer(cleanup: 'full' | 'incremental'): PeerKind {
  return {
    label: `LangChain.js ${cleanup}`,
    removes: cleanup === 'full',
    background: false,
    async open({ qdrantUrl, postgresUrl, name, embedder }) {
      const { indexing, PostgresRecordManager, QdrantVectorStore, Document } = loadLangchain()!
      const embeddings = {
        embedDocuments: (texts: string[]) => embedder.embed(texts),
        embedQuery: async (text: string) => (await embedder.embed([text]))[0],
      }
      const client = new QdrantClient({ url: qdrantUrl, checkCompatibility: false })
      const vectorStore = new QdrantVectorStore(embeddings, { client, collectionName: name })
      await vectorStore.ensureCollection()
      const recordManager = new PostgresRecordManager(name, {
        postgresConnectionOptions: { connectionString: postgresUrl },
      })
      await recordManager.createSchema()
      const index = async (documents: readonly SourceDocument[], more: object): Promise<void> => {
        const docsSource = documents.flatMap(({ id, paragraphs }) =>
          paragraphs.map((pageContent) => new Document({ pageContent, metadata: { source: id } })),
        )
        const options = { cleanup, sourceIdKey: 'source', ...more }
        await indexing.index({ docsSource, recordManager, vectorStore, options })
      }
      return {
        run: (documents) => index(documents, {}),
        mend: (documents) => index(documents, { forceUpdate: true }),
        close: () => recordManager.end(),
      }
    },
  }
}
