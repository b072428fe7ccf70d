import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll } from 'vitest'
import { cosine } from '../../src/transfer/import/sample'
import type { ImportSource, RowOptions, SourceRow } from '../../src/transfer/import/source'

/** A file that `fixtures/make.py` made. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
}

/** A folder for the tests of a describe. */
export function useTemporaryFolder(): () => string {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'hw-transfer-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return () => folder
}

export interface ToldRow {
  readonly id: string
  readonly document: string | null
  readonly metadata: Record<string, unknown> | null
  readonly embedding: readonly number[]
}

/** Node reads SQLite itself from 22.13 on; before, it takes a package that may have to be compiled. */
export const lacksSqlite = !canReadSqlite()
if (lacksSqlite)
  console.warn('NOT RUN: files of Chroma. `npm install --no-save --save-dev better-sqlite3`, or Node 22.13, reads them')

function canReadSqlite(): boolean {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]
  if (major > 22 || (major === 22 && minor >= 13)) return true
  try {
    createRequire(import.meta.url).resolve('better-sqlite3')
    return true
  } catch {
    return false
  }
}

/** A folder that chromadb itself has written, and what chromadb says is in it. */
export async function unpackChroma(folder: string): Promise<Record<string, readonly ToldRow[]>> {
  const packed = gunzipSync(await readFile(fixture('chroma.json.gz'))).toString()
  const { files, told } = JSON.parse(packed) as {
    files: Record<string, string>
    told: Record<string, ToldRow[]>
  }
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(path.join(folder, path.dirname(name)), { recursive: true })
    await writeFile(path.join(folder, name), Buffer.from(bytes, 'hex'))
  }
  return told
}

export async function rowsOf(source: ImportSource, part: string, options: RowOptions = {}): Promise<SourceRow[]> {
  const rows: SourceRow[] = []
  for await (const row of source.rows(part, options)) rows.push(row)
  return rows
}

/** Of the same direction. */
export function isAlike(one: readonly number[] | Float32Array, other: readonly number[] | Float32Array): boolean {
  return one.length === other.length && cosine(Float32Array.from(one), Float32Array.from(other)) > 0.999_999
}

export async function writeLines(file: string, rows: readonly unknown[]): Promise<string> {
  await writeFile(file, rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'))
  return file
}
