import type { CallOptions } from '../core/abort'
import { HeadwaterError } from '../core/errors'
import type { TenantId } from '../core/ids'
import type { Json, JsonObject } from '../core/json'
import type { EntityRowRepository } from '../repositories/entities'
import type { EntityRecord } from '../repositories/entity-table'
import type { DocumentInput } from '../writer/write/document-input'
import { epochOf, type Receipt } from '../writer/write/receipt'
import type { EntityAccess, EntityCall, EntityDocuments } from './access'
import { holdDocuments } from './attached'
import type { EntityDefinition } from './declaration'
import type { EntitySearch } from './entity-search'
import { toRow } from './values'

type Key = string | number

/** What a change leaves to be done with documents. */
export interface Follow {
  readonly put?: readonly EntityRecord[] | undefined
  readonly gone?: readonly Key[] | undefined
}

/** Statements of a change; before records are written, the documents that they go with are held. */
export interface Changing extends Pick<EntityCall, 'read' | 'write'> {
  hold(records: readonly EntityRecord[]): Promise<void>
}

/** The id of a row's document. */
export function documentIdOf(entity: string, key: Key): string {
  return `${entity}/${key}`
}

/**
 * Makes a change of rows and, where they are searched, of their documents in the same transaction; then the answer has a
 * receipt.
 */
export function changing<T extends object>(
  definition: EntityDefinition,
  tenant: TenantId,
  access: EntityAccess,
  call: CallOptions,
  work: (statements: Changing) => Promise<Follow & { readonly value: T }>,
): Promise<T> {
  const { search, table } = definition
  if (!search && !table.documents) {
    return access(call, async ({ read, write }) => (await work({ read, write, hold: async () => undefined })).value)
  }
  return access(call, ({ together }) =>
    together(async ({ rows, documents, call: within }) => {
      const { value, ...changes } = await work({
        read: (ask) => ask(rows, within),
        write: (change) => change(rows, {}, within),
        hold: (records) => holdDocuments(table, documents, records),
      })
      if (!search) return value
      const receipt = joined(tenant, await follow(definition, documents, changes))
      // Not one of the row's values: it is in no comparison and no JSON.
      return Object.defineProperty(value, 'receipt', { value: receipt, enumerable: false })
    }),
  )
}

/** Brings the documents of rows to where the rows are. */
export async function follow(
  { table, search }: EntityDefinition,
  documents: EntityDocuments,
  { put = [], gone = [] }: Follow,
): Promise<Receipt[]> {
  const receipts: Receipt[] = []
  if (!search) return receipts
  const { collection = 'documents' } = search
  for (const record of put) {
    const id = documentIdOf(table.name, record[table.key] as Key)
    const document = documentOf(search, id, toRow(table.columns, record))
    receipts.push(await (document ? documents.put(collection, document) : documents.delete(collection, id)))
  }
  for (const key of gone) receipts.push(await documents.delete(collection, documentIdOf(table.name, key)))
  return receipts
}

/** As `follow`, of rows of whose columns some were changed behind it. */
export async function followKeys(
  definition: EntityDefinition,
  tenant: TenantId,
  rows: EntityRowRepository,
  documents: EntityDocuments,
  keys: readonly Key[],
  call: CallOptions,
): Promise<Receipt[]> {
  if (!definition.search || keys.length === 0) return []
  const put = await rows.getMany({ table: definition.table, tenant }, keys, call)
  return follow(definition, documents, { put })
}

function documentOf(search: EntitySearch, id: string, row: Record<string, Json>): DocumentInput<JsonObject> | null {
  const asked = <T>(name: string, work: (() => T) | undefined): T | undefined => {
    try {
      return work?.()
    } catch (cause) {
      const problem = `search.${name}: the function of the declaration failed`
      throw new HeadwaterError('HW_INVALID_ENTITY', problem, { path: `search.${name}`, cause })
    }
  }
  const { title, metadata } = search
  const text: unknown = asked('text', () => search.text(row))
  if (text === null || text === undefined || (typeof text === 'string' && text.trim() === '')) return null
  return {
    id,
    text: text as string,
    title: asked('title', title && (() => title(row))),
    metadata: asked('metadata', metadata && (() => metadata(row))),
  }
}

const mostIds = 20

/** One receipt of several, or of nothing. */
export function joined(tenant: TenantId, receipts: readonly Receipt[]): Receipt {
  const fence = receipts.reduce((most, receipt) => Math.max(most, receipt.fence), 0)
  const ids = [...new Set(receipts.flatMap((receipt) => receipt.ids ?? []))]
  const collections = [...new Set(receipts.map(({ collection }) => collection))]
  const commit = receipts.find((receipt) => receipt.commit !== undefined)?.commit
  const truncated = receipts.reduce((sum, receipt) => sum + (receipt.truncated ?? 0), 0)
  return {
    tenant,
    ...(collections.length === 1 && { collection: collections[0] }),
    epoch: epochOf(fence),
    lsn: null,
    fence,
    ...(ids.length <= mostIds && { ids }),
    targets: { vector: 'queued', text: 'queued' },
    ...(commit !== undefined && { commit }),
    ...(truncated > 0 && { truncated }),
  }
}
