import type { CallOptions } from '../core/abort'
import type { Clock } from '../core/clock'
import type { EntityScope } from '../repositories/entities'
import type { Hints } from '../repositories/truth'
import { type EntityAccess, type EntityContext, type EntityDocuments, withinOne } from './access'
import {
  declarationOf,
  definitionOfEntity,
  type EntityDeclaration,
  type EntityDefinition,
  type EntityShape,
} from './declaration'
import { EntityRepository, RestorableRepository } from './repository'

/** What rows are reached with. */
export type EntityPorts = Pick<EntityContext, 'clock' | 'random' | 'limits'> & {
  /** Of the truth, where processes can wake each other. */
  readonly truth?: { readonly hints?: Hints | undefined } | undefined
  /** Aborts when the store has closed. */
  readonly stop?: AbortSignal | undefined
}

/** What a form is made of. */
export interface EntityTools<E extends EntityShape> {
  readonly rows: EntityRepository<E>
  readonly clock: Clock
  readonly hints: Hints | undefined
  readonly stop: AbortSignal | undefined
  /** Rows of an entity that this one needs. */
  of<Other extends EntityShape>(other: EntityDeclaration<Other>): EntityRepository<Other>
  /** Several calls in one transaction: that of the caller where there is one, else one of their own. */
  together<T>(
    options: CallOptions,
    work: (within: EntityTools<E>, documents: Pick<EntityDocuments, 'hold'>) => Promise<T>,
  ): Promise<T>
}

/** Repositories read their rows by these; an entity that is changed by methods of its own alone shows no others. */
const reads: readonly (keyof EntityReads<EntityShape>)[] = ['get', 'getMany', 'list', 'first', 'count', 'aggregate']

/** What reads the rows of an entity. */
export type EntityReads<E extends EntityShape> = Pick<
  EntityRepository<E>,
  'get' | 'getMany' | 'list' | 'first' | 'count' | 'aggregate'
>

export function readsOf<E extends EntityShape>(rows: EntityRepository<E>): EntityReads<E> {
  const bound = reads.map((name) => [name, (rows[name] as (...args: unknown[]) => unknown).bind(rows)])
  return Object.fromEntries(bound) as EntityReads<E>
}

/** The same entity, reached by what `make` makes; `needs` are entities that have to be declared beside it. */
export function withForm<E extends EntityShape, Form extends object>(
  declaration: EntityDeclaration<E>,
  make: (tools: EntityTools<E>) => Form,
  needs: readonly EntityDeclaration[] = [],
): EntityDeclaration<E, Form> {
  const definition = definitionOfEntity(declaration, 'declaration')
  return declarationOf({ ...definition, form: make, needs: needs.map(({ name }) => name) })
}

/** What a tenant, or the installation, reaches rows by. */
export function reachedBy(
  definition: EntityDefinition,
  tenant: EntityScope['tenant'],
  ports: EntityPorts,
  access: EntityAccess,
): object {
  const { form } = definition
  if (!form) return repositoryOf(definition, tenant, ports, access)
  return Object.freeze((form as (tools: object) => object)(toolsOf(definition, tenant, ports, access)))
}

function toolsOf<E extends EntityShape>(
  definition: EntityDefinition,
  tenant: EntityScope['tenant'],
  ports: EntityPorts,
  access: EntityAccess,
): EntityTools<E> {
  return {
    rows: repositoryOf(definition, tenant, ports, access),
    clock: ports.clock,
    hints: ports.truth?.hints,
    stop: ports.stop,
    of: ({ name }) => repositoryOf(definition.peers!.get(name)!, tenant, ports, access),
    together: (options, work) =>
      access(options, ({ together }) =>
        together((within) => work(toolsOf(definition, tenant, ports, withinOne(within)), within.documents)),
      ),
  }
}

function repositoryOf<E extends EntityShape>(
  definition: EntityDefinition,
  tenant: EntityScope['tenant'],
  ports: EntityPorts,
  access: EntityAccess,
): EntityRepository<E> {
  const Repository = definition.table.softDelete ? RestorableRepository : EntityRepository
  return new Repository<E>(definition, tenant, ports, access)
}
