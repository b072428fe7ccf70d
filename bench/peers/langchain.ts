/** LangChain.js as it is documented: `index()` with a Postgres record manager into QdrantVectorStore. */
import { createRequire } from 'node:module'
import { batchSize, type FullProfile } from '../full-profile'

/** What we use of it; it is no dependency of ours. */
interface Indexing {
  index(arguments_: object): Promise<{ numAdded: number; numSkipped: number; numUpdated: number }>
}
interface RecordManager {
  createSchema(): Promise<void>
  end(): Promise<void>
}
export interface LangchainModules {
  readonly indexing: Indexing
  readonly PostgresRecordManager: new (namespace: string, options: object) => RecordManager
  readonly QdrantVectorStore: new (embeddings: object, options: object) => { ensureCollection(): Promise<void> }
  readonly Document: new (fields: object) => object
}

/** Undefined where `npm install --prefix bench/peers` has not been run. */
export function loadLangchain(): LangchainModules | undefined {
  const require = createRequire(import.meta.url)
  try {
    return {
      indexing: require('@langchain/core/indexing') as Indexing,
      ...(require('@langchain/community/indexes/postgres') as Pick<LangchainModules, 'PostgresRecordManager'>),
      ...(require('@langchain/qdrant') as Pick<LangchainModules, 'QdrantVectorStore'>),
      ...(require('@langchain/core/documents') as Pick<LangchainModules, 'Document'>),
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** A run over fresh stores; returns the ms of the first indexing and of the same again. */
export async function langchainRun(
  modules: LangchainModules,
  profile: FullProfile,
): Promise<{ first: number; again: number }> {
  const { indexing, PostgresRecordManager, QdrantVectorStore, Document } = modules
  const byText = new Map(profile.documents.map(({ text, vector }) => [text, vector]))
  const embeddings = {
    embedDocuments: async (texts: string[]) => texts.map((text) => [...byText.get(text)!]),
    embedQuery: async (text: string) => [...byText.get(text)!],
  }
  const vectorStore = new QdrantVectorStore(embeddings, { client: profile.qdrant, collectionName: profile.name() })
  // Its own would embed a word to learn the size.
  await profile.qdrant.createCollection(Reflect.get(vectorStore, 'collectionName') as string, {
    vectors: { size: profile.embedder.dimensions, distance: 'Cosine' },
  })
  const recordManager = new PostgresRecordManager('bench', {
    postgresConnectionOptions: { connectionString: await profile.database() },
  })
  await recordManager.createSchema()
  const run = async (): Promise<{ ms: number; added: number }> => {
    const docsSource = profile.documents.map(
      ({ id, title, text, metadata }) =>
        new Document({ pageContent: text, metadata: { ...metadata, title, source: id } }),
    )
    const started = performance.now()
    const { numAdded } = await indexing.index({ docsSource, recordManager, vectorStore, options: { batchSize } })
    return { ms: performance.now() - started, added: numAdded }
  }
  const first = await run()
  const again = await run()
  await recordManager.end()
  if (first.added !== profile.documents.length || again.added !== 0) {
    throw new Error(`LangChain.js added ${first.added} documents, then ${again.added}`)
  }
  return { first: first.ms, again: again.ms }
}
