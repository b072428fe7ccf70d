import { abortable, type CallOptions, throwIfAborted } from '../core/abort'
import { type Deadline, withDeadline, withinDeadline } from '../core/deadline'
import { asHeadwaterError, type ErrorCode, errorCatalogue } from '../core/errors'
import type { ErrandBacklog } from '../repositories/errands'
import type { Generation, Target } from '../repositories/generations'
import type { Backlog } from '../repositories/jobs'
import type { SeenWorker } from '../repositories/registry'
import { isLimit } from '../splitter/select'
import { type BackupDates, readBackupDates } from '../writer/backup-dates'
import type { WriterPorts } from '../writer/ports'
import { physicalExists } from '../writer/rebuild/generations'
import { sweepsUnderWay } from '../writer/reconcile/index-state'
import { type Failing, failingCalls } from './probes'
import type { LimitsHealth } from './rate-limiter'
import type { ConnectionHealth, StoreParts } from './store-parts'

/** What `store.health()` found: made to be logged as JSON, and without secrets. */
export interface StoreHealth {
  /** 'down': Postgres is, or the jobs cannot be counted; 'degraded': `degraded` says what. */
  readonly status: 'ok' | 'degraded' | 'down'
  /** By name: `postgres`, and those of `qdrant`, `elasticsearch`, `redis`, `s3` that are configured. */
  readonly connections: Readonly<Record<string, ConnectionHealth & { readonly errorCode: ErrorCode | null }>>
  /** What is not as it should be; empty when all is well. */
  readonly degraded: readonly Degradation[]
  /** Null when it could not be read. */
  readonly backlog: Backlog | null
  /** Of all names together; `unhandled` are those that wait and that no worker seen handles. Null as `backlog`. */
  readonly errands: ErrandsHealth | null
  /** Workers that were seen within the last minute, in this process or another. */
  readonly workers: number
  /** Null when they could not be read. */
  readonly generations: GenerationsHealth | null
  /** How old the last complete backup and the last drill that passed are; null when that could not be read. */
  readonly backups: BackupDates | null
  /**
   * By collection: chunks that this process wrote since it opened and of which the embedder reads the beginning alone.
   * Only words find their ends. Empty where all are read.
   */
  readonly truncated: Readonly<Record<string, number>>
  /** Who counts what callers take (`acme.limits`), in this process; null where nothing is configured that counts. */
  readonly limits: LimitsHealth | null
  /** What somebody should know, e.g. that row level security does not hold for this login. */
  readonly notices: readonly string[]
}

export interface ErrandsHealth extends Omit<ErrandBacklog, 'name'> {
  readonly unhandled: readonly string[]
}

export interface Degradation {
  /** A connection, `jobs`, `errands`, `workers`, `limits`, or the name of an index. */
  readonly what: string
  /** What users notice, in a sentence. */
  readonly meaning: string
  readonly remedy: string
}

export interface GenerationsHealth {
  readonly live: number
  readonly building: number
  readonly standby: number
  /** Those that cannot be switched to, and why. */
  readonly errors: readonly Pick<Generation, 'name' | 'target' | 'collection' | 'error'>[]
  /**
   * What documents are cut by, of each collection: what is live first, then others while a rebuild with another splitter
   * goes on or can be rolled back.
   */
  readonly chunkings: Readonly<Record<string, readonly string[]>>
  /** Where the indexes of each collection are: the live one first, then others that are fed beside it. */
  readonly engines: Readonly<Record<string, Readonly<Record<Target, readonly string[]>>>>
  /** Collections that have no index of a target yet, and those whose live one, `name`, is not in its engine any more. */
  readonly missing: readonly { readonly target: Target; readonly collection: string; readonly name?: string }[]
}

const healthMs = 5_000
const workerSeenMs = 60_000
/** A connection is told to give up so much earlier, so that its own report comes in time, ms. */
const headStartMs = 50

const vectorsAway = "Hybrid searches answer from words alone and mode 'vector' fails; new vectors wait as jobs."
const textsAway = "Hybrid searches answer from vectors alone and mode 'text' fails; new texts wait as jobs."

const readOnly = 'It is read-only: reads and searches go on, writes fail, and the indexes follow nothing.'

/** What users notice while a connection is down. */
export const outages: Readonly<Record<string, string>> = Object.freeze({
  postgres: 'Nothing can be read, searched or written.',
  qdrant: vectorsAway,
  elasticsearch: textsAway,
  redis: 'Nothing is found in the cache; loads go to the loader, a capped number at once.',
  s3: 'Blobs cannot be read or written.',
  vector: vectorsAway,
  text: textsAway,
})

