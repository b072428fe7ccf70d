import { z } from 'zod'
import { type CallOptions, callKinds } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import { anything, checkOptions, type OptionKinds, oneOf } from '../../core/option-kinds'
import { documentOfKey } from '../../repositories/entity-table'
import { defineEntity, type EntityDeclaration, type ShapeOf } from '../declaration'
import { type EntityReads, type EntityTools, readsOf, withForm } from '../entity-form'
import type { EntityPage } from '../query'
import type { StandardSchema } from '../standard-schema'
import { collectionKind, type DocumentPlace, hold, placeOf } from './document-place'

/** `relate('page', 'parent', 'book')`: the parent of the page is the book. */
export type RelationKind = 'parent' | 'derived-from' | 'duplicate-of' | 'references'

const kinds: readonly RelationKind[] = ['parent', 'derived-from', 'duplicate-of', 'references']

export interface RelationValues {
  /** Both as `documentKey` gives them. */
  readonly document: string
  readonly kind: RelationKind
  readonly target: string
}

export type RelationShape = ShapeOf<StandardSchema<RelationValues>, object>
export type Relation = RelationShape['row']

export interface RelateOptions extends CallOptions {
  /** The collection of the document; `documents` by default. */
  collection?: string | undefined
  /** That of the target; the document's by default. */
  targetCollection?: string | undefined
}

export interface RelatedOptions extends CallOptions {
  collection?: string | undefined
  kind?: RelationKind | undefined
  /** 'target', the default: what the document is related to; 'source': what is related to it. */
  end?: 'target' | 'source' | undefined
  /** 1 to 1,000; 100 by default. */
  limit?: number | undefined
  cursor?: string | undefined
}

/** A document at the other end of a relation. */
export interface RelatedDocument {
  readonly kind: RelationKind
  readonly collection: string
  readonly id: string
}

export interface Relations extends EntityReads<RelationShape> {
  /** Relates a document to another; once, however often it is said. HW_NOT_FOUND where one of them is not there. */
  relate(id: string, kind: RelationKind, target: string, options?: RelateOptions): Promise<Relation>
  /** Whether there was such a relation, which is gone now. */
  unrelate(id: string, kind: RelationKind, target: string, options?: RelateOptions): Promise<boolean>
  /** Documents at the other end, page by page. */
  related(id: string, options?: RelatedOptions): Promise<EntityPage<RelatedDocument>>
}

const schema: StandardSchema<RelationValues> = z.object({
  document: z.string(),
  kind: z.enum(kinds),
  target: z.string(),
})

/** How documents belong together; a relation goes with either of its documents. */
export const relations: EntityDeclaration<RelationShape, Relations> = withForm(
  defineEntity('relations', schema, {
    indexes: [
      ['document', 'kind'],
      ['target', 'kind'],
    ],
    unique: [['document', 'kind', 'target']],
    documents: ['document', 'target'],
  }),
  methodsOf,
)

const relateKinds = {
  ...callKinds,
  collection: collectionKind,
  targetCollection: collectionKind,
} satisfies OptionKinds<RelateOptions>
const relatedKinds = {
  ...callKinds,
  collection: collectionKind,
  kind: oneOf(...kinds),
  end: oneOf('target', 'source'),
  limit: anything,
  cursor: anything,
} satisfies OptionKinds<RelatedOptions>

function methodsOf({ rows, together }: EntityTools<RelationShape>): Relations {
  return {
    ...readsOf(rows),
    async relate(id, kind, target, options) {
      const { values, ends, call } = checked(id, kind, target, options)
      return together(call, async (within, documents) => {
        for (const { place, path } of ends) await hold(documents, place, path)
        return (await within.rows.first({ filter: values })) ?? within.rows.insert(values)
      })
    },
    async unrelate(id, kind, target, options) {
      const { values, call } = checked(id, kind, target, options)
      return together(call, async (within) => {
        const there = await within.rows.first({ filter: values, select: ['id'] })
        return there !== null && within.rows.delete(there.id)
      })
    },
    async related(id, options) {
      const taken = checkOptions(options, relatedKinds, '', 'HW_INVALID_ARGUMENT')
      const { collection, kind, end = 'target', limit, cursor, ...call } = taken
      const own = end === 'target' ? 'document' : 'target'
      const page = await rows.list(
        {
          filter: { [own]: placeOf(id, 'id', collection).key, ...(kind && { kind }) },
          orderBy: [{ [own]: 'asc' }, { kind: 'asc' }],
          limit,
          cursor,
        },
        call,
      )
      const items = page.items.map((row) => ({
        kind: row.kind,
        ...documentOfKey(end === 'target' ? row.target : row.document),
      }))
      return { items, ...(page.cursor !== undefined && { cursor: page.cursor }) }
    },
  }
}

function checked(id: string, kind: RelationKind, target: string, options: RelateOptions | undefined) {
  const taken = checkOptions(options, relateKinds, '', 'HW_INVALID_ARGUMENT')
  const { collection, targetCollection = collection, ...call } = taken
  const from = placeOf(id, 'id', collection)
  const to = placeOf(target, 'target', targetCollection)
  const path = 'kind'
  if (!kinds.includes(kind)) {
    throw new HeadwaterError('HW_INVALID_ARGUMENT', `${path}: must be one of ${kinds.join(', ')}`, { path })
  }
  if (from.key === to.key) {
    throw new HeadwaterError('HW_INVALID_ENTITY', 'target: a document is not related to itself', { path: 'target' })
  }
  // In one order, so that two who relate the same documents both ways do not wait for each other.
  const ends: { place: DocumentPlace; path: string }[] = [
    { place: from, path: 'id' },
    { place: to, path: 'target' },
  ].sort((a, b) => (a.place.key < b.place.key ? -1 : 1))
  return { values: { document: from.key, kind, target: to.key }, ends, call }
}
