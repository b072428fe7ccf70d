import { HeadwaterError } from '../core/errors'
import type { TenantId } from '../core/ids'
import { isPlainObject } from '../core/json'
import { columnOf, type EntityReference, type EntityTable } from '../repositories/entity-table'
import type { EntityAccess } from './access'
import { definitionOfEntity, type EntityDeclaration, type EntityDefinition } from './declaration'
import { type EntityPorts, reachedBy } from './entity-form'
import type { EntityRepository, RestorableRepository } from './repository'

/** What a declared entity is reached by: its repository, or the form that its declaration gives it. */
export type RepositoryOf<D> =
  D extends EntityDeclaration<infer E, infer Form>
    ? unknown extends Form
      ? E['softDelete'] extends true
        ? RestorableRepository<E>
        : EntityRepository<E>
      : Form
    : never

/** Entities of a store, by their names. */
export type EntityDeclarations = Readonly<Record<string, EntityDeclaration>>

/** Of a store that declares none. */
export type NoEntities = Readonly<Record<never, never>>

/** What a tenant reaches of the entities `X` of a store. */
export type TenantEntities<X> = EntitiesWhere<X, true>

/** Those of the installation, `tenant: false`. */
export type SharedEntities<X> = EntitiesWhere<X, false>

/** Of `any`, anything. */
export type EntitiesWhere<X, Tenant extends boolean> = 0 extends 1 & X
  ? X
  : {
      readonly [K in keyof X as X[K] extends EntityDeclaration<infer E>
        ? E['tenant'] extends Tenant
          ? K
          : never
        : never]: RepositoryOf<X[K]>
    }

export type EntityDefinitions = ReadonlyMap<string, EntityDefinition>

/** What was declared, by name; HW_INVALID_OPTIONS. */
export function entityDefinitions(given: unknown): EntityDefinitions {
  if (given === undefined) return new Map()
  if (!isPlainObject(given)) throw invalid('entities', 'must be an object of what defineEntity() made')
  const declared = new Map(
    Object.entries(given).flatMap(([key, declaration]) => {
      if (declaration === undefined) return []
      const path = `entities.${key}`
      const definition = definitionOfEntity(declaration, path)
      if (definition.table.name === key) return [[key, definition]]
      throw invalid(path, `the key must be the entity's name, ${definition.table.name}`)
    }),
  )
  return linked(declared)
}

/** Each with what refers to it, which nobody knows before all of them are there. */
function linked(declared: EntityDefinitions): EntityDefinitions {
  const referrers = new Map<string, { table: EntityTable; reference: EntityReference }[]>()
  for (const [name, { needs = [] }] of declared) {
    referrers.set(name, [])
    const lacking = needs.find((other) => !declared.has(other))
    if (lacking) throw invalid(`entities.${name}`, `it works on ${lacking} too: name that one beside it`)
  }
  const found = new Map<string, EntityDefinition>()
  for (const [name, definition] of declared) {
    const references = definition.references.map((reference) => {
      const target = declared.get(reference.entity)?.table
      checkReference(definition.table, reference, target)
      return { ...reference, key: target.key, shared: target.shared }
    })
    const table: EntityTable = { ...definition.table, references, referrers: referrers.get(name)! }
    for (const reference of references) referrers.get(reference.entity)!.push({ table, reference })
    found.set(name, { ...definition, table, peers: found })
  }
  return found
}

function checkReference(
  table: EntityTable,
  { column, entity, onDelete }: EntityDefinition['references'][number],
  target: EntityTable | undefined,
): asserts target {
  const path = `entities.${table.name}.references.${column}`
  if (!target) throw invalid(path, `${entity} is not among the entities`)
  if (target.documents) throw invalid(path, `rows of ${entity} go with documents, so that nothing refers to them`)
  const [own, key] = [columnOf(table, column).kind, columnOf(target, target.key).kind]
  if (own !== key) throw invalid(path, `${column} is ${own}, and the key of ${entity} is ${key}`)
  if (table.shared && !target.shared)
    throw invalid(path, `rows of the installation cannot refer to ${entity}, of tenants`)
  if (target.shared && !table.shared && onDelete !== 'restrict') {
    throw invalid(`${path}.onDelete`, `a row of the installation that is deleted changes none of tenants: leave it out`)
  }
}

/** Tables whose rows go with documents. */
export function attachedTables(definitions: EntityDefinitions): EntityTable[] {
  return [...definitions.values()].flatMap(({ table }) => (table.documents ? [table] : []))
}

/** HW_COLLECTION_UNKNOWN where rows would be documents of a collection that is not declared. */
export function checkSearched(definitions: EntityDefinitions, collections: { has(name: string): boolean }): void {
  for (const [name, { search }] of definitions) {
    const { collection = 'documents' } = search ?? {}
    if (!search || collections.has(collection)) continue
    const path = `entities.${name}.search.collection`
    throw new HeadwaterError('HW_COLLECTION_UNKNOWN', `${path}: ${collection} is not declared`, { path })
  }
}

export function repositoriesOf<Map>(
  definitions: EntityDefinitions,
  of: { readonly tenant: TenantId; readonly shared: boolean },
  context: EntityPorts,
  access: EntityAccess,
): Map {
  const found: Record<string, unknown> = {}
  for (const [name, definition] of definitions) {
    if (definition.table.shared !== of.shared) continue
    found[name] = reachedBy(definition, of.tenant, context, access)
  }
  return Object.freeze(found) as Map
}

function invalid(path: string, problem: string): HeadwaterError {
  return new HeadwaterError('HW_INVALID_OPTIONS', `${path}: ${problem}`, { path })
}
