import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import { settingsQuietly } from '../config/from-env'
import type { Environment, Settings } from '../config/settings'
import { ownName } from '../config/variables'
import { abortable } from '../core/abort'
import { HeadwaterError, isHeadwaterError } from '../core/errors'
import { type CollectionName, collectionName } from '../core/ids'
import type { JsonObject } from '../core/json'
import type { Truth } from '../repositories/truth'
import { openChecked } from '../store/open-store'
import type { Store } from '../store/store'
import type { CollectionOptions } from '../store/store-options'
import { storeOptionsFrom } from '../store/store-settings'
import type { CollectionHandle } from '../tenant/collection-handle'
import type { CliIo } from './io'
import { Output } from './output'
import { loggerAt } from './worker-log'

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean
  readonly tenant?: string
  readonly collection?: string
  readonly path?: string
  readonly databaseUrl?: string
  readonly profile?: string
}

/** Small enough that a progress bar moves, large enough that a batch is worth its transaction. */
const batchDocuments = 64

export type CliStore = Store<Record<string, JsonObject>>

export interface OpenOptions {
  /** 'write' migrates as the settings say and applies jobs in this process; 'read' does neither. */
  readonly mode: 'read' | 'write'
  /** A collection that is not there is made, instead of being taken for a mistyped one. */
  readonly creates?: boolean | undefined
  /** Instead of the one that `--collection` names. */
  readonly collections?: Record<string, CollectionOptions<JsonObject>> | undefined
}

/** One run of a command. */
export class CliContext {
  readonly io: CliIo
  readonly out: Output
  readonly options: GlobalOptions
  readonly tenant: string
  readonly collection: string

  constructor(io: CliIo, options: GlobalOptions) {
    this.io = io
    this.options = options
    this.out = new Output(io, options.json === true)
    this.tenant = options.tenant ?? 'default'
    this.collection = options.collection ?? 'documents'
  }

  get signal(): AbortSignal {
    return this.io.signal
  }

  /** A path of the user's, made absolute. */
  resolve(given: string): string {
    return path.resolve(this.io.cwd, given)
  }

  async settings(): Promise<Settings> {
    return this.#settingsOf(this.#environment(this.options))
  }

  /** As `settings`, of another server with all else as it is here. */
  async settingsAt(databaseUrl: string): Promise<Settings> {
    return this.#settingsOf(this.#environment({ databaseUrl }))
  }

  /** As `settings`, of the variables of a file and of no others. */
  async settingsOfFile(file: string): Promise<Settings> {
    return this.#settingsOf(this.#file(file))
  }

