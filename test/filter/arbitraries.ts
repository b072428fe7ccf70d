import fc from 'fast-check'
import type { JsonObject } from '../../src/core/json'
import { entryLeaves } from '../../src/filter/entry-leaves'
import { defineMetadata, normalizeMetadata } from '../../src/filter/metadata'
import type { FilterSubject } from '../../src/filter/parsed'

/** Two fields whose strings are times; everything else is free. */
export const declaration = defineMetadata({ at: 'datetime', 'a.at': 'datetime[]' })

const keys = ['a', 'b', 'c', 'ключ', "x'y", '"q"', 'p%_', 'back\\slash', '__proto__', 'constructor', 'é', 'e\u0301']

const strings = [
  '',
  'a',
  'A',
  '2',
  '2.0',
  'true',
  'null',
  "'; DROP TABLE s; --",
  '%',
  '_',
  '\\',
  '\\\\',
  '"',
  "'",
  '$1',
  '{a,b}',
  'é',
  'e\u0301',
  '\u{1F600}',
  '\u{1F468}\u200D\u{1F469}',
  '\uFFFF',
  'a\nb',
  '2024-01-01',
  'NULL',
  ' a',
  'a ',
]

const numbers = [
  0,
  -0,
  1,
  2,
  -1,
  0.1,
  0.2,
  0.1 + 0.2,
  0.3,
  2 ** 53,
  2 ** 53 - 1,
  2 ** 53 + 2,
  1e308,
  -1e308,
  1.7e308,
  5e-324,
  Number.MAX_VALUE,
  1e21,
  1e-7,
  1704067200000,
  1704067200000.5,
]

const instants = [
  '2024-01-01',
  '2024-01-01T00:00:00Z',
  '2024-01-01T02:00+02:00',
  '2023-12-31T23:59:59.999Z',
  '1969-12-31',
]

// A few names and values come up often, so that filters meet what they ask for.
const key = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('a', 'b') }, fc.constantFrom(...keys))
const text = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...strings) },
  fc.string({ unit: 'binary', maxLength: 4 }),
)
const storable = text.map((value) => value.replaceAll('\0', '0'))
const number = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(0, 2, 0.3) },
  { weight: 6, arbitrary: fc.constantFrom(...numbers) },
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -3, max: 3 }),
)
const instant = fc.oneof(fc.constantFrom(...instants), fc.integer({ min: 1704067199990, max: 1704067200010 }))

const { value } = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.oneof(storable, number, fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
}))

/** Metadata as a user may put it, missing keys included. */
export const metadata = fc
  .tuple(
    fc.dictionary(key, value, { minKeys: 1, maxKeys: 8 }),
    fc.option(instant, { nil: undefined }),
    fc.option(fc.array(instant, { maxLength: 3 }), { nil: undefined }),
  )
  .map(([object, at, nested]): Record<string, unknown> => {
    const inner =
      typeof object['a'] === 'object' && object['a'] !== null && !Array.isArray(object['a']) ? object['a'] : {}
    return { ...object, ...(at !== undefined && { at }), ...(nested && { a: { ...inner, at: nested } }) }
  })

export const sources = [null, 'wiki', 'WIKI', "o'brien", '2'] as const
export const ids = ['a', 'b', "'; --", '\u{1F600}', '2'] as const

export const titles = ['', 'Leave', 'leave', "o'brien", 'x'.repeat(700)] as const
export const statuses = ['active', 'draft', ''] as const

/** What a subject has beside its metadata. */
export const own = fc.record({
  id: fc.constantFrom(...ids),
  source: fc.constantFrom(...sources),
  createdAt: fc.constantFrom(0, 1000, 1704067200000),
  updatedAt: fc.constantFrom(0, 1000, 1704067200000),
  version: fc.constantFrom(1, 2, 3, 2 ** 53 - 1),
})

/** An entry of an index as it is made of a document and a chunk; beside it what its leaves were made of. */
export const subject = fc
  .tuple(
    own,
    metadata,
    fc.record({
      title: fc.constantFrom(...titles),
      status: fc.constantFrom(...statuses),
      contentType: fc.constantFrom('text/plain', 'text/markdown'),
      chunk: fc.constantFrom<JsonObject>({}, { page: 2 }, { page: [2, 3], a: { b: 'x' } }),
    }),
  )
  .map(([fields, value, { chunk, ...named }]): FilterSubject & typeof named & { documentLeaves: object } => {
    const { leaves } = normalizeMetadata(value, declaration)
    return { ...fields, ...named, documentLeaves: leaves, leaves: entryLeaves({ ...named, leaves }, chunk) }
  })

const scalar = fc.oneof(text, number, fc.boolean())
const path = fc.oneof(
  { weight: 6, arbitrary: key },
  fc.tuple(key, key).map((parts) => parts.join('.')),
  fc.tuple(key, key, key).map((parts) => parts.join('.')),
)

function operators(operand: fc.Arbitrary<unknown>, range: fc.Arbitrary<unknown> | undefined): fc.Arbitrary<unknown> {
  const list = fc.array(operand, { maxLength: 5 })
  const all = { eq: operand, ne: operand, in: list, nin: list, exists: fc.boolean() }
  const ranges = range && { gt: range, gte: range, lt: range, lte: range }
  const one = fc.oneof(
    ...Object.entries({ ...all, ...ranges }).map(([name, values]) => values.map((value) => ({ [name]: value }))),
  )
  const several = fc
    .record({ ...all, ...ranges }, { requiredKeys: [] })
    .filter((object) => Object.keys(object).length > 0)
  const interval = range && fc.record({ gte: range, lt: range })
  return fc.oneof({ weight: 3, arbitrary: one }, several, operand, ...(interval ? [interval] : []))
}

const condition = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(path, operators(scalar, number)) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('at', 'a.at'), operators(instant, instant)) },
  fc.tuple(fc.constant('$id'), operators(fc.oneof(fc.constantFrom(...ids), text), undefined)),
  fc.tuple(
    fc.constant('$source'),
    operators(fc.oneof(fc.constantFrom('wiki', 'WIKI', "o'brien", '2'), text), undefined),
  ),
  fc.tuple(
    fc.constantFrom('$createdAt', '$updatedAt'),
    operators(fc.oneof(instant, number), fc.oneof(instant, number)),
  ),
  fc.tuple(fc.constant('$version'), operators(number, number)),
  fc.tuple(
    fc.constantFrom('$title', '$status', '$contentType'),
    operators(fc.oneof(fc.constantFrom(...titles, ...statuses, 'text/plain'), text), undefined),
  ),
  fc.tuple(
    fc.constantFrom('$chunk.page', '$chunk.a.b', '$chunk.a'),
    operators(fc.oneof(scalar, fc.constant(2)), number),
  ),
)

const parts = fc.letrec<{ filter: Record<string, unknown> }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    {
      weight: 4,
      arbitrary: fc.array(condition, { minLength: 1, maxLength: 2 }).map((entries) => Object.fromEntries(entries)),
    },
    fc.constant({}),
    fc.array(tie('filter'), { maxLength: 3 }).map((AND) => ({ AND })),
    fc.array(tie('filter'), { maxLength: 3 }).map((OR) => ({ OR })),
    tie('filter').map((NOT) => ({ NOT })),
    fc.tuple(condition, tie('filter')).map(([[name, operand], NOT]) => ({ [name]: operand, NOT })),
  ),
}))

/** Filters as a user may write them. */
export const filter = parts.filter
