import { driverMissing } from '../../../resilience/driver-missing'
import { unreadable } from '../../unreadable'

/** A database of SQLite's that is only read. */
export interface SqliteFile {
  all(text: string, ...values: readonly (string | number)[]): Record<string, unknown>[]
  close(): void
}

/** The part of both drivers that is used here. */
interface Database {
  prepare(text: string): { all(...values: readonly (string | number)[]): unknown[] }
  close(): void
}

type Open = (file: string) => Database

/** By `better-sqlite3` where it is installed, else by what Node has itself, from 22.13 on. */
async function load(): Promise<Open> {
  let cause: unknown
  try {
    const { default: BetterSqlite } = await import('better-sqlite3')
    return (file) => new BetterSqlite(file, { readonly: true, fileMustExist: true }) as unknown as Database
  } catch (error) {
    cause = error
  }
  const own: unknown = Reflect.get(process, 'getBuiltinModule')
  const found: unknown = typeof own === 'function' ? own.call(process, 'node:sqlite') : undefined
  const DatabaseSync: unknown = Reflect.get(Object(found), 'DatabaseSync')
  if (typeof DatabaseSync !== 'function') throw driverMissing('better-sqlite3', cause)
  return (file) => Reflect.construct(DatabaseSync, [file, { readOnly: true }]) as Database
}

export async function openSqlite(file: string): Promise<SqliteFile> {
  const open = await load()
  const guarded = <T>(work: () => T): T => {
    try {
      return work()
    } catch (cause) {
      throw unreadable(file, cause)
    }
  }
  const database = guarded(() => open(file))
  const statements = new Map<string, ReturnType<Database['prepare']>>()
  return {
    all: (text, ...values) =>
      guarded(() => {
        const statement = statements.get(text) ?? database.prepare(text)
        statements.set(text, statement)
        return statement.all(...values) as Record<string, unknown>[]
      }),
    close: () => database.close(),
  }
}

/** Whether there is a table of that name. */
export function hasTable(database: SqliteFile, name: string): boolean {
  return database.all(`SELECT 1 FROM sqlite_master WHERE name = ?`, name).length > 0
}
