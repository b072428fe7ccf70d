import type { Clause, Term } from './reading'

/** Where something that was looked for stands in a text. */
export interface Occurrence {
  readonly start: number
  readonly end: number
  /** Which of the clauses. */
  readonly clause: number
}

/** So many are found in a text: no query takes longer than a few readings of it. */
const mostOccurrences = 10_000

/**
 * Whether a term counts for the unfinished word `prefix`: it begins so; or it is the stem of a word that would, as far as
 * endings go.
 */
export function isBegun(term: string, prefix: string): boolean {
  if (term.startsWith(prefix)) return true
  return term.length >= 4 && prefix.length - term.length <= 3 && prefix.startsWith(term)
}

/** Which terms of a text have to do with the clauses. */
export function wantedBy(clauses: readonly Clause[]): (term: string) => boolean {
  const wanted = new Set(clauses.flatMap(({ slots }) => slots.flatMap(({ any }) => any)))
  const prefixes = clauses.flatMap(({ prefix }) => prefix ?? [])
  if (prefixes.length === 0) return (term) => wanted.has(term)
  return (term) => wanted.has(term) || prefixes.some((prefix) => isBegun(term, prefix))
}

/** What of the clauses stands where in a text, in order; of its terms, those that are wanted by them will do. */
export function occurrencesOf(terms: readonly Term[], clauses: readonly Clause[]): Occurrence[] {
  const isWanted = wantedBy(clauses)
  /** By term and place. */
  const places = new Map<string, Map<number, Term>>()
  for (const one of terms) {
    const { term, position } = one
    if (!isWanted(term)) continue
    const held = places.get(term)
    if (held) held.set(position, one)
    else places.set(term, new Map([[position, one]]))
  }
  const found: Occurrence[] = []
  for (const [clause, { slots, prefix }] of clauses.entries()) {
    const [first, ...others] = slots
    if (!first) continue
    const any =
      prefix === undefined ? first.any : [...first.any, ...[...places.keys()].filter((one) => isBegun(one, prefix))]
    for (const term of new Set(any)) {
      for (const [position, { start, end: own }] of places.get(term) ?? []) {
        let end = own
        const whole = others.every((slot) => {
          const at = position + slot.offset - first.offset
          const next = slot.any.map((other) => places.get(other)?.get(at)).find((one) => one !== undefined)
          if (next) end = Math.max(end, next.end)
          return next !== undefined
        })
        if (whole) found.push({ start, end, clause })
        if (found.length >= mostOccurrences) return sorted(found)
      }
    }
  }
  return sorted(found)
}

function sorted(found: Occurrence[]): Occurrence[] {
  return found.sort((a, b) => a.start - b.start || b.end - a.end)
}
