import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Settings } from '../../config/settings'
import { systemClock } from '../../core/clock'
import { type Deadline, withDeadline } from '../../core/deadline'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import { openModels } from '../../embeddings/open-models'
import type { DeclaredTable } from '../../migrations/entity-tables'
import { PostgresTruth } from '../../repositories/postgres/truth'
import { topologyOf } from '../../store/engines'
import { resolveCollections, type StoreOptions } from '../../store/store-options'
import { storeOptionsFrom } from '../../store/store-settings'
import type { CollectionPlan } from '../../writer/ports'
import type { CliContext } from '../context'
import { attempt, type Check, failed, ok, unseen, warning } from './check'
import { checkEntities, checkExtension, checkJobs, checkMigrations, checkRowSecurity, checkVectorUse } from './database'
import { checkIndexes } from './indexes'
import { checkCalls, checkFences, checkStores, connectStores, disconnect, type Stores } from './stores'
import { checkFolders, checkPasswords } from './surroundings'

interface Configured {
  readonly settings: Settings
  readonly stores: Stores
  readonly options: StoreOptions<object>
  readonly plans: ReadonlyMap<string, CollectionPlan>
  /** True when no embedder was named and hashing stands in. */
  readonly standsIn: boolean
}

/** Everything that can be looked at without changing anything, within one deadline. */
export async function examine(
  context: CliContext,
  timeoutMs: number,
  declared: readonly DeclaredTable[] = [],
): Promise<Check[]> {
  const found = await configure(context)
  if (Array.isArray(found)) return found
  const { settings, stores, options } = found
  return withDeadline(systemClock, { signal: context.signal, timeoutMs }, undefined, async (deadline) => {
    try {
      const { postgres, ...beside } = stores
      const absent = absenceOf(settings)
      const answers = await checkStores(absent ? beside : stores, deadline)
      const isUp = (name: string): boolean => answers.some((one) => one.name === name && one.state !== 'failed')
      const [fences, calls, database] = await Promise.all([
        stores.qdrant && isUp('qdrant') ? checkFences(stores.qdrant, deadline) : [],
        checkCalls(stores, options, isUp, deadline),
        absent
          ? [absent]
          : isUp('postgres')
            ? checkDatabase(context, found, declared, isUp, deadline)
            : unasked('postgres'),
      ])
      const around = [checkEmbedder(found), ...checkFolders(options), ...checkPasswords(options)]
      return [...checkSettings(settings), ...around, ...answers, ...fences, ...calls, ...database]
    } finally {
      await disconnect(stores)
    }
  })
}

function checkSettings({ profile, ignored }: Settings): Check[] {
  const remedy = 'Correct the value, or give ours under the name that begins with HEADWATER_.'
  return [ok('settings', `profile ${profile}`), ...ignored.map((message) => warning('settings', message, remedy))]
}

/** The store says it in `notices`; who asks doctor is about to deploy. */
function checkEmbedder({ standsIn }: Configured): Check {
  if (!standsIn) return ok('embedder', 'One is named, or a model is at hand.')
  return warning(
    'embedder',
    'No model is at hand, so the hashing embedder stands in: it finds words, not meanings.',
    'Set EMBEDDING_MODEL to a model in HEADWATER_MODEL_DIR or of OpenAI, or to hashing if that is meant.',
  )
}

/** The settings, or what is wrong with them: all of it at once. */
async function configure(context: CliContext): Promise<Configured | Check[]> {
  try {
    const settings = await context.settings()
    const options = storeOptionsFrom<object>(settings, { collections: { [context.collection]: {} } })
    const stores = connectStores(options, settings.postgres.migrationUrl?.reveal())
    // As a store would: a model that is in the cache is the default.
    const models = await openModels(options, { clock: undefined, random: undefined })
    await Promise.all(models.opened.map((model) => model.close?.()))
    const { plans, fallback } = resolveCollections(models.options)
    return { settings, options, stores, plans, standsIn: fallback }
  } catch (error) {
    if (!isHeadwaterError(error, 'HW_INVALID_SETTINGS') && !isHeadwaterError(error, 'HW_INVALID_OPTIONS')) throw error
    const problems = error.details?.['problems'] as { variable: string; problem: string }[] | undefined
    if (!problems) return [failed('settings', error)]
    return problems.map(({ variable, problem }) =>
      failed('settings', new HeadwaterError(error.code, `${variable} ${problem}`, { path: variable })),
    )
  }
}

/** An embedded store that does not exist yet must not come to be by being looked at. */
function absenceOf({ profile, path: folder }: Settings): Check | undefined {
  if (profile !== 'embedded') return undefined
  if (folder === ':memory:') return ok('postgres', 'In memory: nothing is kept, so there is nothing to look at.')
  if (existsSync(path.join(folder, 'postgres'))) return undefined
  const error = new HeadwaterError('HW_MIGRATION_NEEDED', `${folder}: there is no store in this folder`)
  return failed('postgres', error, 'Run `headwater init`, or correct HEADWATER_PATH.')
}

async function checkDatabase(
  context: CliContext,
  { settings, options, plans, stores }: Configured,
  declared: readonly DeclaredTable[],
  isUp: (name: string) => boolean,
  deadline: Deadline,
): Promise<Check[]> {
  const { postgres } = stores
  const { schema } = settings.postgres
  await postgres.askPath()
  const checks = await attempt('migrations', deadline, () => checkMigrations(postgres, schema))
  const migrated = checks.every(({ state }) => state === 'ok')
  const made = topologyOf(options).vector[0] === 'postgres' && !postgres.embedded
  if (made) checks.push(...(await attempt('pgvector', deadline, () => checkExtension(postgres))))
  if (!migrated) return [...checks, ...unasked('migrations')]
  checks.push(...(await attempt('row level security', deadline, () => checkRowSecurity(postgres, schema))))
  const session = new PostgresTruth(postgres, { schema }).session({ worker: true })
  checks.push(
    ...(await attempt('pgvector', deadline, async () => {
      if (postgres.embedded) return []
      if (made) return checkVectorUse(postgres)
      // What is configured since may not have them yet.
      const indexes = await session.generations.list({ target: 'vector' })
      if (indexes.every(({ engine }) => engine !== 'postgres')) return []
      return [...(await checkExtension(postgres)), ...(await checkVectorUse(postgres))]
    })),
  )
  const place = { session, options, schema, stores, collection: context.collection, plans, answers: isUp }
  const [entities, indexes, jobs] = await Promise.all([
    attempt('entities', deadline, () => checkEntities(postgres, schema, declared)),
    attempt('indexes', deadline, () => checkIndexes(place)),
    attempt('jobs', deadline, () => checkJobs(session)),
  ])
  return [...checks, ...entities, ...indexes, ...jobs]
}

function unasked(because: 'postgres' | 'migrations'): Check[] {
  const rest = ['row level security', 'topology', 'indexes', 'jobs']
  return [...(because === 'postgres' ? ['migrations'] : []), ...rest].map((name) => unseen(name, because))
}
