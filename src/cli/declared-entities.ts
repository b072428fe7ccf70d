import { HeadwaterError } from '../core/errors'
import { entityDefinitions } from '../entities/entity-map'
import type { DeclaredTable } from '../migrations/entity-tables'
import type { EntityTable } from '../repositories/entity-table'
import { tableDeclaration } from '../repositories/postgres/entity-tables'
import type { CliContext } from './context'
import { loadUserModule } from './user-module'

export const entitiesFlag = [
  '--entities <file>',
  'module that exports `entities`, as openStore takes them (or as its default)',
] as const

/** Tables of the entities that a module of the user's declares; none without one. */
export async function declaredTables(context: CliContext, file: string | undefined): Promise<DeclaredTable[]> {
  return (await declaredEntities(context, file)).map(tableDeclaration)
}

/** As `declaredTables`, as backends know them. */
export async function declaredEntities(context: CliContext, file: string | undefined): Promise<EntityTable[]> {
  if (file === undefined) return []
  const path = '--entities'
  const found = await loadUserModule(path, context.resolve(file))
  // A module of CommonJS has all of its exports as the default.
  const byDefault = found['default'] as { readonly entities?: unknown } | undefined
  const entities = found['entities'] ?? byDefault?.entities ?? byDefault
  if (entities === undefined) {
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: ${file} exports neither entities nor a default`, { path })
  }
  return Array.from(entityDefinitions(entities).values(), ({ table }) => table)
}
