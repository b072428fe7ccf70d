/** Committed rows by key, in the order in which their keys first came, and by group where a table has groups. */
export class Table<R> {
  readonly rows = new Map<string, R>()
  readonly groups = new Map<string, Set<string>>()
  readonly groupOf: ((row: R) => string) | undefined

  /** The group of a row must not change while its key lives. */
  constructor(groupOf?: (row: R) => string) {
    this.groupOf = groupOf
  }

  put(key: string, row: R): void {
    this.rows.set(key, row)
    if (this.groupOf) addTo(this.groups, this.groupOf(row), key)
  }

  delete(key: string): void {
    const row = this.rows.get(key)
    if (row === undefined) return
    this.rows.delete(key)
    if (!this.groupOf) return
    const group = this.groupOf(row)
    const keys = this.groups.get(group)
    keys?.delete(key)
    if (keys?.size === 0) this.groups.delete(group)
  }
}

/** Puts back what `rows` held once; rows are never changed in place. */
export function restoreTable<R>(table: Table<R>, rows: ReadonlyMap<string, R>): void {
  for (const key of [...table.rows.keys()]) table.delete(key)
  for (const [key, row] of rows) table.put(key, row)
}

/** A table as one transaction sees it. Dropping the overlay rolls back; `commit` costs what was changed. */
export class Overlay<R> {
  readonly #table: Table<R>
  /** New rows by key; undefined where the row was deleted. */
  readonly #changed = new Map<string, R | undefined>()
  /** Keys that were put, by group. */
  readonly #groups = new Map<string, Set<string>>()
  /** Rows as they were before they were changed, while that is asked for. */
  #before: Map<string, R | undefined> | undefined

  constructor(table: Table<R>) {
    this.#table = table
  }

  get(key: string): R | undefined {
    return this.#changed.has(key) ? this.#changed.get(key) : this.#table.rows.get(key)
  }

  put(key: string, row: R): void {
    this.#note(key)
    this.#changed.set(key, row)
    if (this.#table.groupOf) addTo(this.#groups, this.#table.groupOf(row), key)
  }

  delete(key: string): void {
    this.#note(key)
    this.#changed.set(key, undefined)
  }

  /** From now on until what this returns is called, which tells the rows that were changed as they were before. */
  watch(): () => ReadonlyMap<string, R | undefined> {
    const before = new Map<string, R | undefined>()
    this.#before = before
    return () => {
      this.#before = undefined
      return before
    }
  }

  #note(key: string): void {
    if (this.#before && !this.#before.has(key)) this.#before.set(key, this.get(key))
  }

  /** All rows with their keys; the caller must not change the table meanwhile. */
  *entries(): IterableIterator<[string, R]> {
    const { rows } = this.#table
    if (this.#changed.size === 0) {
      yield* rows
      return
    }
    for (const entry of rows) {
      if (!this.#changed.has(entry[0])) yield entry
      else {
        const row = this.#changed.get(entry[0])
        if (row !== undefined) yield [entry[0], row]
      }
    }
    for (const [key, row] of this.#changed) if (row !== undefined && !rows.has(key)) yield [key, row]
  }

  /** The rows of a group; a copy, so that the caller may change the table. */
  group(name: string): R[] {
    const found: R[] = []
    const committed = this.#table.groups.get(name)
    for (const key of committed ?? []) {
      const row = this.get(key)
      if (row !== undefined) found.push(row)
    }
    for (const key of this.#groups.get(name) ?? []) {
      if (committed?.has(key)) continue
      const row = this.#changed.get(key)
      if (row !== undefined) found.push(row)
    }
    return found
  }

  /** What is changed from now on is forgotten by what this returns. */
  savepoint(): () => void {
    const changed = new Map(this.#changed)
    const groups = new Map([...this.#groups].map(([name, keys]) => [name, new Set(keys)]))
    return () => {
      this.clear()
      for (const [key, row] of changed) this.#changed.set(key, row)
      for (const [name, keys] of groups) this.#groups.set(name, keys)
    }
  }

  /** Forgets every change. */
  clear(): void {
    this.#changed.clear()
    this.#groups.clear()
  }

  commit(): void {
    for (const [key, row] of this.#changed) {
      if (row === undefined) this.#table.delete(key)
      else this.#table.put(key, row)
    }
  }
}

function addTo(groups: Map<string, Set<string>>, group: string, key: string): void {
  const keys = groups.get(group)
  if (keys) keys.add(key)
  else groups.set(group, new Set([key]))
}
