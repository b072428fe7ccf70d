import { executorOfTenant } from '../connections/postgres/caller-tenant'
import { PostgresConnection } from '../connections/postgres/connection'
import { type Clock, systemClock } from '../core/clock'
import { HeadwaterError, isHeadwaterError } from '../core/errors'
import { uuidV7 } from '../core/ids'
import { limitDefaults } from '../core/limits'
import { type Random, systemRandom } from '../core/random'
import { loadStemmers } from '../core/words/languages'
import { VectorLru } from '../embeddings/lru'
import { checkModels, openModels } from '../embeddings/open-models'
import {
  attachedTables,
  checkSearched,
  type EntityDeclarations,
  type EntityDefinitions,
  entityDefinitions,
} from '../entities/entity-map'
import { Troubles } from '../observability/troubles'
import { auditedOf, isNothing } from '../repositories/audited'
import { DocumentEntries } from '../repositories/document-entries'
import { EpochWatch } from '../repositories/epoch-watch'
import { PostgresRateLimits } from '../repositories/postgres/rate-limits'
import { PostgresTruth } from '../repositories/postgres/truth'
import type { Truth } from '../repositories/truth'
import type { WriterPorts } from '../writer/ports'
import { ensureGenerations } from '../writer/rebuild/generations'
import { checkDatabase } from '../writer/reconcile/epoch'
import { TruncatedChunks } from '../writer/truncated'
import { recordCache } from './cache-record'
import { clearPasswords } from './clear-passwords'
import { keepRevisions } from './embedder-revisions'
import { checkEngines, type Engines, engines, topologyOf } from './engines'
import { prepareDatabase } from './prepare-database'
import { nobody } from './probes'
import { type Limiters, RateLimiter } from './rate-limiter'
import { resolveCollections, type StoreOptions } from './store-options'
import type { StoreParts } from './store-parts'
import { checkTopology } from './topology'

const defaultPath = './.headwater'
/** How long an opening waits for a server to tell its version, ms. */
const answeringMs = 2_000

