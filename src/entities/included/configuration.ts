import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { type CallOptions, callKinds, following } from '../../core/abort'
import { asHeadwaterError, HeadwaterError, isHeadwaterError } from '../../core/errors'
import { isPlainObject, type Json } from '../../core/json'
import { anything, checkOptions, milliseconds, type OptionKinds, text, whole } from '../../core/option-kinds'
import { Waker } from '../../core/waker'
import { defineEntity, type EntityDeclaration, type ShapeOf } from '../declaration'
import { type EntityReads, type EntityTools, readsOf, withForm } from '../entity-form'
import type { EntityPage } from '../query'
import type { EntityRepository } from '../repository'
import { type InputOf, type OutputOf, type StandardSchema, validated } from '../standard-schema'
import { invalidArgument } from './invalid-argument'

/** Which settings there are, each with the schema of its values. */
export type SettingSchemas = Readonly<Record<string, StandardSchema<unknown, unknown>>>

/** A row as it is stored; its `version` is the revision of the setting. */
export interface SettingValues {
  readonly name: string
  readonly value: Json
  /** Who wrote it, if that was said. */
  readonly by?: string | undefined
  /** The revision that it was taken from, where it was rolled back. */
  readonly from?: number | undefined
}

export interface RevisionValues extends SettingValues {
  readonly revision: number
  /** When it was written. */
  readonly at: string
}

export type SettingShape = ShapeOf<StandardSchema<SettingValues>, { readonly key: 'name' }>
export type RevisionShape = ShapeOf<StandardSchema<RevisionValues>, object>

/** A value as it was at a revision: 1, 2, 3... */
export interface Setting<V> {
  readonly name: string
  readonly value: V
  readonly revision: number
  readonly by?: string | undefined
  readonly from?: number | undefined
  readonly at: string
}

export interface SettingOptions extends CallOptions {
  /** Fails with HW_VERSION_CONFLICT unless the setting is at this revision; 0: was never written. */
  ifRevision?: number | undefined
  /** Who writes, to 512 characters. */
  by?: string | undefined
}

export interface HistoryOptions extends CallOptions {
  /** 1 to 1,000; 100 by default. */
  limit?: number | undefined
  cursor?: string | undefined
}

export interface WatchOptions {
  /** Ends it. So does the close of the store. */
  signal?: AbortSignal | undefined
  /** How often it is looked, whatever was heard, ms; 5,000 by default. */
  pollMs?: number | undefined
}

export interface Configuration<S extends SettingSchemas> extends EntityReads<SettingShape> {
  /** The value of today, or null where none was written. HW_INVALID_ENTITY for one that the schema refuses by now. */
  read<K extends keyof S & string>(name: K, options?: CallOptions): Promise<Setting<OutputOf<S[K]>> | null>
  /** Writes a value that its schema accepts, as the next revision; the same value writes nothing. */
  write<K extends keyof S & string>(
    name: K,
    value: InputOf<S[K]>,
    options?: SettingOptions,
  ): Promise<Setting<OutputOf<S[K]>>>
  /** All revisions, the latest first, as they were written. */
  history(name: keyof S & string, options?: HistoryOptions): Promise<EntityPage<Setting<Json>>>
  /** Writes the value of an earlier revision anew, as `write` does. HW_NOT_FOUND where there is no such revision. */
  rollback<K extends keyof S & string>(
    name: K,
    revision: number,
    options?: SettingOptions,
  ): Promise<Setting<OutputOf<S[K]>>>
  /**
   * The value of today, then each later one, until the signal aborts; where several were written meanwhile, the last. A
   * hint of Postgres wakes it early and nothing depends on that; each watch listens on a connection of its own.
   */
  watch<K extends keyof S & string>(name: K, options?: WatchOptions): AsyncIterable<Setting<OutputOf<S[K]>> | null>
}

const longestBy = 512
const named = { name: z.string().min(1), value: z.json(), by: z.string().optional(), from: z.int().optional() }
const settingSchema: StandardSchema<SettingValues> = z.object(named)
const revisionSchema: StandardSchema<RevisionValues> = z.object({
  ...named,
  revision: z.int(),
  at: z.iso.datetime(),
})
const columns = { name: 'text', value: 'json', by: 'text?', from: 'integer?' } as const

const rowsOfSettings = defineEntity('configuration', settingSchema, { key: 'name', columns })

/** All revisions of settings; nothing is taken from it. */
export const configuration_history: EntityDeclaration<RevisionShape, EntityReads<RevisionShape>> = withForm(
  defineEntity('configuration_history', revisionSchema, {
    columns: { ...columns, revision: 'integer', at: 'datetime' },
    unique: [['name', 'revision']],
  }),
  ({ rows }) => readsOf(rows),
)

/**
 * The settings of a tenant, each with a schema of its own. Needs `configuration_history`. HW_INVALID_OPTIONS.
 *
 * ```ts
 * const entities = { configuration: configuration({ theme: z.enum(['light', 'dark']) }), configuration_history }
 * ```
 */
export function configuration<const S extends SettingSchemas>(
  schemas: S,
): EntityDeclaration<SettingShape, Configuration<S>> {
  const known = new Map(Object.entries(isPlainObject(schemas) ? schemas : {}))
  for (const [name, schema] of known) {
    if (typeof schema?.['~standard']?.validate === 'function') continue
    const path = `configuration.${name}`
    throw new HeadwaterError('HW_INVALID_OPTIONS', `${path}: must be a Standard Schema`, { path })
  }
  return withForm(rowsOfSettings, (tools) => methodsOf(tools, known) as Configuration<S>, [configuration_history])
}

