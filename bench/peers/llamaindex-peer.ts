/** The ingestion pipeline of LlamaIndex.TS with its QdrantVectorStore and a document store that is kept in a file. */
import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { QdrantClient } from '@qdrant/js-client-rest'
import type { PeerKind } from './peer'
import type { SourceDocument } from './source'

/** What we use of it; it is no dependency of ours. */
interface Modules {
  readonly IngestionPipeline: new (options: object) => { run(options: object): Promise<unknown> }
  readonly SimpleDocumentStore: { fromPersistPath(path: string, namespace?: string, options?: object): Promise<object> }
  readonly Document: new (fields: object) => object
  readonly TextSplitter: abstract new () => object
  readonly BaseEmbedding: abstract new () => object
  readonly QdrantVectorStore: new (options: object) => object
}

/** Document stores by file: writers of one process share theirs, as two over one file would overwrite each other. */
const shared = new Map<string, Promise<object>>()

function load(): Modules {
  const require = createRequire(import.meta.url)
  return {
    ...(require('llamaindex') as Omit<Modules, 'QdrantVectorStore'>),
    ...(require('@llamaindex/qdrant') as Pick<Modules, 'QdrantVectorStore'>),
  }
}

/**
 * With its default of 100 points in a request the vector store leaves out every 101st node, whatever happens: so that
 * the cases show something else, they run with `batchSize` 1,000.
 */
export function llamaindexPeer(docStoreStrategy: 'upserts' | 'upserts_and_delete', batchSize = 1_000): PeerKind {
  return {
    label: `LlamaIndex.TS ${docStoreStrategy}${batchSize === 1_000 ? '' : `, batchSize ${batchSize}`}`,
    removes: docStoreStrategy === 'upserts_and_delete',
    background: false,
    ...(batchSize !== 1_000 && { only: 'd' }),
    async open({ qdrantUrl, name, folder, embedder }) {
      const { IngestionPipeline, SimpleDocumentStore, Document, TextSplitter, BaseEmbedding, QdrantVectorStore } =
        load()
      class Paragraphs extends TextSplitter {
        splitText(text: string): string[] {
          return text.split('\n\n')
        }
      }
      class Embedding extends BaseEmbedding {
        getTextEmbeddings = (texts: string[]): Promise<number[][]> => embedder.embed(texts)
        getTextEmbedding = async (text: string): Promise<number[]> => (await embedder.embed([text]))[0]!
      }
      const path = join(folder, 'doc_store.json')
      const quiet = { logger: { log: () => undefined } }
      const open = async () => {
        if (!shared.has(path)) shared.set(path, SimpleDocumentStore.fromPersistPath(path, undefined, quiet))
        return new IngestionPipeline({
          transformations: [new Paragraphs(), new Embedding()],
          docStore: await shared.get(path),
          docStoreStrategy,
          vectorStore: new QdrantVectorStore({
            client: new QdrantClient({ url: qdrantUrl, checkCompatibility: false }),
            collectionName: name,
            batchSize,
            embeddingModel: new Embedding(),
          }),
        })
      }
      const ingest = async (pipeline: { run(options: object): Promise<unknown> }, all: readonly SourceDocument[]) => {
        await pipeline.run({
          documents: all.map(({ id, paragraphs }) => new Document({ id_: id, text: paragraphs.join('\n\n') })),
        })
      }
      const pipeline = await open()
      return {
        run: (documents) => ingest(pipeline, documents),
        // There is no call for it: the document store has to be forgotten by hand.
        async mend(documents) {
          await rm(path)
          shared.delete(path)
          await ingest(await open(), documents)
        },
        close: async () => undefined,
      }
    },
  }
}
