import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { quoteName } from '../connections/postgres/row-security'
import { HeadwaterError } from '../core/errors'
import { sha256 } from '../core/ids'
import type { EntityTablePlan } from './entity-tables'

/** A migration that a user wrote: NAME.up.sql and NAME.down.sql. */
export interface UserFile {
  readonly name: string
  readonly up: string
  /** Undefined where it cannot be undone. */
  readonly down: string | undefined
  /** Of what `up` does. */
  readonly checksum: string
}

const namePattern = /^[a-z0-9][a-z0-9_-]{0,99}$/
const filePattern = /^(.+)\.(up|down)\.sql$/

/** Those of a folder in the order of their names; none where there is no such folder. HW_STORAGE, HW_INVALID_OPTIONS. */
export async function readUserFiles(folder: string): Promise<UserFile[]> {
  const texts = new Map<string, { up?: string; down?: string }>()
  for (const file of (await entriesOf(folder)).sort()) {
    const [, name, way] = filePattern.exec(file) ?? []
    if (name === undefined) continue
    if (!namePattern.test(name)) throw invalidName(name, path.join(folder, file))
    const text = await reading(path.join(folder, file), () => readFile(path.join(folder, file), 'utf8'))
    texts.set(name, { ...texts.get(name), [way as 'up' | 'down']: text })
  }
  const names = [...texts.keys()].sort()
  return names.map((name) => {
    const { up, down } = texts.get(name)!
    if (up !== undefined) return { name, up, down, checksum: sha256(up) }
    const file = path.join(folder, `${name}.up.sql`)
    throw new HeadwaterError('HW_STORAGE', `${file} is not there, and ${name}.down.sql is`, { path: file })
  })
}

/**
 * Writes the two files of a new migration, with what it takes that tables become as declared. The files run in the order
 * of their names, so that a name which would come before another is HW_INVALID_ARGUMENT. Resolves to their paths.
 */
export async function writeUserFiles(
  folder: string,
  name: string,
  schema: string,
  plans: readonly EntityTablePlan[],
): Promise<{ readonly up: string; readonly down: string }> {
  if (!namePattern.test(name)) throw invalidName(name, 'NAME')
  const last = (await readUserFiles(folder)).at(-1)?.name
  if (last !== undefined && name <= last) {
    const problem = `NAME: ${name} would run before ${last}, which is there: begin it with a later number or date`
    throw new HeadwaterError('HW_INVALID_ARGUMENT', problem, { path: 'NAME' })
  }
  // The schema is searched first: the same file serves wherever the tables are.
  const inSchema = [`${quoteName(schema)}.`, `${schema}.`]
  const plain = (text: string): string => inSchema.reduce((found, prefix) => found.replace(prefix, ''), text)
  const misfits = plans.flatMap((plan) => plan.misfits)
  const tables = plans.filter((plan) => plan.misfits.length > 0).map(({ table }) => table)
  const needs = tables.length > 0 ? `${needsMark} ${tables.join(', ')}\n` : ''
  const lines = misfits.map(({ what, statement }) => `-- ${what}\n${statement ? `${plain(statement)};\n` : ''}`)
  const undone = [...misfits].reverse().flatMap(({ undo }) => (undo ? [`${plain(undo)};\n`] : []))
  const files = { up: path.join(folder, `${name}.up.sql`), down: path.join(folder, `${name}.down.sql`) }
  await reading(folder, () => mkdir(folder, { recursive: true }))
  await reading(files.up, () => writeFile(files.up, needs + lines.join(''), { flag: 'wx' }))
  await reading(files.down, () => writeFile(files.down, needs + undone.join(''), { flag: 'wx' }))
  return files
}

/** Begins the line that names the tables without which a file has nothing to do: in a new database they are made as declared. */
const needsMark = '-- needs:'

export function tablesNeeded(text: string): string[] {
  const line = text.split('\n').find((one) => one.startsWith(needsMark))
  return line === undefined
    ? []
    : line
        .slice(needsMark.length)
        .split(',')
        .flatMap((one) => one.trim() || [])
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    if (cause instanceof Error && Reflect.get(cause, 'code') === 'ENOENT') return []
    throw new HeadwaterError('HW_STORAGE', `${folder} could not be read`, { cause, path: folder })
  }
}

async function reading<T>(file: string, work: () => Promise<T>): Promise<T> {
  return work().catch((cause: unknown) => {
    throw new HeadwaterError('HW_STORAGE', `${file} could not be read or written`, { cause, path: file })
  })
}

function invalidName(name: string, at: string): HeadwaterError {
  const rule = 'small letters, digits, _ and -, to 100 of them'
  return new HeadwaterError(
    'HW_INVALID_ARGUMENT',
    `${at}: a migration's name is of ${rule}, got ${JSON.stringify(name)}`,
    {
      path: at,
    },
  )
}
