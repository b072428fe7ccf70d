import { type Deed, documentKey, type History } from './history'
import { type Tenant, textOf } from './journal'

/** A document as Postgres has it, read by a client of the checker's own. */
export interface StoredDocument {
  readonly tenant: Tenant
  readonly id: string
  readonly version: number
  readonly deleted: boolean
  readonly text: string
  readonly op: string | null
}

/**
 * Every acknowledged write is in Postgres at its version or under a later one, every refused one is not, and each
 * version was made by one operation. Nothing may be open any more.
 */
export function lostWrites(history: History, stored: readonly StoredDocument[]): string[] {
  const problems: string[] = []
  const rows = new Map(stored.map((row) => [documentKey(row.tenant, row.id), row]))
  const deeds = history.byDocument()
  for (const key of rows.keys()) if (!deeds.has(key)) problems.push(`${key}: nobody wrote it`)
  for (const [key, all] of deeds) {
    const row = rows.get(key)
    const problem = all[0]!.kind === 'batch' ? inBatches(all, row) : oneByOne(all, row)
    if (problem) problems.push(`${key}: ${problem}`)
  }
  return problems
}

function oneByOne(deeds: readonly Deed[], row: StoredDocument | undefined): string | undefined {
  const made = deeds
    .filter(({ outcome, unchanged }) => outcome === 'done' && !unchanged)
    .sort((one, other) => one.version - other.version)
  const versions = made.map(({ version }) => version)
  if (row && deeds.some(({ outcome, op }) => outcome === 'failed' && op === row.op)) return `failed ${row.op} is stored`
  if (versions.some((version, at) => version !== at + 1) || (row?.version ?? 0) !== versions.length) {
    return `acknowledged were versions ${versions.join()}, stored is ${row?.version ?? 'nothing'}`
  }
  const last = made.at(-1)
  if (!last || !row) return undefined
  if (row.deleted !== (last.kind === 'delete')) return `${last.op} was a ${last.kind}, deleted is ${row.deleted}`
  if (row.deleted) return undefined
  if (row.op !== last.op) return `metadata is of ${row.op}, not of ${last.op}`
  // A patch keeps the text of the put before it.
  const put = made.findLast(({ kind }) => kind === 'put')!
  return row.text === textOf(put, row.id) ? undefined : `text is not that of ${put.op}`
}

/** One loop alone writes these, one batch after another. */
function inBatches(deeds: readonly Deed[], row: StoredDocument | undefined): string | undefined {
  const done = deeds.filter(({ outcome }) => outcome === 'done').sort((one, other) => one.turn - other.turn)
  const last = done.at(-1)
  if (!last) return undefined
  if (!row || row.deleted) return `${last.op} was acknowledged, and the document is not there`
  const held = deeds.find(({ op }) => op === row.op)
  if (!held) return `metadata is of ${row.op}, which nobody began`
  if (held.turn < last.turn) return `${last.op} was acknowledged, stored is the earlier ${held.op}`
  return row.text === textOf(held, row.id) ? undefined : `text is not that of ${held.op}`
}

/** No search gave a hit of another tenant, of a deleted document, or of a text that was replaced before it began. */
export function wrongHits(history: History, from: number): { problems: string[]; hits: number } {
  const deeds = history.byDocument()
  const problems: string[] = []
  let hits = 0
  for (const search of history.searches.slice(from)) {
    for (const hit of search.hits) {
      hits++
      const say = (what: string): void =>
        void problems.push(`${search.mode} search of ${search.tenant} at ${search.from}: ${hit.id} ${what}`)
      if (hit.marks.some((mark) => !mark.startsWith(`${search.tenant}x`))) {
        say(`is foreign: ${hit.marks.join()}`)
        continue
      }
      const all = deeds.get(documentKey(search.tenant, hit.id)) ?? []
      // Only what was known to have happened before the search began binds it.
      const before = all.filter(
        ({ outcome, unchanged, ended }) => outcome === 'done' && !unchanged && ended! < search.from,
      )
      const order = (deed: Deed): number => (deed.kind === 'batch' ? deed.turn : deed.version)
      const last = before.sort((one, other) => order(one) - order(other)).at(-1)
      if (!last) continue
      const later = all.some(
        (deed) =>
          deed.begun < search.to && deed.outcome !== 'failed' && (deed.outcome === 'open' || order(deed) > order(last)),
      )
      if (last.kind === 'delete' && !later) say(`was deleted by ${last.op}`)
      if (last.kind !== 'batch' && hit.version < last.version) say(`has version ${hit.version} after ${last.version}`)
      const replaced = before.findLast(({ kind }) => kind !== 'patch')
      for (const mark of hit.marks) {
        const op = mark.slice(search.tenant.length + 1)
        const source = op === 'common' ? undefined : all.find((deed) => deed.op === op)
        if (op !== 'common' && !source) say(`has words of ${op}, which nobody wrote`)
        if (source?.outcome === 'failed') say(`has words of ${op}, which was refused`)
        if (source?.outcome === 'done' && replaced && order(source) < order(replaced)) {
          say(`has words of ${op}, which ${replaced.op} had replaced`)
        }
      }
    }
  }
  return { problems, hits }
}