const settingKinds = {
  ...callKinds,
  ifRevision: whole(0, Number.MAX_SAFE_INTEGER),
  by: text(longestBy),
} satisfies OptionKinds<SettingOptions>
const historyKinds = { ...callKinds, limit: anything, cursor: anything } satisfies OptionKinds<HistoryOptions>
const watchKinds = { signal: callKinds.signal, pollMs: milliseconds(1) } satisfies OptionKinds<WatchOptions>

function methodsOf(
  { rows, of, together, clock, hints, stop }: EntityTools<SettingShape>,
  schemas: ReadonlyMap<string, StandardSchema>,
): Configuration<SettingSchemas> {
  const schemaOf = (name: string): StandardSchema => {
    const schema = schemas.get(name)
    if (schema) return schema
    throw invalidArgument('name', `no setting ${JSON.stringify(name)}; those are ${[...schemas.keys()].join(', ')}`)
  }

  async function write(name: string, value: unknown, given: SettingOptions | undefined, from?: number) {
    const { ifRevision, by, ...call } = checkOptions(given, settingKinds, '', 'HW_INVALID_ARGUMENT')
    const values = { value: (await validated(schemaOf(name), value, 'value')) as Json, by, from }
    const written = await together(call, async (within) => {
      const was = await within.rows.get(name)
      const revision = was?.version ?? 0
      if (ifRevision !== undefined && ifRevision !== revision) throw moved(ifRevision, revision)
      if (was && isDeepStrictEqual(was.value, values.value)) return was
      const row = was
        ? await within.rows.update(name, { ...values, by: by ?? null, from: from ?? null }, { ifVersion: ifRevision })
        : await firstOf(within.rows, { name, ...values }, ifRevision)
      await within.of(configuration_history).insert({
        ...values,
        value: row.value,
        name,
        revision: row.version,
        at: row.updatedAt,
      })
      return row
    })
    hints?.send()
    return settingOf(written)
  }

  async function read(name: string, options?: CallOptions) {
    const schema = schemaOf(name)
    const row = await rows.get(name, options)
    if (!row) return null
    return { ...settingOf(row), value: await validated(schema, row.value, name) }
  }

  async function* watch(name: string, options: WatchOptions | undefined): AsyncGenerator<Setting<unknown> | null> {
    const { signal, pollMs = 5_000 } = checkOptions(options, watchKinds, '', 'HW_INVALID_ARGUMENT')
    schemaOf(name)
    const own = new AbortController()
    const until = following(...[own.signal, signal, stop].filter((one) => one !== undefined))
    const waker = new Waker()
    const listening = hints?.listen(() => waker.wake(), until.signal)
    try {
      for (let seen: number | undefined; !until.signal.aborted; ) {
        const { wakes } = waker
        const now = await current(() => read(name, { signal: until.signal }))
        if (now !== undefined && seen !== (now?.revision ?? 0)) {
          seen = now?.revision ?? 0
          yield now
        }
        await waker.idle(clock, pollMs, wakes, until.signal)
      }
    } catch (error) {
      const ended = isHeadwaterError(error, 'HW_CLOSED') || until.signal.aborted
      if (!ended) throw error
    } finally {
      own.abort()
      await listening
      until.release()
    }
  }

  return {
    ...readsOf(rows),
    read,
    write: (name, value, options) => write(name, value, options),
    async history(name, options) {
      const { limit, cursor, ...call } = checkOptions(options, historyKinds, '', 'HW_INVALID_ARGUMENT')
      schemaOf(name)
      const orderBy = [{ name: 'desc' }, { revision: 'desc' }] as const
      const page = await of(configuration_history).list({ filter: { name }, orderBy, limit, cursor }, call)
      const items = page.items.map((row) => settingOf({ ...row, version: row.revision, updatedAt: row.at }))
      return { items, ...(page.cursor !== undefined && { cursor: page.cursor }) }
    },
    async rollback(name, revision, options) {
      schemaOf(name)
      whole(1, Number.MAX_SAFE_INTEGER)(revision, 'revision', 'HW_INVALID_ARGUMENT')
      const was = await of(configuration_history).first({ filter: { name, revision } })
      if (was) return write(name, was.value, options, revision)
      const problem = `revision: no revision ${revision} of ${name}`
      throw new HeadwaterError('HW_NOT_FOUND', problem, { path: 'revision', details: { name, revision } })
    },
    watch,
  } as Configuration<SettingSchemas>
}

/** Where others write it first, too: by their values, or not at all where it must be the first. */
async function firstOf(
  rows: EntityRepository<SettingShape>,
  values: SettingValues,
  ifRevision: number | undefined,
): Promise<SettingShape['row']> {
  if (ifRevision === undefined) return rows.upsert(values)
  try {
    return await rows.insert(values)
  } catch (error) {
    throw isHeadwaterError(error, 'HW_CONFLICT') ? moved(ifRevision, undefined) : error
  }
}

function settingOf({ name, value, version, by, from, updatedAt }: SettingShape['row']): Setting<Json> {
  const more = { ...(by !== undefined && { by }), ...(from !== undefined && { from }) }
  return { name, value, revision: version, ...more, at: updatedAt }
}

function moved(ifRevision: number, revision: number | undefined): HeadwaterError {
  const found = revision === undefined ? 'others have written it meanwhile' : `it is at revision ${revision}`
  const details = { ifRevision, ...(revision !== undefined && { revision }) }
  return new HeadwaterError('HW_VERSION_CONFLICT', `ifRevision: ${found}`, { path: 'ifRevision', details })
}

/** Undefined where it may be asked again. */
async function current<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (asHeadwaterError(error).retryable) return undefined
    throw error
  }
}
