import { collectionName, type Scope, sha256, tenantId, uuidV5 } from '../../core/ids'
import type { ChunkRow } from '../../repositories/chunks'
import type { DocumentChange, DocumentRow, NewDocument } from '../../repositories/documents'
import { stampOf } from '../../repositories/entry-stamp'
import type { IndexPayload } from '../../repositories/index-entry'
import type { TextEntry } from '../../repositories/texts'
import type { VectorPoint } from '../../repositories/vectors'

export const acme = tenantId('acme')
export const globex = tenantId('globex')
export const documents = collectionName('documents')
export const questions = collectionName('questions')
export const scope: Scope = { tenant: acme, collection: documents }
export const otherTenant: Scope = { tenant: globex, collection: documents }
export const otherCollection: Scope = { tenant: acme, collection: questions }
export const chunking = 'c1'

/** Ids in the order of their UTF-8 bytes, which is not the order of UTF-16 units. */
export const idsByBytes: readonly string[] = ['A', 'Z', 'a', 'a b', 'b', 'é', '你', '\uff5e', '\u{1F600}']

/** Texts that break careless quoting, wildcards, joins of keys and encodings. */
export const hostileStrings: readonly string[] = [
  "'; drop table documents; --",
  '"quoted" and \\backslash\\',
  '%_%',
  '$1 $x {{y}} :name ?',
  '../../etc/passwd',
  'a/b:c|d\tand\nlines\r\n',
  '__proto__',
  'constructor',
  'e\u0301 is not \u00e9',
  '\u202eright to left',
  '\u{1F468}\u200d\u{1F469}\u200d\u{1F467} \u{1F1E9}\u{1F1EA}',
  'null',
  '{"json":[1,2]}',
]

export function documentRow(id: string, fence: number, changes: Partial<DocumentRow> = {}): DocumentRow {
  return {
    id,
    title: `Title of ${id}`,
    text: `Text of ${id}`,
    metadata: { section: 'hr', nested: { year: 2026, list: [1, 'two', null] } },
    leaves: { 's:section': ['hr'], 'n:nested.year': [2026], 'n:nested.list': [1], 's:nested.list': ['two'] },
    source: 'wiki',
    contentType: 'text/plain',
    status: 'active',
    blob: null,
    contentHash: sha256('content', id, String(fence)),
    payloadHash: sha256('payload', id),
    version: 1,
    fence,
    payloadFence: fence,
    createdAt: 1_700_000_000_000,
    updatedAt: 1_700_000_000_001,
    ...changes,
  }
}

/** The same before it is written. */
export function newRow({
  version: _version,
  fence: _fence,
  payloadFence: _payloadFence,
  ...row
}: DocumentRow): NewDocument {
  return row
}

/** The next version of a document, without a change to its chunks. */
export function documentChange(was: DocumentRow, changes: Partial<DocumentChange> = {}): DocumentChange {
  const { id, version, fence: since, contentHash: before } = was
  const read = { version: version + 1, since, before, samePayload: false }
  return { document: newRow(documentRow(id, 0)), ...read, upsert: [], move: [], remove: [], ...changes }
}

/** A chunk of a document; `of` is where it lives, which its id depends on. */
export function chunkRow(
  of: Scope,
  document: string,
  ordinal: number,
  fence: number,
  changes: Partial<ChunkRow> = {},
): ChunkRow {
  return {
    id: uuidV5(of.tenant, of.collection, document, String(ordinal)),
    document,
    chunking,
    ordinal,
    start: ordinal * 10,
    end: ordinal * 10 + 9,
    text: `Chunk ${ordinal} of ${document}`,
    heading: `Heading ${ordinal}`,
    tableHeader: ordinal % 2 === 0 ? '' : `| Header ${ordinal} |`,
    metadata: { page: ordinal },
    inputHash: sha256(of.tenant, document, String(ordinal)),
    fence,
    ...changes,
  }
}

/** A stable id of an index entry. */
export function entryId(name: string): string {
  return uuidV5('contract', name)
}

export function payload(document: string, changes: Partial<IndexPayload> = {}): IndexPayload {
  return {
    tenant: acme,
    document,
    source: 'wiki',
    createdAt: 1_700_000_000_000,
    updatedAt: 1_700_000_000_001,
    version: 1,
    leaves: { 's:section': ['hr'], 'n:year': [2026], 's:tags': ['x', 'y'] },
    ...changes,
  }
}

export function point(name: string, fence: number, vector: readonly number[], changes: Partial<IndexPayload> = {}) {
  return {
    id: entryId(name),
    fence,
    stamp: stampOf(sha256(name), sha256(String(fence)), 'test'),
    payload: payload(name, changes),
    vector: Float32Array.from(vector),
  } satisfies VectorPoint
}

export function textEntry(
  name: string,
  fence: number,
  text: string,
  changes: Partial<IndexPayload> = {},
  title = '',
): TextEntry {
  return {
    id: entryId(name),
    fence,
    stamp: stampOf(sha256(name), sha256(String(fence)), 'test'),
    payload: payload(name, changes),
    title,
    text,
  }
}
