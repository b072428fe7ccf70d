import type { Clock } from '../../core/clock'
import { uuidV7 } from '../../core/ids'
import type { Json, JsonObject } from '../../core/json'
import { systemRandom } from '../../core/random'
import type { AuditAction, AuditRow } from '../audit'
import { type Audited, auditedRecord } from '../audited'
import type { TruthView } from '../truth'
import { auditKey } from './keys'
import type { Changes, StoredDocument, StoredEntity, Tables } from './tables'

interface Place {
  readonly tables: Tables
  readonly clock: Clock
}

type Change = Pick<AuditRow, 'tenant' | 'action' | 'kind' | 'name' | 'key' | 'version'> & {
  readonly before: JsonObject | null
  readonly after: JsonObject | null
  readonly changed: string[] | null
}

/** Runs a statement, and writes down what it changed of what is declared so: as triggers do in Postgres. */
export function audited<T>(place: Place, view: TruthView, changes: Changes, work: (changes: Changes) => T): T {
  const declared = changes.tables.records.rows.get(auditedRecord) as unknown as Audited | undefined
  if (declared === undefined) return work(changes)
  const ended = [changes.documents.watch(), changes.entities.watch()] as const
  const result = work(changes)
  const [documents, entities] = [ended[0](), ended[1]()]
  for (const [key, before] of documents) {
    const found = documentChange(declared, before, changes.documents.get(key))
    if (found) put(place, view, changes, found)
  }
  for (const [key, before] of entities) {
    const found = entityChange(declared, before, changes.entities.get(key))
    if (found) put(place, view, changes, found)
  }
  return result
}

function put({ tables, clock }: Place, view: TruthView, changes: Changes, change: Change): void {
  const { before, after, changed, ...row } = change
  const id = ++tables.sequences.fence
  const salt = uuidV7(clock, systemRandom)
  changes.audit.put(auditKey(row.tenant, id), {
    ...row,
    id,
    at: clock.now(),
    actor: ('tenant' in view ? view.actor : undefined) ?? null,
    content: JSON.stringify({ before, after, changed, salt }),
    contentHash: null,
  })
}

function documentChange(
  { collections }: Audited,
  before: StoredDocument | undefined,
  after: StoredDocument | undefined,
): Change | undefined {
  const shown = after && collections[after.collection]
  if (!shown || after.version === before?.version) return undefined
  const [was, is] = [before, after].map((row) => (row?.buriedAt === null ? documentFields(row, shown) : null))
  if (!was && !is) return undefined
  const action: AuditAction = is ? (was ? 'update' : 'insert') : 'delete'
  const { tenant, collection: name, id: key, version } = after
  return { tenant, action, kind: 'document', name, key, version, before: was ?? null, after: is ?? null, changed: null }
}

function documentFields(row: StoredDocument, paths: readonly string[]): JsonObject {
  const { status, source, contentType, contentHash } = row
  const values = paths.flatMap((path): [string, Json][] => {
    let value: Json | undefined = row.metadata
    for (const step of path.split('.')) value = (value as JsonObject | null | undefined)?.[step]
    return value === undefined ? [] : [[path, value]]
  })
  return { status, source, contentType, contentHash, metadata: Object.fromEntries(values) }
}

function entityChange(
  { entities }: Audited,
  before: StoredEntity | undefined,
  after: StoredEntity | undefined,
): Change | undefined {
  const either = after ?? before
  const declared = either && entities[either.entity]
  if (!declared) return undefined
  const { key, columns } = declared
  const fieldsOf = (row: StoredEntity | undefined): JsonObject | null => {
    if (!row || row.deleted) return null
    return Object.fromEntries(columns.flatMap(({ name, shown }) => (shown ? [[name, row.record[name] ?? null]] : [])))
  }
  const differing = columns.filter(
    ({ name }) => JSON.stringify(before?.record[name] ?? null) !== JSON.stringify(after?.record[name] ?? null),
  )
  const both = before && after && !before.deleted && !after.deleted
  return {
    tenant: either.tenant,
    action: entityAction(before, after),
    kind: 'entity',
    name: either.entity,
    key: String(either.record[key]),
    version: Number(either.record['version']),
    before: fieldsOf(before),
    after: fieldsOf(after),
    changed: both ? differing.map(({ name }) => name) : null,
  }
}

function entityAction(before: StoredEntity | undefined, after: StoredEntity | undefined): AuditAction {
  if (!before) return 'insert'
  if (!after || (after.deleted && !before.deleted)) return 'delete'
  return before.deleted && !after.deleted ? 'restore' : 'update'
}
