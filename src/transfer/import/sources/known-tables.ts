import type { FieldMapping } from '../source'

/** A table as a known tool makes it. */
interface KnownTable {
  readonly columns: readonly string[]
  readonly fields: FieldMapping
}

/** By their columns, the more telling ones first: names of tables are the users' own. */
const knownTables: readonly KnownTable[] = [
  {
    // LangChain, PGVector: all collections in one table.
    columns: ['id', 'collection_id', 'document', 'cmetadata', 'embedding'],
    fields: { id: 'id', text: 'document', vector: 'embedding', metadata: ['cmetadata'] },
  },
  {
    // The same before 0.0.9 of langchain-postgres.
    columns: ['uuid', 'collection_id', 'document', 'cmetadata', 'embedding'],
    fields: { id: 'uuid', text: 'document', vector: 'embedding', metadata: ['cmetadata', 'custom_id'] },
  },
  {
    // LangChain, PGVectorStore.
    columns: ['langchain_id', 'content', 'embedding', 'langchain_metadata'],
    fields: { id: 'langchain_id', text: 'content', vector: 'embedding', metadata: ['langchain_metadata'] },
  },
  {
    // LlamaIndex, PGVectorStore.
    columns: ['node_id', 'text', 'metadata_', 'embedding'],
    fields: { id: 'node_id', text: 'text', vector: 'embedding', metadata: ['metadata_'] },
  },
  {
    // LangChain.js, PGVectorStore.
    columns: ['id', 'content', 'metadata', 'embedding'],
    fields: { id: 'id', text: 'content', vector: 'embedding', metadata: ['metadata'] },
  },
]

/** The mapping of a table that a known tool made. */
export function knownMapping(columns: readonly string[]): FieldMapping | undefined {
  return knownTables.find((known) => known.columns.every((name) => columns.includes(name)))?.fields
}

/** LangChain's table of all collections, whose names are in another one. */
export function isShared(columns: readonly string[]): boolean {
  return columns.includes('collection_id') && columns.includes('cmetadata')
}