/** What an engine holds. */
const holds: Readonly<Record<string, Target>> = { qdrant: 'vector', elasticsearch: 'text' }
const idleAway =
  'No live index is in it, so searches go on. What is built or kept in it follows no writes until it answers.'

/** What users notice while a connection is away; of an engine, by what is live in it. A test store's is 'vector:name'. */
function outageOf(what: string, generations: GenerationsHealth | null): string {
  const [of = what, engine = of] = what.split(':')
  const target = engine === of ? holds[of] : (of as Target)
  const engines = Object.values(generations?.engines ?? {})
  const isIdle = target && engines.length > 0 && engines.every((one) => one[target][0] !== engine)
  return isIdle ? idleAway : (outages[of] ?? 'It cannot be used.')
}

/** Asks everything side by side within one deadline; what has not answered by then counts as down. */
export function storeHealth(parts: StoreParts, options: CallOptions): Promise<StoreHealth> {
  const { checks, ports } = parts
  return withDeadline(ports.clock, options, healthMs, async (deadline) => {
    const [truth, ...states] = await Promise.all([
      askTruth(parts, deadline),
      ...Object.keys(checks).map((name) => askConnection(parts, name, deadline)),
    ])
    throwIfAborted(options.signal)
    const connections = Object.fromEntries(Object.keys(checks).map((name, at) => [name, states[at]!]))
    const { backlog, errands, workers, indexes, sweeps, gone, refused, backups } = truth
    const found = {
      connections,
      backlog,
      errands: errands && workers && errandsHealth(errands, workers),
      backups,
      workers: workers?.length ?? 0,
      generations: indexes && summaryOf(parts, indexes, gone ?? []),
      limits: parts.limiter.health(),
      ...truncation(parts),
    }
    const idle = ports.options?.relay === 'external' && workers?.length === 0
    if (idle && backlog?.waiting === 0) found.notices.push(`${unseen}, and ${follow}`)
    const degraded = [...degradationsOf(found, idle), ...(refused ?? []).map(refusal), ...(sweeps ?? []).map(mending)]
    const down = backlog === null || connections['postgres']?.status === 'down'
    return { status: down ? 'down' : degraded.length > 0 ? 'degraded' : 'ok', degraded, ...found }
  })
}

/** What embedders do not read of chunks, and where more of that is to be expected. */
function truncation({
  ports,
  notices,
}: StoreParts): Pick<StoreHealth, 'truncated' | 'notices'> & { notices: string[] } {
  const truncated: Record<string, number> = {}
  const told = [...notices]
  for (const [collection, { embedder, splitter }] of ports.collections) {
    const count = ports.truncated?.of(collection) ?? 0
    if (count > 0) truncated[collection] = count
    const reads = `${embedder.fingerprint} reads (${embedder.maxTokens} tokens)`
    const first = /^md-v1-\d+-(\d+)$/.exec(splitter.id)
    const blind = first !== null && isLimit(embedder, Number(first[1]))
    if (count === 0 && !blind) continue
    told.push(
      blind
        ? `${collection}: ${splitter.id} cuts chunks that may be longer than ${reads}; rebuild({ collection, splitter: {} }) cuts them anew.`
        : `${collection}: ${count} chunks that were written are longer than ${reads}, so that only words find their ends.`,
    )
  }
  return { truncated, notices: told }
}

/** What to do about errands that nobody handles. */
export const unhandledRemedy =
  'Give each name a handler (store.on) where the relay runs, or run `headwater relay --handlers FILE`.'

const unseen = 'No worker was seen in the last minute'
const follow = "with relay: 'external' the indexes follow only while one runs (`headwater relay`)."

/** Each part is null when it could not be read in time. */
async function askTruth({ ports, probes = {} }: StoreParts, deadline: Deadline) {
  const given = deadline.signal
  const remaining = () => Math.min(deadline.remaining(), healthMs)
  const { jobs, errands, registry, generations } = ports.truth.session({ worker: true })
  // A signal of its own for each group of questions: many listeners on one look like a leak.
  return withDeadline(ports.clock, { signal: given }, undefined, async ({ signal }) => {
    const inTime = <T>(work: Promise<T>): Promise<T | null> => abortable(work, signal).catch(() => null)
    const listed = generations.list()
    const [backlog, waiting, workers, indexes, sweeps, gone, refused, backups] = await Promise.all([
      inTime(jobs.backlog(undefined, { signal })),
      inTime(errands.backlog({ signal })),
      inTime(registry.workers(workerSeenMs)),
      inTime(listed),
      inTime(sweepsUnderWay(ports)),
      inTime(listed.then((all) => goneOf(ports, all, { signal, timeoutMs: remaining() / 2 }))),
      inTime(listed.then((all) => failingCalls(ports, all, probes, { signal, timeoutMs: remaining() / 2 }))),
      inTime(readBackupDates(registry)),
    ])
    return { backlog, errands: waiting, workers, indexes, sweeps, gone, refused, backups }
  })
}

