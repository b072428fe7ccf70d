import { readFileSync } from 'node:fs'
import type { Operation, SearchLine, Tenant, WriterLine } from './journal'

/** An operation with what became of it. */
export interface Deed extends Operation {
  readonly begun: number
  /** When its end was known to the writer. */
  ended?: number
  outcome: 'open' | 'done' | 'failed'
  version: number
  unchanged: boolean
  code?: string
}

/** All journals of a run, read anew as they grow. */
export class History {
  readonly deeds = new Map<string, Deed>()
  readonly wrong: string[] = []
  readonly searches: Extract<SearchLine, { line: 'search' }>[] = []
  readonly refusals = new Map<string, number>()
  readonly #read = new Map<string, number>()

  /** Takes in what a journal says beyond what is known of it. */
  readWriter(path: string): void {
    for (const line of this.#lines<WriterLine>(path)) {
      if (line.line === 'begin') {
        const { line: _line, at, ...operation } = line
        this.deeds.set(line.op, { ...operation, begun: at, outcome: 'open', version: 0, unchanged: false })
        continue
      }
      const deed = this.deeds.get(line.op)!
      if (line.line === 'wrong')
        this.wrong.push(`${line.op} (${deed.kind} ${deed.tenant}/${deed.ids[0]}): ${line.what}`)
      else if (line.line === 'done') {
        Object.assign(deed, { outcome: 'done', ended: line.at, version: line.version, unchanged: line.unchanged })
      } else {
        Object.assign(deed, { outcome: 'failed', ended: line.at, code: line.code })
        this.refusals.set(`write ${line.code}`, (this.refusals.get(`write ${line.code}`) ?? 0) + 1)
      }
    }
  }

  readSearcher(path: string): void {
    for (const line of this.#lines<SearchLine>(path)) {
      if (line.line === 'search') this.searches.push(line)
      else this.refusals.set(`search ${line.code}`, (this.refusals.get(`search ${line.code}`) ?? 0) + 1)
    }
  }

  /** What nobody knows the end of. */
  open(): Deed[] {
    return [...this.deeds.values()].filter(({ outcome }) => outcome === 'open')
  }

  get acknowledged(): number {
    return [...this.deeds.values()].filter(({ outcome }) => outcome === 'done').length
  }

  /** By document, in no order. */
  byDocument(): Map<string, Deed[]> {
    const found = new Map<string, Deed[]>()
    for (const deed of this.deeds.values()) {
      for (const id of deed.ids) {
        const key = documentKey(deed.tenant, id)
        const list = found.get(key)
        if (list) list.push(deed)
        else found.set(key, [deed])
      }
    }
    return found
  }

  #lines<Line>(path: string): Line[] {
    const from = this.#read.get(path) ?? 0
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch {
      return []
    }
    // The last line may be one that is being written.
    const whole = text.lastIndexOf('\n') + 1
    this.#read.set(path, whole)
    return text
      .slice(from, whole)
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line)
  }
}

export const documentKey = (tenant: Tenant, id: string): string => `${tenant}/${id}`
