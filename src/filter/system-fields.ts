import type { FilterSubject, LeafType, LeafValue, SystemField } from './parsed'

/** Type of each system field's one element. */
export const systemFieldTypes: Readonly<Record<SystemField, LeafType>> = Object.freeze({
  $id: 's',
  $source: 's',
  $createdAt: 'd',
  $updatedAt: 'd',
  $version: 'n',
})

export function isSystemField(name: string): name is SystemField {
  return Object.hasOwn(systemFieldTypes, name)
}

/** The element of a system field; null where the document has none. */
export function systemValue(subject: FilterSubject, name: SystemField): LeafValue | null {
  switch (name) {
    case '$id':
      return subject.id
    case '$source':
      return subject.source
    case '$createdAt':
      return subject.createdAt
    case '$updatedAt':
      return subject.updatedAt
    case '$version':
      return subject.version
  }
}
