import { expectTypeOf } from 'vitest'
import type { Json, JsonObject } from '../../src/core/json'
import type { DateTime } from '../../src/filter/declaration'
import { defineMetadata, type MetadataDeclaration, type MetadataOf } from '../../src/filter/metadata'
import type { Filter } from '../../src/filter/typed'

// Checked by tsc alone: nothing here runs.

const declaration = defineMetadata({
  section: 'keyword',
  year: 'integer',
  rate: 'float',
  open: 'boolean',
  at: 'datetime',
  tags: 'keyword[]',
  times: 'datetime[]',
  'author.name': 'text',
  'author.born': 'integer',
})
type Declared = MetadataOf<typeof declaration>

expectTypeOf<Declared['section']>().toEqualTypeOf<string | undefined>()
expectTypeOf<Declared['year']>().toEqualTypeOf<number | undefined>()
expectTypeOf<Declared['rate']>().toEqualTypeOf<number | undefined>()
expectTypeOf<Declared['open']>().toEqualTypeOf<boolean | undefined>()
expectTypeOf<Declared['at']>().toEqualTypeOf<DateTime | undefined>()
expectTypeOf<Declared['tags']>().toEqualTypeOf<string[] | undefined>()
expectTypeOf<NonNullable<Declared['author']>['name']>().toEqualTypeOf<string | undefined>()
expectTypeOf<NonNullable<Declared['author']>['born']>().toEqualTypeOf<number | undefined>()
// A time is a string to read and to write.
expectTypeOf<string>().toExtend<DateTime>()
expectTypeOf<DateTime>().toExtend<string>()
expectTypeOf({ section: 'hr', at: '2024-01-01', author: { name: 'x' }, year: undefined }).toExtend<Declared>()
expectTypeOf<{ year: string }>().not.toExtend<Declared>()
expectTypeOf<typeof declaration>().toExtend<MetadataDeclaration>()
expectTypeOf(defineMetadata({ a: 'keyword' })).not.toExtend<MetadataDeclaration<{ a: number }>>()

// @ts-expect-error there is no such kind
defineMetadata({ a: 'date' })

accepts<Filter<Declared>>([
  {},
  { section: 'hr', year: { gte: 2024, lt: 2027 }, open: false },
  { section: { in: ['a', 'b'], ne: 'c' }, tags: 'x', rate: { gt: 0.5 } },
  { at: { gte: '2024-01-01', lt: new Date(0) }, times: { gt: 5 } },
  { at: 5, 'author.name': { exists: true }, 'author.born': { lte: 1970 } },
  { section: undefined, year: { gte: undefined }, NOT: undefined, AND: undefined, $id: undefined },
  { OR: [{ section: 'a' }, { NOT: { year: 1 } }], AND: [{ OR: [] }] },
  {
    $id: { in: ['a'] },
    $source: { exists: false },
    $createdAt: { gt: new Date(0) },
    $updatedAt: 5,
    $version: { gte: 2 },
    $title: { exists: false },
    $status: 'draft',
    $contentType: { in: ['text/plain'] },
    '$chunk.page': { gte: 2, lt: 9 },
    '$chunk.a.b': 'x',
  },
])

const refused: Filter<Declared>[] = [
  // @ts-expect-error not declared
  { secton: 'hr' },
  // @ts-expect-error a number for a keyword
  { section: 5 },
  // @ts-expect-error null equals nothing
  { section: null },
  // @ts-expect-error no order on keywords
  { section: { gt: 'a' } },
  // @ts-expect-error no order on booleans
  { open: { gt: 0 } },
  // @ts-expect-error an element, not the list
  { tags: ['a'] },
  // @ts-expect-error not an operator
  { year: { $gt: 5 } },
  // @ts-expect-error an object is reached by its paths
  { author: { name: 'x' } },
  // @ts-expect-error no such path
  { 'author.nme': 'x' },
  // @ts-expect-error a string where the path holds a number
  { 'author.born': '1970' },
  // @ts-expect-error a mistake in a part
  { OR: [{ year: 'x' }] },
  // @ts-expect-error $id has no order
  { $id: { gt: 'a' } },
  // @ts-expect-error $status has no order
  { $status: { gt: 'a' } },
  // @ts-expect-error $title is a string
  { $title: 5 },
  // @ts-expect-error no such system field
  { $where: 'x' },
]

interface Author {
  name: string
  address?: { city: { name: string; zip: { code: { deep: number } } } } | null
}

interface Article {
  section: 'hr' | 'it'
  year?: number | undefined
  published: DateTime
  authors: readonly Author[]
  grid: number[][]
  mixed: string | { inner: number }
  free: Json
  props: Record<string, unknown>
  scores: { label: string; values: number[] }[]
}

accepts<Filter<Article>>([
  { section: 'hr', year: { gte: 1 }, published: { lt: '2024-01-01' } },
  { section: { in: ['hr', 'it'] } },
  { 'authors.name': 'x', 'authors.address.city.name': { exists: false }, grid: { gt: 1 } },
  { mixed: 'x', 'mixed.inner': { gt: 5 } },
  { free: 1, 'free.any.path': { gt: 5 }, 'props.any': 'x', 'scores.values': { gte: 1 }, 'scores.label': 'x' },
])

const alsoRefused: Filter<Article>[] = [
  // @ts-expect-error not one of the sections
  { section: 'sales' },
  // @ts-expect-error not one of the sections
  { section: { nin: ['hr', 'sales'] } },
  // @ts-expect-error an object
  { 'authors.address.city': 'x' },
  // @ts-expect-error more than four objects deep
  { 'authors.address.city.zip.code.deep': 5 },
  // @ts-expect-error an object in a list
  { scores: 5 },
]

// Nothing known: any path, and still no operand that could not be JSON.
accepts<Filter>([{ anything: 'x', 'a.b': { gte: 5, in: [1, 'a', true] }, OR: [{ x: { ne: 1 } }], NOT: { y: 1 } }, {}])
accepts<Filter<JsonObject>>([{ anything: 'x', $createdAt: { gt: '2024-01-01' } }])
// biome-ignore lint/suspicious/noExplicitAny: what users of plain JavaScript end up with
accepts<Filter<any>>([{ anything: 'x' }])

const loosely: Filter[] = [
  // @ts-expect-error null equals nothing
  { a: null },
  // @ts-expect-error a list wants `in`
  { a: ['x'] },
  // @ts-expect-error not JSON
  { a: () => 1 },
  // @ts-expect-error $version is a number
  { $version: 'x' },
]

// A type that refers to itself neither hangs the compiler nor ends it.
interface Tree {
  name: string
  children: Tree[]
}
accepts<Filter<Tree>>([{ name: 'x', 'children.name': 'y', 'children.children.children.children.name': 'z' }])

// Inside a generic function a filter is passed on as it is.
export function passOn<M>(filter: Filter<M>): unknown {
  return filter
}

function accepts<T>(_values: readonly T[]): void {}
export const unused = [refused, alsoRefused, loosely]
