import { type CallOptions, throwIfAborted } from '../../core/abort'
import { type Clock, sleep } from '../../core/clock'
import { asHeadwaterError, HeadwaterError } from '../../core/errors'
import { uuidV7 } from '../../core/ids'
import { isPlainObject, type Json } from '../../core/json'
import { checkOptions } from '../../core/option-kinds'
import { type Renewal, renewEvery } from '../../core/renewal'
import type { RegistryRepository } from '../../repositories/registry'
import type { VerifyLevel } from '../../transfer/backup/verify'
import { readBackupDates } from '../../writer/backup-dates'
import { createFrom, pruneBackups, verifyBackup } from './backups'
import { drillBackup } from './drill'
import { type BackupStep, type RunBackupsOptions, runKinds } from './options'
import { type BackupStoreOptions, type OpenSource, withSource } from './source'

/** What a run did. */
export interface RunReport {
  /** Cycles of create, verify, prune and, when it is due, drill. */
  readonly cycles: number
  /** Those of which a step failed. */
  readonly failed: number
}

export const runDefaults = Object.freeze({
  schedule: '0 3 * * *',
  verify: 'full',
  drillEveryMs: 7 * 86_400_000,
}) satisfies { schedule: string; verify: VerifyLevel; drillEveryMs: number }

/** Registry entry: who is at it, until when, and when the last cycle was due. */
const recordName = 'backup:run'
const leaseMs = 10 * 60_000
const pollMs = 30_000
/** A cycle that failed is tried again after this time, or when the next one is due. */
const retryMs = 15 * 60_000

interface RunRecord {
  readonly holder: string | null
  readonly until: number
  /** Up to when what was due is done, epoch ms. */
  readonly doneAt: number
  /** Not before then, after a failure. */
  readonly retryAt: number
}

/**
 * Backs up by a schedule: create, verify, prune, and a drill once a week, until the signal aborts. Of many processes that
 * run this on one database one does it; a time that all of them missed is caught up once. With `once` one cycle is done
 * now. A step that fails is told to `onStep` and the others go on; `failed` counts such cycles. For stores on a server:
 * an embedded one is held by the process that uses it, which has `store.createBackup`. HW_INVALID_OPTIONS for a schedule
 * that is none.
 */
export async function runBackups(store: BackupStoreOptions, given: RunBackupsOptions): Promise<RunReport> {
  const options = checkOptions(given, runKinds, '')
  if (!store.postgres) {
    throw new HeadwaterError('HW_INVALID_OPTIONS', 'postgres: an embedded store is backed up by store.createBackup', {
      path: 'postgres',
    })
  }
  const nextAfter = await scheduleOf(options.schedule ?? runDefaults.schedule, options.timezone ?? 'UTC')
  return withSource(store, async (source) => {
    const { truth, clock } = source
    const { registry } = truth.session({ worker: true })
    const lease = new RunLease(source, registry)
    const report = { cycles: 0, failed: 0 }
    const cycle = async (doneAt: number): Promise<void> => {
      let ok = false
      try {
        ok = await new Cycle(store, source, options).run()
      } finally {
        await lease.end(ok, doneAt)
      }
      report.cycles++
      if (!ok) report.failed++
    }
    if (options.once) {
      const { now, doneAt } = await lease.read()
      if (!(await lease.take(doneAt)))
        throw new HeadwaterError('HW_BACKUP_BUSY', 'Another process runs the backups now')
      await cycle(now)
      return report
    }
    while (!options.signal?.aborted) {
      const { now, doneAt, retryAt } = await lease.read()
      const due = nextAfter(doneAt)
      if (due <= now && retryAt <= now && (await lease.take(doneAt))) await unlessAborted(cycle(now), options.signal)
      else await rest(clock, Math.min(pollMs, Math.max(1_000, Math.max(due, retryAt) - now)), options.signal)
    }
    return report
  })
}

/** Ends early, and quietly, when the signal aborts. */
async function rest(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (!signal?.aborted) await sleep(clock, ms, signal).catch(() => undefined)
}

/** A cycle that is cut off in the middle is tried again, here or by another process. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  await work.catch((error: unknown) => {
    if (!signal?.aborted) throw error
  })
}

/** When a schedule falls due next after a time, epoch ms. */
async function scheduleOf(schedule: string, timezone: string): Promise<(after: number) => number> {
  const { Cron } = await import('croner')
  try {
    const cron = new Cron(schedule, { timezone })
    if (cron.nextRun() === null) throw new HeadwaterError('HW_INVALID_OPTIONS', 'it never falls due')
    return (after) => cron.nextRun(new Date(after))?.getTime() ?? Number.POSITIVE_INFINITY
  } catch (cause) {
    const message = `schedule: ${JSON.stringify(schedule)} in ${timezone} is no schedule of cron: ${(cause as Error).message}`
    throw new HeadwaterError('HW_INVALID_OPTIONS', message, { path: 'schedule', cause })
  }
}

