import { sleep } from '../../core/clock'
import { asHeadwaterError, type HeadwaterError } from '../../core/errors'
import type { Json } from '../../core/json'
import { hasEngine } from '../../repositories/index-engines'
import { sealAudit } from '../audit/seal'
import type { WriterOptions, WriterPorts } from '../ports'
import { followAlias } from '../rebuild/generations'
import { dropExpired } from '../rebuild/retention'
import { checkIndexes } from './check-indexes'
import { sweepIndex } from './sweep'

const leaseName = 'index-watch'
const watch = 'watch over the indexes'

/** Who looks after the indexes now, and when somebody last did. Times of the truth's clock, epoch ms. */
interface WatchLease {
  readonly holder: string | null
  readonly until: number
  readonly checkedAt: number
}

/**
 * Looks after the indexes: rounds of checks and of due sweeps; and seals the audit. One worker at a time, by a lease that it renews between
 * ranges; two at once would do each other no harm, only the work twice.
 */
export class IndexWatch {
  readonly #ports: WriterPorts
  readonly #options: WriterOptions
  readonly #worker: string
  /** Asked for a look at once, also when somebody has just had one. */
  #asked = true
  #wake: () => void = () => undefined
  #lastError: HeadwaterError | undefined

  constructor(ports: WriterPorts, options: WriterOptions, worker: string) {
    this.#ports = ports
    this.#options = options
    this.#worker = worker
  }

  /** Why the last round was not a whole one; undefined when it was. */
  get lastError(): HeadwaterError | undefined {
    return this.#lastError
  }

  /** An index was found missing: a running loop looks at once. */
  nudge(): void {
    this.#asked = true
    this.#wake()
  }

  /** Works until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.round(signal)
        this.#lastError = undefined
        this.#ports.troubles?.over(watch)
      } catch (error) {
        if (!signal.aborted) {
          this.#lastError = asHeadwaterError(error)
          this.#ports.troubles?.met(watch, this.#lastError)
        }
      }
      await this.#idle(signal)
    }
  }

  /** One look at everything, and every sweep that is due. */
  async round(signal: AbortSignal): Promise<void> {
    const asked = this.#asked
    this.#asked = false
    let lease = await this.#take(asked)
    if (!lease) return
    let failure: unknown
    let leavesSome = false
    const attempt = async (work: Promise<unknown>): Promise<void> => {
      await work.catch((error: unknown) => {
        failure ??= error
      })
    }
    try {
      const call = { signal }
      const gone = new Set<number>()
      const skipped = new Set<number>()
      await attempt(checkIndexes(this.#ports, this.#options.markMs, call, { gone, skipped }))
      leavesSome = skipped.size > 0
      const goesOn = async (): Promise<boolean> => {
        lease = lease && (await this.#renew(lease))
        return lease !== undefined && !signal.aborted
      }
      const { generations } = this.#ports.truth.session({ worker: true })
      for (const generation of await generations.list({ states: ['live', 'standby'] })) {
        if (!(await goesOn())) break
        if (!hasEngine(this.#ports, generation)) continue
        await attempt(sweepIndex(this.#ports, generation, this.#options, call, goesOn))
        if (gone.has(generation.id)) await attempt(followAlias(this.#ports, generation, call))
      }
      await attempt(dropExpired(this.#ports, this.#options.retentionMs, call))
      await attempt(sealAudit(this.#ports, call, goesOn))
    } finally {
      // A worker that has the engines of what was left here does not wait for its turn.
      if (lease) await this.#giveBack(lease, leavesSome ? 0 : lease.checkedAt)
    }
    if (failure !== undefined) throw failure
  }

  async #take(asked: boolean): Promise<WatchLease | undefined> {
    const { registry } = this.#ports.truth.session({ worker: true })
    const now = await registry.now()
    const held = (await registry.read(leaseName)) as unknown as WatchLease | null
    if (held?.holder && held.holder !== this.#worker && held.until > now) return undefined
    const recently = held !== null && Math.abs(now - held.checkedAt) < this.#options.checkMs / 2
    if (recently && !asked) return undefined
    const lease = { holder: this.#worker, until: now + this.#options.leaseMs, checkedAt: now }
    return (await registry.replace(leaseName, held as unknown as Json, lease)) ? lease : undefined
  }

  async #renew(lease: WatchLease): Promise<WatchLease | undefined> {
    const { registry } = this.#ports.truth.session({ worker: true })
    const next = { ...lease, until: (await registry.now()) + this.#options.leaseMs }
    return (await registry.replace(leaseName, { ...lease }, next)) ? next : undefined
  }

  /** If this fails, its time runs out. */
  async #giveBack(lease: WatchLease, checkedAt: number): Promise<void> {
    const { registry } = this.#ports.truth.session({ worker: true })
    await registry.replace(leaseName, { ...lease }, { ...lease, holder: null, checkedAt }).catch(() => false)
  }

  async #idle(signal: AbortSignal): Promise<void> {
    // Asked for meanwhile, by somebody who waits ever longer between two failures.
    if (this.#asked || signal.aborted) return
    const woken = new AbortController()
    const wake = (): void => woken.abort()
    this.#wake = wake
    signal.addEventListener('abort', wake, { once: true })
    try {
      await sleep(this.#ports.clock, this.#options.checkMs, woken.signal)
    } catch {
      // Woken early, which is what the signal is for.
    } finally {
      signal.removeEventListener('abort', wake)
      this.#wake = () => undefined
    }
  }
}
