import type { RedisConnection } from '../../connections/redis/connection'
import type { CallOptions } from '../../core/abort'
import { type Clock, systemClock } from '../../core/clock'
import { HeadwaterError } from '../../core/errors'
import type { TenantId } from '../../core/ids'
import { FailOpen } from './fail-open'
import { type RedisKeyOptions, RedisKeys, suffixOf } from './keys'
import { checkTtl } from './life'
import { recordScript, seriesScript } from './scripts'

export interface RedisMetricsOptions extends RedisKeyOptions {
  /** How long a minute and the latest value are kept after their last change, ms; 300,000 by default. */
  readonly ttlMs?: number | undefined
  readonly clock?: Clock | undefined
}

/** What was recorded within one minute. */
export interface MetricMinute {
  /** Its beginning, epoch ms. */
  readonly at: number
  readonly count: number
  readonly sum: number
  readonly min: number
  readonly max: number
}

const minuteMs = 60_000

/** Numbers by name and minute, added up over all processes. Without Redis, records are dropped and nothing is found. */
export class RedisMetrics {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #clock: Clock
  readonly #ttlMs: number
  readonly #open = new FailOpen()

  constructor(connection: RedisConnection, options: RedisMetricsOptions = {}) {
    this.#connection = connection
    this.#keys = new RedisKeys('metrics', options)
    this.#clock = options.clock ?? systemClock
    this.#ttlMs = checkTtl(options.ttlMs ?? 300_000, 'redis.ttlMs', 'HW_INVALID_OPTIONS')
  }

  async record(tenant: TenantId, name: string, value: number, call: CallOptions = {}): Promise<void> {
    if (!Number.isFinite(value)) {
      throw new HeadwaterError('HW_INVALID_ARGUMENT', `value: ${value} is not a finite number`, { path: 'value' })
    }
    const at = Math.floor(this.#clock.now())
    const keys = [this.#minute(tenant, name, at), this.#latest(tenant, name)]
    // Sent twice, it would count twice.
    const options = { ...call, idempotent: false }
    await this.#open.try(this.#connection.script(recordScript, keys, [value, at, this.#ttlMs], options), 0, call.signal)
  }

  /** The last `minutes` minutes, this one included, oldest first; those without a record are left out. */
  async series(
    tenant: TenantId,
    name: string,
    options: CallOptions & { minutes?: number } = {},
  ): Promise<MetricMinute[]> {
    const { minutes = Math.ceil(this.#ttlMs / minuteMs) } = options
    if (!Number.isInteger(minutes) || minutes < 1 || minutes > 1_440) {
      const message = `minutes: ${minutes} is not a whole number from 1 to 1440`
      throw new HeadwaterError('HW_INVALID_ARGUMENT', message, { path: 'minutes' })
    }
    const now = Math.floor(this.#clock.now() / minuteMs) * minuteMs
    const times = Array.from({ length: minutes }, (_, i) => now - (minutes - 1 - i) * minuteMs)
    const keys = times.map((at) => this.#minute(tenant, name, at))
    const rows = await this.#open.try(this.#connection.script(seriesScript, keys, [], options), [], options.signal)
    return (rows as (string | null)[][]).flatMap((row, i) => {
      const [count, sum, min, max] = row.map(Number)
      return row[0] == null ? [] : [{ at: times[i]!, count: count!, sum: sum!, min: min!, max: max! }]
    })
  }

  /** The value recorded last and when, epoch ms, or undefined. */
  async latest(
    tenant: TenantId,
    name: string,
    call: CallOptions = {},
  ): Promise<{ value: number; at: number } | undefined> {
    const asked = this.#connection.command('HMGET', [this.#latest(tenant, name), 'value', 'at'], call)
    const [value, at] = (await this.#open.try(asked, [], call.signal)) as (string | null | undefined)[]
    return value == null || at == null ? undefined : { value: Number(value), at: Number(at) }
  }

  #minute(tenant: TenantId, name: string, at: number): string {
    return `${this.#keys.base(tenant)}m${Math.floor(at / minuteMs)}${suffixOf(name)}`
  }

  #latest(tenant: TenantId, name: string): string {
    return `${this.#keys.base(tenant)}l${suffixOf(name)}`
  }
}
