import type { ElementTest, FieldRef, Leaves, ParsedFilter, SystemField } from '../../filter/parsed'

/** Documents that the filter cases are evaluated on, in the order of their ids. */
export const filterSubjects: readonly {
  readonly id: string
  readonly source: string | null
  readonly createdAt: number
  readonly updatedAt: number
  readonly version: number
  readonly leaves: Leaves
}[] = [
  subject('a', { 's:section': ['hr'], 'n:year': [2024], 's:tags': ['x', 'y'], 'b:open': [true] }, 'wiki', 1000),
  subject('b', { 's:section': ['HR'], 'n:year': [2026], 's:tags': ['y'], 'd:at': [1_700_000_000_000] }, null, 2000),
  subject(
    'c',
    { 'n:section': [7], 's:year': ['2026'], 'n:scores': [1, 10], 's:author.name': ["O'Hara"] },
    'mail',
    3000,
  ),
  subject('d', { 's:section': ['\u{1F600}%_\\'], 'n:year': [-0.5], 'b:open': [false] }, 'wiki', 4000),
  subject('e', {}, null, 5000),
]

/** Every operator of the filter language, with the ids of the subjects that match. */
export const filterCases: readonly {
  readonly name: string
  readonly filter: ParsedFilter
  readonly ids: readonly string[]
}[] = [
  { name: 'eq a string, by case', filter: is('section', 's', 'hr'), ids: ['a'] },
  { name: 'eq a number never equals a string', filter: is('year', 'n', 2026), ids: ['b'] },
  { name: 'eq a string never equals a number', filter: is('year', 's', '2026'), ids: ['c'] },
  { name: 'eq a boolean', filter: is('open', 'b', false), ids: ['d'] },
  { name: 'eq one element of an array', filter: is('tags', 's', 'x'), ids: ['a'] },
  { name: 'eq a nested path', filter: is('author.name', 's', "O'Hara"), ids: ['c'] },
  { name: 'eq a string of wildcards beyond the BMP', filter: is('section', 's', '\u{1F600}%_\\'), ids: ['d'] },
  { name: 'eq a negative fraction', filter: is('year', 'n', -0.5), ids: ['d'] },
  {
    name: 'in over several types',
    filter: some('section', {
      op: 'in',
      values: [
        { type: 's', value: 'HR' },
        { type: 'n', value: 7 },
      ],
    }),
    ids: ['b', 'c'],
  },
  { name: 'in nothing matches none', filter: some('section', { op: 'in', values: [] }), ids: [] },
  { name: 'ne holds for a missing key', filter: not(is('section', 's', 'hr')), ids: ['b', 'c', 'd', 'e'] },
  { name: 'nin nothing matches all', filter: not(some('section', { op: 'in', values: [] })), ids: all() },
  { name: 'exists for any type', filter: { kind: 'exists', field: metadata('section') }, ids: ['a', 'b', 'c', 'd'] },
  { name: 'does not exist', filter: not({ kind: 'exists', field: metadata('year') }), ids: ['e'] },
  { name: 'gt', filter: some('year', { op: 'gt', type: 'n', value: 2024 }), ids: ['b'] },
  { name: 'gte', filter: some('year', { op: 'gte', type: 'n', value: 2024 }), ids: ['a', 'b'] },
  { name: 'lt', filter: some('year', { op: 'lt', type: 'n', value: 2024 }), ids: ['d'] },
  { name: 'lte', filter: some('year', { op: 'lte', type: 'n', value: 2024 }), ids: ['a', 'd'] },
  {
    name: 'an interval is for one and the same element',
    filter: some('scores', { op: 'gt', type: 'n', value: 2 }, { op: 'lt', type: 'n', value: 9 }),
    ids: [],
  },
  {
    name: 'an interval that one element is in',
    filter: some('scores', { op: 'gt', type: 'n', value: 2 }, { op: 'lte', type: 'n', value: 10 }),
    ids: ['c'],
  },
  { name: 'a datetime', filter: some('at', { op: 'gte', type: 'd', value: 1_700_000_000_000 }), ids: ['b'] },
  { name: 'NOT of AND', filter: not(both(is('section', 's', 'hr'), is('open', 'b', true))), ids: ['b', 'c', 'd', 'e'] },
  { name: 'AND of nothing', filter: { kind: 'all', of: [] }, ids: all() },
  { name: 'OR of nothing', filter: { kind: 'any', of: [] }, ids: [] },
  {
    name: 'OR',
    filter: { kind: 'any', of: [is('section', 's', 'hr'), is('open', 'b', false)] },
    ids: ['a', 'd'],
  },
  { name: '$id', filter: system('$id', { op: 'in', values: [{ type: 's', value: 'c' }] }), ids: ['c'] },
  { name: '$source', filter: system('$source', { op: 'in', values: [{ type: 's', value: 'wiki' }] }), ids: ['a', 'd'] },
  {
    name: '$source exists',
    filter: { kind: 'exists', field: { kind: 'system', name: '$source' } },
    ids: ['a', 'c', 'd'],
  },
  { name: '$createdAt', filter: system('$createdAt', { op: 'gt', type: 'd', value: 3000 }), ids: ['d', 'e'] },
  { name: '$updatedAt', filter: system('$updatedAt', { op: 'lte', type: 'd', value: 1001 }), ids: ['a'] },
  { name: '$version', filter: system('$version', { op: 'gte', type: 'n', value: 5 }), ids: ['e'] },
  { name: 'a hostile path', filter: is("x' or '1'='1", 's', 'hr'), ids: [] },
  { name: 'a hostile value', filter: is('section', 's', "' or true --"), ids: [] },
  { name: 'an inherited property is no field', filter: { kind: 'exists', field: metadata('constructor') }, ids: [] },
]

function subject(id: string, leaves: Leaves, source: string | null, createdAt: number) {
  return { id, source, createdAt, updatedAt: createdAt + 1, version: createdAt / 1000, leaves }
}

function all(): string[] {
  return ['a', 'b', 'c', 'd', 'e']
}

function metadata(path: string): FieldRef {
  return { kind: 'metadata', path }
}

export function some(path: string, ...tests: ElementTest[]): ParsedFilter {
  return { kind: 'some', field: metadata(path), tests }
}

function system(name: SystemField, ...tests: ElementTest[]): ParsedFilter {
  return { kind: 'some', field: { kind: 'system', name }, tests }
}

export function is(path: string, type: 's' | 'n' | 'b', value: string | number | boolean): ParsedFilter {
  return some(path, { op: 'in', values: [{ type, value }] })
}

function not(of: ParsedFilter): ParsedFilter {
  return { kind: 'not', of }
}

function both(...of: ParsedFilter[]): ParsedFilter {
  return { kind: 'all', of }
}