/** Which of the processes is at it; by the clock of the database. */
class RunLease {
  readonly #source: OpenSource
  readonly #registry: RegistryRepository
  readonly #holder: string
  #held: RunRecord | undefined
  #renewal: Renewal | undefined

  constructor(source: OpenSource, registry: RegistryRepository) {
    this.#source = source
    this.#registry = registry
    this.#holder = uuidV7(source.clock, source.random)
  }

  /** What began here counts from now on: nothing was missed before. */
  async read(): Promise<RunRecord & { readonly now: number }> {
    const now = await this.#registry.now()
    const fresh: RunRecord = { holder: null, until: 0, doneAt: now, retryAt: 0 }
    return { ...recordOf(await this.#registry.record(recordName, { ...fresh }), fresh), now }
  }

  /** False where another holds it, or has done what was due since. */
  async take(doneAt: number): Promise<boolean> {
    const recorded = await this.#registry.read(recordName)
    const { now, ...found } = await this.read()
    if (found.until > now || found.doneAt > doneAt) return false
    const held: RunRecord = { ...found, holder: this.#holder, until: now + leaseMs }
    if (!(await this.#registry.replace(recordName, recorded ?? { ...found }, { ...held }))) return false
    this.#held = held
    this.#renewal = renewEvery(this.#source.clock, leaseMs / 3, () => this.#renew())
    return true
  }

  async end(ok: boolean, doneAt: number): Promise<void> {
    await this.#renewal?.stop()
    const held = this.#held!
    const now = await this.#registry.now()
    const next = ok ? { doneAt, retryAt: 0 } : { doneAt: held.doneAt, retryAt: now + retryMs }
    await this.#registry.replace(recordName, { ...held }, { holder: null, until: 0, ...next })
  }

  async #renew(): Promise<void> {
    const held = this.#held!
    const next = { ...held, until: (await this.#registry.now()) + leaseMs }
    if (await this.#registry.replace(recordName, { ...held }, { ...next })) this.#held = next
  }
}

function recordOf(recorded: Json | null, fresh: RunRecord): RunRecord {
  return isPlainObject(recorded) ? { ...fresh, ...(recorded as unknown as RunRecord) } : fresh
}

class Cycle {
  readonly #store: BackupStoreOptions
  readonly #source: OpenSource
  readonly #options: RunBackupsOptions
  readonly #call: CallOptions
  #ok = true

  constructor(store: BackupStoreOptions, source: OpenSource, options: RunBackupsOptions) {
    this.#store = store
    this.#source = source
    this.#options = options
    this.#call = { signal: options.signal }
  }

  /** True when every step went well. */
  async run(): Promise<boolean> {
    const { to, keepDaily, keepWeekly, keepMonthly, rate } = this.#options
    const call = this.#call
    let id: string | undefined
    await this.#step('create', async () => {
      const report = await createFrom(this.#source, { to, rate, ...call })
      id = report.id
      const { written, complete } = report
      return [complete, `${id}: ${report.rows} rows, ${written.parts} parts and ${written.blobs} blobs were new`]
    })
    if (id === undefined) return false
    await this.#step('verify', async () => {
      const { ok, problems } = await verifyBackup({
        from: to,
        id,
        level: this.#options.verify ?? runDefaults.verify,
        ...call,
      })
      return [ok, ok ? `${id}: nothing is wrong` : `${id}: ${problems[0]?.what}: ${problems[0]?.problem}`]
    })
    await this.#step('prune', async () => {
      const { kept, removed, files } = await pruneBackups({ from: to, keepDaily, keepWeekly, keepMonthly, ...call })
      return [true, `${kept.length} stay, ${removed.length} went with ${files} files`]
    })
    if (await this.#drillIsDue()) {
      await this.#step('drill', async () => {
        const server = this.#options.drillOnServer ? this.#store.postgres : undefined
        const { ok, checks } = await drillBackup({ from: to, id, server, record: this.#store, ...call })
        return [ok, checks.map(({ name, detail }) => `${name}: ${detail}`).join('; ')]
      })
    }
    return this.#ok
  }

  async #drillIsDue(): Promise<boolean> {
    const every = this.#options.drillEveryMs ?? runDefaults.drillEveryMs
    const { drillAgeMs } = await readBackupDates(this.#source.truth.session({ worker: true }).registry)
    return this.#ok && (drillAgeMs === null || drillAgeMs >= every)
  }

  async #step(step: BackupStep['step'], work: () => Promise<readonly [boolean, string]>): Promise<void> {
    throwIfAborted(this.#call.signal)
    let ok = false
    let detail: string
    try {
      ;[ok, detail] = await work()
    } catch (error) {
      throwIfAborted(this.#call.signal)
      const { code, message } = asHeadwaterError(error)
      detail = `${code}: ${message}`
    }
    if (!ok) this.#ok = false
    this.#options.onStep?.({ step, ok, detail })
  }
}