/** Puts a store together: Postgres (a server, a pool of the user's, or PGlite here) and the engines beside it. */
export async function openParts(
  given: StoreOptions<object, EntityDeclarations>,
  check?: (truth: Truth) => Promise<void>,
): Promise<StoreParts> {
  const clock = given.clock ?? systemClock
  const random = given.random ?? systemRandom
  const { schema = 'headwater', ...postgres } = given.postgres ?? {}
  const folder = given.postgres ? undefined : (given.embedded?.path ?? defaultPath)
  // None of this opens anything: an option that is wrong leaves no file and no connection behind.
  const connection = connect(folder, postgres, clock, random)
  const truth = new PostgresTruth(connection, { schema })
  const epoch = new EpochWatch(truth, clock)
  const place = { postgres: connection, schema, folder, epoch, clock, random }
  checkEngines(given, place)
  resolveCollections(await checkModels(given))
  const entities = entityDefinitions(given.entities)

  const closing: (() => Promise<void>)[] = [() => connection.close()]
  const close = async (): Promise<void> => {
    for (const one of closing) await one()
  }
  try {
    await loadStemmers()
    const { options, opened } = await openModels(given, { clock, random })
    closing.push(async () => void (await Promise.all(opened.map((embedder) => embedder.close?.()))))
    const { plans, embedders, splitters, named, fallback } = resolveCollections(options)
    checkSearched(entities, plans)
    const tables = [...entities.values()].map(({ table }) => table)
    const audited = auditedOf(tables, plans.values())
    const notices = await prepareDatabase(connection, schema, options.migrate, tables, audited)
    if (fallback) notices.push(noEmbedder)
    notices.push(...clearPasswords(options))
    const { system } = await truth.session({ worker: true }).registry.database()
    if (system === null) notices.push(noSystem)
    await checkTopology(truth, topologyOf(options), plans)
    await check?.(truth)
    await recordCache(truth.session({ worker: true }).registry, options)
    const installation = await installationOf(truth, random)
    const metadataOf = (collection: string) => plans.get(collection)?.metadata
    await epoch.refresh()
    const beside = engines(options, { ...place, installation, metadataOf })
    closing.unshift(() => beside.close())
    const ports: WriterPorts = {
      truth,
      vectors: beside.vectors,
      texts: beside.texts,
      blobs: beside.blobs,
      collections: plans,
      embedders,
      splitters,
      clock,
      random,
      vectorPrefix: beside.vectorPrefix,
      engines: beside.engines,
      truncated: new TruncatedChunks(),
      entries: new DocumentEntries(beside.cache, { shared: Boolean(options.redis), epoch }),
      searches: beside.searches,
      troubles: new Troubles(given),
      attached: attachedTables(entities),
      options: { ...options.writer, relay: options.relay ?? 'background' },
      limits: { ...limitDefaults, ...options.limits },
    }
    await refuseUnsupported(beside.checks)
    // The folder's lock says that whoever held a claim is dead.
    if (connection.embedded) {
      const { jobs, errands } = truth.session({ worker: true })
      await jobs.freeClaims()
      await errands.freeClaims()
    }
    await checkDatabase(ports)
    await keepRevisions(ports)
    await ensureGenerations(ports)
    return {
      ports,
      named,
      splitters: options.splitters ?? {},
      cache: beside.cache,
      searches: beside.searches,
      queries: new VectorLru({
        clock,
        max: options.search?.vectors?.maxEntries,
        ttlMs: options.search?.vectors?.ttlMs,
      }),
      sharedQueries: beside.sharedQueries,
      rerank: options.search?.rerank,
      hedge: options.search?.hedge,
      epoch,
      blobs: beside.blobs,
      entities,
      limiter: new RateLimiter(options.rateLimit, limitersOf(beside, connection, schema, entities), clock),
      audited: !isNothing(audited),
      // The caller's role stays; the policies, where he is under them, then let this tenant through.
      adopt: (transaction, tenant, actor) => {
        const executor = executorOfTenant(transaction, tenant, { token: uuidV7(clock, random), schema, actor })
        return { session: truth.over(executor), assertOpen: () => executor.assertOpen() }
      },
      backup: { connection, truth, schema, blobs: beside.blobs, clock, random },
      checks: { postgres: async (call) => ({ ...(await connection.health(call)) }), ...beside.checks },
      probes: options.redis ? { redis: (call) => beside.cache.delete(nobody, 'health', call) } : {},
      notices,
      close,
    }
  } catch (error) {
    await close()
    // Whatever an opening writes is the same the next time: it may simply be tried again.
    if (isHeadwaterError(error, 'HW_COMMIT_UNKNOWN'))
      throw new HeadwaterError('HW_UNAVAILABLE', error.message, { cause: error })
    throw error
  }
}

/** Redis first; what nobody else counts is in rows. */
function limitersOf(
  { rateLimits }: Engines,
  connection: PostgresConnection,
  schema: string,
  entities: EntityDefinitions,
): Limiters {
  const table = entities.get('rate_limits')?.table
  // One of the user's own may have this name.
  const counts = ['key', 'used', 'endsAt'].every((name) => table?.columns.some((column) => column.name === name))
  return {
    ...(rateLimits && { redis: rateLimits }),
    ...(table && counts && { postgres: new PostgresRateLimits(connection, table, { schema }) }),
  }
}

const noSystem =
  'This login may not call pg_control_system(): a restore that nobody announces is noticed by the indexes alone.'

const noEmbedder =
  'No embedder is named and no model is at hand, so the hashing embedder is used: it finds words, not meanings. Name ' +
  'one in `embedder`, or set HEADWATER_MODEL_DIR.'

function connect(
  folder: string | undefined,
  postgres: Omit<NonNullable<StoreOptions['postgres']>, 'schema'>,
  clock: Clock,
  random: Random,
): PostgresConnection {
  if (folder === undefined) return new PostgresConnection(postgres, { clock, random })
  return new PostgresConnection({ embedded: { path: folder } }, { clock, random })
}

/** A server that answers and is too old is refused now; one that does not answer is no reason not to open. */
async function refuseUnsupported(checks: StoreParts['checks']): Promise<void> {
  const states = await Promise.all(Object.values(checks).map((check) => check({ timeoutMs: answeringMs })))
  for (const { error } of states) if (isHeadwaterError(error, 'HW_SERVER_UNSUPPORTED')) throw error
}

/** A name for this database that no other has, made once. */
async function installationOf(truth: PostgresTruth, random: Random): Promise<string> {
  const made = Buffer.from(random.bytes(4)).toString('hex')
  return String(await truth.session({ worker: true }).registry.record('installation', made))
}