/** All names together, and which of them nobody handles. */
export function errandsHealth(backlog: readonly ErrandBacklog[], workers: readonly SeenWorker[]): ErrandsHealth {
  const sum = (count: (one: ErrandBacklog) => number): number => backlog.reduce((all, one) => all + count(one), 0)
  const handled = new Set(workers.flatMap(({ handles }) => handles))
  const ages = backlog.flatMap(({ oldestMs }) => oldestMs ?? [])
  return {
    waiting: sum(({ waiting }) => waiting),
    claimed: sum(({ claimed }) => claimed),
    parked: sum(({ parked }) => parked),
    oldestMs: ages.length > 0 ? Math.max(...ages) : null,
    unhandled: backlog.filter(({ name, waiting }) => waiting > 0 && !handled.has(name)).map(({ name }) => name),
  }
}

/** Live generations whose engine answers that it has no such index; one that does not answer is told by its connection. */
async function goneOf(
  ports: WriterPorts,
  generations: readonly Generation[],
  call: CallOptions,
): Promise<readonly Generation[]> {
  const live = generations.filter(({ state }) => state === 'live')
  const there = await Promise.all(live.map((one) => physicalExists(ports, one, call).catch(() => true)))
  return live.filter((_, at) => !there[at])
}

/** It answers, and refuses what users ask of it. */
function refusal({ what, target, error }: Failing): Degradation {
  const meaning = outages[target ?? what] ?? 'It cannot be used.'
  // Not refused there, but unknown here.
  if (error.code === 'HW_TOPOLOGY_MISMATCH')
    return { what, meaning: `${meaning} ${error.message}.`, remedy: error.remedy }
  return {
    what,
    meaning: `${meaning} It refuses them: ${error.code}: ${error.message.replace(/\.?$/, '.')}`,
    remedy: error.remedy,
  }
}

function mending({ name, why }: { name: string; why: string }): Degradation {
  return {
    what: name,
    meaning: `Searches may find less than there is until it is compared with Postgres: ${why}.`,
    remedy: 'A worker mends it by itself; see that one runs (`headwater relay`).',
  }
}

async function askConnection(
  { checks, ports }: StoreParts,
  name: string,
  deadline: Deadline,
): Promise<StoreHealth['connections'][string]> {
  const startedAt = ports.clock.monotonic()
  const left = deadline.remaining()
  const timeoutMs = Number.isFinite(left) ? Math.max(left - headStartMs, left / 2) : undefined
  try {
    return await withinDeadline(ports.clock, { signal: deadline.signal }, undefined, async ({ signal }) => {
      const state = await checks[name]!({ signal, timeoutMs })
      return { ...state, errorCode: state.error?.code ?? null }
    })
  } catch (cause) {
    const error = asHeadwaterError(cause)
    return { status: 'down', latencyMs: ports.clock.monotonic() - startedAt, error, errorCode: error.code }
  }
}

function summaryOf(
  { ports }: StoreParts,
  generations: readonly Generation[],
  gone: readonly Generation[],
): GenerationsHealth {
  const count = (state: Generation['state']): number => generations.filter((one) => one.state === state).length
  const live = new Set(
    generations.filter(({ state }) => state === 'live').map((one) => `${one.target}/${one.collection}`),
  )
  return {
    live: count('live'),
    building: count('building'),
    standby: count('standby'),
    errors: generations
      .filter(({ error }) => error !== null)
      .map(({ name, target, collection, error }) => ({ name, target, collection, error })),
    chunkings: chunkingsOf(generations),
    engines: enginesOf(generations),
    missing: [
      ...[...ports.collections.keys()].flatMap((collection) =>
        (['vector', 'text'] as const)
          .filter((target) => !live.has(`${target}/${collection}`))
          .map((target) => ({ target, collection })),
      ),
      ...gone.map(({ target, collection, name }) => ({ target, collection, name })),
    ],
  }
}