  #settingsOf(env: Environment): Settings {
    const settings = settingsQuietly(env)
    const { profile, path: folder } = settings
    if (profile !== 'embedded' || folder === ':memory:') return settings
    return { ...settings, path: this.resolve(folder) }
  }

  /** Runs `work` with the store open, and closes it in any case. */
  async withStore<T>(options: OpenOptions, work: (store: CliStore, settings: Settings) => Promise<T>): Promise<T> {
    const settings = await this.settings()
    for (const message of settings.ignored) this.out.notice(message, 'warn', { code: 'HW_INVALID_SETTINGS' })
    const reads = options.mode === 'read'
    if (reads) assertThere(settings)
    const mistyped = options.creates ? undefined : this.options.collection
    const store = await openChecked(
      storeOptionsFrom<Record<string, JsonObject>>(settings, {
        collections: options.collections ?? { [this.collection]: {} },
        relay: reads ? 'external' : 'background',
        writer: { batchDocuments },
        logger: loggerAt(settings.worker.logLevel, (...line) => this.out.log(...line)),
        ...(reads && { migrate: 'check' as const }),
      }),
      async (truth) => {
        if (mistyped !== undefined) await assertMade(truth, collectionName(mistyped))
      },
    )
    try {
      return await work(store, settings)
    } finally {
      await store.close()
    }
  }

  /** What a terminal answers; undefined where there is none to ask: nothing ever waits in a pipe. */
  async confirm(question: string): Promise<boolean | undefined> {
    const { stderr, signal } = this.io
    if (this.out.json || !stderr.isTTY || !this.io.stdin?.isTTY) return undefined
    const { createInterface } = await import('node:readline')
    // Not a terminal to readline: it would take Ctrl-C for itself.
    const lines = createInterface({ input: this.io.stdin, output: stderr, terminal: false })
    try {
      const answer = new Promise<boolean>((resolve) => {
        lines.once('close', () => resolve(false))
        lines.question(`${question} [y/N] `, (text) => resolve(/^y(es)?$/i.test(text.trim())))
      })
      return await abortable(answer, signal)
    } finally {
      lines.close()
    }
  }

  handle(store: CliStore): CollectionHandle<JsonObject> {
    return store.forTenant(this.tenant).collection(this.collection)
  }

  /** The environment, over `.env`, under what the flags say. */
  #environment({ databaseUrl, path: folder, profile }: GlobalOptions): Environment {
    if (databaseUrl !== undefined && folder !== undefined) {
      throw new HeadwaterError('HW_INVALID_ARGUMENT', '--path and --database-url: give one of them', { path: '--path' })
    }
    const env: Record<string, string | undefined> = { ...this.#file('.env'), ...this.io.env }
    if (profile !== undefined) env['HEADWATER_PROFILE'] = profile
    if (folder !== undefined) {
      env['HEADWATER_PROFILE'] = 'embedded'
      env['HEADWATER_PATH'] = folder
    }
    // What a flag says is meant, whichever name says otherwise.
    if (databaseUrl !== undefined || folder !== undefined || profile === 'embedded') {
      for (const name of ['DATABASE_URL', 'POSTGRES_HOST', 'DATABASE_MIGRATION_URL'] as const) {
        delete env[name]
        delete env[ownName(name)!]
      }
    }
    if (databaseUrl !== undefined) {
      env['HEADWATER_PROFILE'] = 'postgres'
      env['DATABASE_URL'] = databaseUrl
    }
    return env
  }

  /** The text of a small file that a flag names. */
  readFile(flag: string, name: string): string {
    const file = this.resolve(name)
    try {
      return readSmallFile(file)
    } catch (cause) {
      if (isHeadwaterError(cause)) throw cause
      throw new HeadwaterError('HW_INVALID_ARGUMENT', `${flag}: ${file} could not be read`, { cause, path: flag })
    }
  }

  #file(name: string): Environment {
    const file = this.resolve(name)
    try {
      return parseEnv(readSmallFile(file)) as Environment
    } catch (cause) {
      if (isHeadwaterError(cause)) throw cause
      if (!existsSync(file)) return {}
      throw new HeadwaterError('HW_STORAGE', `${file} could not be read`, { cause, path: file })
    }
  }
}

/** Of a file that is one: reading a pipe would wait for whoever writes to it. */
function readSmallFile(file: string): string {
  const handle = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const stats = fstatSync(handle)
    const problem = !stats.isFile() ? 'is not a regular file' : stats.size > longestEnv ? 'is too large' : undefined
    if (problem) throw new HeadwaterError('HW_STORAGE', `${file} ${problem}`, { path: file })
    return readFileSync(handle, 'utf8')
  } finally {
    closeSync(handle)
  }
}

const longestEnv = 1_048_576

/** A look must not make the collection that was meant to be looked at. */
async function assertMade(truth: Truth, wanted: CollectionName): Promise<void> {
  const generations = await truth.session({ worker: true }).generations.list()
  const made = [...new Set(generations.map(({ collection }) => collection))].sort()
  if (made.includes(wanted)) return
  const there = made.length === 0 ? 'there are none' : `there are ${made.join(', ')}`
  throw new HeadwaterError('HW_COLLECTION_UNKNOWN', `--collection: ${wanted} is not in this store; ${there}`, {
    path: '--collection',
  })
}

/** A look must not leave a new, empty store behind where a path was mistyped. */
function assertThere({ profile, path: folder }: Settings): void {
  if (profile !== 'embedded' || folder === ':memory:' || existsSync(folder)) return
  throw new HeadwaterError('HW_MIGRATION_NEEDED', `${folder}: there is no store in this folder`, { path: folder })
}
