import { asHeadwaterError, HeadwaterError } from '../../core/errors'
import type { CollectionName } from '../../core/ids'
import { publish } from '../../observability/channels'
import type { Generation, Target } from '../../repositories/generations'
import type { ClaimedJob, JobKey, JobTarget, SettledJob } from '../../repositories/jobs'
import type { TruthSession } from '../../repositories/truth'
import type { WriterOptions, WriterPorts } from '../ports'
import { lockTargets } from '../rebuild/generations'
import { noteFailure } from '../reconcile/index-state'

/** A target of a collection that another worker has to serve, and why. */
export interface HandedOn {
  readonly target: Target
  readonly collection: CollectionName
  readonly error: HeadwaterError
}

/** What applying the jobs of one target came to, before they are settled. */
export interface Applied {
  readonly jobs: readonly ClaimedJob[]
  /** Of jobs that are not done as they were claimed. */
  readonly outcomes: readonly SettledJob[]
  readonly refused: ReadonlyMap<ClaimedJob, string>
  /** What generations beside the live one have not got. */
  readonly failures: ReadonlyMap<Generation, HeadwaterError>
  readonly unavailable: HeadwaterError | null
  readonly handedOn: HandedOn | null
}

export const nothing = { refused: new Map(), failures: new Map(), unavailable: null, handedOn: null }

/** Ends claims, and keeps those that are under way. */
export class ClaimSettling {
  readonly #ports: WriterPorts
  readonly #options: Pick<WriterOptions, 'leaseMs' | 'maxAttempts'>

  constructor(ports: WriterPorts, options: Pick<WriterOptions, 'leaseMs' | 'maxAttempts'>) {
    this.#ports = ports
    this.#options = options
  }

  /**
   * Ends the claims of a collection. If even that fails, their lease runs out. What generations beside the live one have
   * not got is noted on these in the same step and under the lock of a switch: either the switch sees the failure, or
   * the jobs go back for the generation that has become the live one.
   */
  async settle(
    claimed: readonly ClaimedJob[],
    applied: readonly Applied[],
  ): Promise<{ done: number; applied: readonly Applied[] }> {
    const { collection } = claimed[0]!
    const tokens = tokensOf(claimed)
    const outcomesOf = (of: readonly Applied[]): SettledJob[] => of.flatMap(({ outcomes }) => outcomes)
    try {
      if (applied.every(({ failures }) => failures.size === 0)) {
        const { jobs } = this.#ports.truth.session({ worker: true })
        const done = await jobs.settle(tokens, collection, outcomesOf(applied))
        this.#tellParked(applied)
        return { done, applied }
      }
      const settled = await this.#ports.truth.transaction({ worker: true }, async (session) => {
        const noted = await noteFailures(this.#ports, session, collection, applied)
        return { done: await session.jobs.settle(tokens, collection, outcomesOf(noted)), applied: noted }
      })
      this.#tellParked(settled.applied)
      return settled
    } catch (cause) {
      const unavailable = asHeadwaterError(cause)
      return { done: 0, applied: applied.map(({ jobs }) => ({ ...nothing, jobs, outcomes: [], unavailable })) }
    }
  }

  #tellParked(applied: readonly Applied[]): void {
    for (const [job, reason] of applied.flatMap(({ refused }) => [...refused])) {
      const { target, tenant, collection, document, attempts } = job
      if (attempts + 1 < this.#options.maxAttempts) continue
      this.#ports.troubles?.met(parkedJobs(target), parkedError(target, document, reason), 'error')
      publish('headwater:parked', () => ({ target, tenant, collection, document, reason }))
    }
  }

  /** Keeps the lease alive while the work lasts; a failed renewal is left to the fences. */
  renew(tokens: readonly string[]): () => void {
    const { clock, truth } = this.#ports
    const { leaseMs } = this.#options
    let over = false
    let cancel = (): void => undefined
    const renew = async (): Promise<void> => {
      const { jobs } = truth.session({ worker: true })
      for (const token of tokens) await jobs.renew(token, leaseMs)
      if (!over) wait()
    }
    const wait = (): void => {
      cancel = clock.timer(leaseMs / 3, () => renew().catch(() => undefined), { background: true })
    }
    wait()
    return () => {
      over = true
      cancel()
    }
  }
}

/** Jobs of a target that are parked, as `Troubles` names them. */
export function parkedJobs(target: JobTarget): string {
  return `parked jobs of ${target}`
}

function parkedError(target: JobTarget, document: string, reason: string): HeadwaterError {
  return new HeadwaterError('HW_JOB_PARKED', `${target} of ${JSON.stringify(document)} was given up: ${reason}`, {
    details: { target, document, reason },
  })
}

/** What is live by now and has failed gives its target's jobs back; on the others the failure is noted. */
async function noteFailures(
  ports: WriterPorts,
  session: TruthSession,
  collection: CollectionName,
  applied: readonly Applied[],
): Promise<readonly Applied[]> {
  const { generations } = session
  await lockTargets(session, collection)
  const live = await generations.list({ collection, states: ['live'] })
  const noted: Applied[] = []
  for (const one of applied) {
    const ofTheLive = [...one.failures].find(([{ id }]) => live.some((now) => now.id === id))?.[1]
    if (ofTheLive) noted.push({ ...nothing, jobs: one.jobs, outcomes: released(one.jobs, 0), unavailable: ofTheLive })
    else noted.push(one)
    for (const [{ id }, { message }] of ofTheLive ? [] : one.failures) await noteFailure(ports, session, id, message)
  }
  return noted
}

export function released(jobs: readonly ClaimedJob[], releasedMs: number): SettledJob[] {
  return jobs.map((job) => ({ ...keyOf(job), releasedMs }))
}

export function tokensOf(jobs: readonly ClaimedJob[]): string[] {
  return [...new Set(jobs.map(({ token }) => token))]
}

export function keyOf({ target, tenant, collection, document }: JobKey): JobKey {
  return { target, tenant, collection, document }
}