/** By collection and target, the live one first. */
export function enginesOf(generations: readonly Generation[]): Record<string, Record<Target, string[]>> {
  const found = new Map<string, Record<Target, string[]>>()
  const liveFirst = [...generations].sort((a, b) => Number(b.state === 'live') - Number(a.state === 'live'))
  for (const { collection, target, engine } of liveFirst) {
    const engines = found.get(collection) ?? { vector: [], text: [] }
    found.set(collection, engines)
    if (engine !== null && !engines[target].includes(engine)) engines[target].push(engine)
  }
  return Object.fromEntries(found)
}

/** By collection, those of live generations first. */
export function chunkingsOf(generations: readonly Generation[]): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  const liveFirst = [...generations].sort((a, b) => Number(b.state === 'live') - Number(a.state === 'live'))
  for (const { collection, chunking } of liveFirst) {
    const chunkings = Object.hasOwn(found, collection) ? found[collection]! : []
    if (!chunkings.includes(chunking)) chunkings.push(chunking)
    Object.defineProperty(found, collection, { value: chunkings, enumerable: true, configurable: true, writable: true })
  }
  return found
}

function degradationsOf(
  {
    connections,
    backlog,
    errands,
    generations,
    limits,
  }: Pick<StoreHealth, 'connections' | 'backlog' | 'errands' | 'generations' | 'limits'>,
  idle: boolean,
): Degradation[] {
  const found: Degradation[] = []
  for (const [what, { status, breaker, error, ...facts }] of Object.entries(connections)) {
    const meaning = outageOf(what, generations)
    if (status === 'down') {
      found.push({ what, meaning, remedy: error?.remedy ?? errorCatalogue.HW_UNAVAILABLE.remedy })
    } else if (status === 'degraded') {
      const remedy = 'Ask the server why (`GET _cluster/allocation/explain`) and bring its missing nodes back.'
      found.push({ what, meaning: 'The cluster is red: text searches may fail or find less.', remedy })
    } else if (breaker === 'open' || breaker === 'half-open') {
      const remedy = errorCatalogue.HW_CIRCUIT_OPEN.remedy
      found.push({
        what,
        meaning: `It answers again, but the circuit is ${breaker}. Until it closes: ${meaning}`,
        remedy,
      })
    } else if (facts['readOnly'] === true) {
      found.push({ what, meaning: readOnly, remedy: 'Point the store at the primary, or let the server take writes.' })
    }
  }
  if (limits?.errorCode && (limits.by === 'process' || limits.by === 'nobody')) {
    const meaning = limits.by === 'process' ? 'Each process counts what callers take by itself.' : 'Takes are refused.'
    found.push({ what: 'limits', meaning, remedy: errorCatalogue[limits.errorCode].remedy })
  }
  if (backlog && backlog.parked > 0) {
    const meaning = `${backlog.parked} jobs were given up: what is new in their documents is not found.`
    found.push({ what: 'jobs', meaning, remedy: errorCatalogue.HW_JOB_PARKED.remedy })
  }
  if (errands && errands.parked > 0) {
    const meaning = `${errands.parked} errands were given up: what they were to do is not done.`
    found.push({ what: 'errands', meaning, remedy: errorCatalogue.HW_ERRAND_FAILED.remedy })
  }
  if (errands && errands.unhandled.length > 0) {
    const meaning = `Errands wait that no worker seen in the last minute handles: ${errands.unhandled.join(', ')}.`
    found.push({ what: 'errands', meaning, remedy: unhandledRemedy })
  }
  if (backlog && backlog.waiting > 0 && idle) {
    const meaning = `${backlog.waiting} jobs wait. ${unseen}: what was written since is not found.`
    found.push({ what: 'workers', meaning, remedy: "Run `headwater relay`, or open a store with relay: 'background'." })
  }
  for (const { name, target, error } of generations?.errors ?? []) {
    const meaning = `It cannot be switched to (${error}); searches are answered by the live index.`
    found.push({ what: name, meaning, remedy: `Run \`headwater rebuild --target ${target}\` again.` })
  }
  for (const { target, collection, name } of generations?.missing ?? []) {
    found.push(name === undefined ? unmade(target, collection) : lost(name, target, collection))
  }
  return found
}

function unmade(target: Target, collection: string): Degradation {
  return {
    what: `${collection}/${target}`,
    meaning: `There is no live ${target} index of ${collection} yet: that leg finds nothing.`,
    remedy: 'Bring the engine up: the first job of the collection makes the index.',
  }
}

function lost(name: string, target: Target, collection: string): Degradation {
  const command = `headwater rebuild --target ${target} --collection ${collection}`
  return {
    what: name,
    meaning: `The live ${target} index of ${collection} is not in its engine any more: that leg fails.`,
    remedy: `A worker makes and fills it anew (\`headwater relay\`); where none does, run \`${command}\`.`,
  }
}
