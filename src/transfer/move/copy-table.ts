import type { PostgresConnection } from '../../connections/postgres/connection'
import type { Executor } from '../../connections/postgres/executor'
import { quoteName } from '../../connections/postgres/row-security'
import { literal } from '../../connections/postgres/statement'
import type { CallOptions } from '../../core/abort'
import { RowDigest } from '../backup/digest'
import { digestOf, rowInserter } from '../backup/load-rows'
import { rowsOf } from '../backup/read-rows'
import type { TableSource } from '../backup/tables'

const deleteMs = 120_000

/** Where rows go: a schema that nobody reads yet. */
export interface CopyTarget {
  readonly connection: PostgresConnection
  readonly scratch: string
  /** An earlier attempt may have left rows in it. */
  readonly resumes: boolean
}

/** Of a table: what the snapshot holds, and how many of its rows were there already. */
export interface CopiedTable {
  readonly name: string
  readonly rows: number
  readonly digest: string
  readonly kept: number
}

/**
 * Copies a table by ranges of its keys, each by itself. Where an earlier attempt left rows, a range whose digest is equal
 * stays, and any other is written anew: so it does not matter what changed at the source since. Without a target the
 * rows are read alone.
 */
export async function copyTable(
  executor: Executor,
  source: TableSource,
  target: CopyTarget | undefined,
  call: CallOptions,
  copied: (rows: number) => Promise<void>,
): Promise<CopiedTable> {
  const whole = new RowDigest()
  const ranges = target && new RangeCopy(source, target, call)
  let kept = 0
  let after: string | undefined
  for await (const page of rowsOf(executor, source)) {
    const digest = new RowDigest()
    for (const { line } of page) {
      digest.add(line)
      whole.add(line)
    }
    const last = page.at(-1)!.key
    const lines = page.map(({ line }) => line)
    if (ranges && !(await ranges.bring(lines, digest, after, last))) kept += page.length
    after = last
    await copied(page.length)
  }
  await ranges?.clear(after)
  return { name: source.name, rows: whole.rows, digest: whole.digest, kept }
}

class RangeCopy {
  readonly #table: TableSource
  readonly #target: CopyTarget
  readonly #call: CallOptions
  readonly #insert: (lines: readonly string[]) => Promise<void>

  constructor(table: TableSource, target: CopyTarget, call: CallOptions) {
    this.#table = table
    this.#target = target
    this.#call = call
    this.#insert = rowInserter(target.connection, target.scratch, table)
  }

  /** False when the rows are there already. */
  async bring(
    lines: readonly string[],
    { rows, digest }: RowDigest,
    after: string | undefined,
    last: string,
  ): Promise<boolean> {
    const { connection, scratch, resumes } = this.#target
    if (resumes) {
      const there = await digestOf(connection, scratch, this.#table, this.#call, this.#range(after, last))
      if (there.rows === rows && there.digest === digest) return false
      if (there.rows > 0) await this.#delete(after, last)
    }
    await this.#insert(lines)
    return true
  }

  /** Removes what the source no longer has behind its last row. */
  async clear(after: string | undefined): Promise<void> {
    if (this.#target.resumes) await this.#delete(after, undefined)
  }

  async #delete(after: string | undefined, last: string | undefined): Promise<void> {
    const { connection, scratch } = this.#target
    const text = `DELETE FROM ${quoteName(scratch)}.${quoteName(this.#table.name)} WHERE ${this.#range(after, last)}`
    await connection.session({ worker: true }).query(text, [], { timeoutMs: deleteMs })
  }

  /** SQL: above one key, up to the other. */
  #range(after: string | undefined, last: string | undefined): string {
    const { key, columns } = this.#table
    const names = key.map(quoteName).join(', ')
    const types = key.map((name) => columns.find((column) => column.name === name)!.type)
    const told = (of: string): string =>
      (JSON.parse(of) as string[]).map((value, at) => `${literal(value)}::${types[at]}`).join(', ')
    const above = after === undefined ? 'true' : `(${names}) > (${told(after)})`
    return last === undefined ? above : `${above} AND (${names}) <= (${told(last)})`
  }
}
