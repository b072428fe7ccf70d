import type { ColumnKind, EntityTable } from './entity-table'

/** Registry entry of what is audited. What is there is kept: one process that does not declare it must not end it. */
export const auditedRecord = 'audit'

/** What is written down of the changes of which rows. */
export interface Audited {
  readonly entities: Readonly<Record<string, AuditedEntity>>
  /** Collections, with the paths of metadata that are shown of their documents. */
  readonly collections: Readonly<Record<string, readonly string[]>>
}

/** Of an entity: how its key and its columns are called in rows and in Postgres, and which of them are shown. */
export interface AuditedEntity {
  /** Name of the column that is the key. */
  readonly key: string
  readonly columns: readonly {
    readonly name: string
    readonly column: string
    readonly kind: ColumnKind
    readonly shown: boolean
  }[]
}

/** What these declarations ask for. */
export function auditedOf(
  tables: Iterable<EntityTable>,
  collections: Iterable<{ readonly name: string; readonly audit?: readonly string[] | undefined }> = [],
): Audited {
  const entities: Record<string, AuditedEntity> = {}
  for (const { name, key, columns, audit } of tables) {
    if (!audit) continue
    const own = columns.filter(({ name: one }) => !systemNames.has(one))
    entities[name] = {
      key,
      columns: own.map(({ name: one, column, kind }) => ({ name: one, column, kind, shown: audit.includes(one) })),
    }
  }
  const named = Array.from(collections).flatMap(({ name, audit }) =>
    audit ? [[name, [...audit].sort()] as const] : [],
  )
  return { entities, collections: Object.fromEntries(named) }
}

const systemNames = new Set(['version', 'createdAt', 'updatedAt'])

/** Both; what is declared says how, where both say something and it is not an older process that knows fewer columns. */
export function joinedAudited(recorded: Audited, declared: Audited): Audited {
  const entities = Object.entries(declared.entities).map(([name, entity]): [string, AuditedEntity] => {
    const held = recorded.entities[name]
    return [name, held && covers(held, entity) ? held : entity]
  })
  return {
    entities: { ...recorded.entities, ...Object.fromEntries(entities) },
    collections: { ...recorded.collections, ...declared.collections },
  }
}

function covers(held: AuditedEntity, asked: AuditedEntity): boolean {
  const isHeld = (one: AuditedEntity['columns'][number]): boolean =>
    held.columns.some(({ name, kind, shown }) => name === one.name && kind === one.kind && shown === one.shown)
  return held.key === asked.key && asked.columns.every(isHeld)
}

export function isNothing({ entities, collections }: Audited): boolean {
  return Object.keys(entities).length + Object.keys(collections).length === 0
}

export const nothingAudited: Audited = { entities: {}, collections: {} }
