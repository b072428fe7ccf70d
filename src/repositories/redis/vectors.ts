import type { RedisConnection } from '../../connections/redis/connection'
import type { CallOptions } from '../../core/abort'
import type { TenantId } from '../../core/ids'
import { type Random, systemRandom } from '../../core/random'
import type { VectorCache } from '../../embeddings/vector-cache'
import { vectorFromBytes, vectorToBytes } from '../../embeddings/vector-codec'
import { FailOpen } from './fail-open'
import { type RedisKeyOptions, RedisKeys, suffixOf } from './keys'
import { checkJitter, checkTtl, jittered } from './life'
import { storeVectorsScript } from './scripts'

export interface RedisVectorCacheOptions extends RedisKeyOptions {
  /** Whose vectors. */
  readonly tenant: TenantId
  /** Which: say fingerprint and kind. Vectors of different scopes never meet. */
  readonly scope: readonly string[]
  /** How long a vector is kept, ms; 86,400,000 by default. */
  readonly ttlMs?: number | undefined
  /** Share by which that is shortened at random; 0.1 by default. */
  readonly jitter?: number | undefined
  readonly random?: Random | undefined
  /** Longest wait for Redis at each call, ms; the connection's own by default. */
  readonly timeoutMs?: number | undefined
}

const batch = 500

/** Vectors of one space as float32 bytes in Redis. Without Redis nothing is found and nothing is kept. */
export class RedisVectorCache implements VectorCache {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #tenant: TenantId
  readonly #scope: string
  readonly #ttlMs: number
  readonly #jitter: number
  readonly #random: Random
  readonly #call: CallOptions
  readonly #open = new FailOpen()

  constructor(connection: RedisConnection, options: RedisVectorCacheOptions) {
    this.#connection = connection
    this.#keys = new RedisKeys('vectors', options)
    this.#tenant = options.tenant
    this.#scope = `${suffixOf(JSON.stringify(options.scope))}:`
    this.#ttlMs = checkTtl(options.ttlMs ?? 86_400_000, 'redis.vectors.ttlMs', 'HW_INVALID_OPTIONS')
    this.#jitter = checkJitter(options.jitter ?? 0.1, 'redis.vectors.jitter')
    this.#random = options.random ?? systemRandom
    this.#call = { timeoutMs: options.timeoutMs }
  }

  async getMany(hashes: readonly string[]): Promise<Map<string, Float32Array>> {
    const found = new Map<string, Float32Array>()
    for (let at = 0; at < hashes.length; at += batch) {
      const part = hashes.slice(at, at + batch)
      const asked = this.#connection.command('MGET', part.map(this.#name), { ...this.#call, binary: true })
      const held = (await this.#open.try(asked, [], undefined)) as readonly unknown[]
      for (const [i, hash] of part.entries()) {
        const bytes = held[i]
        if (bytes instanceof Buffer && bytes.byteLength % 4 === 0) found.set(hash, vectorFromBytes(bytes))
      }
    }
    return found
  }

  async setMany(entries: readonly { readonly hash: string; readonly vector: Float32Array }[]): Promise<void> {
    for (let at = 0; at < entries.length; at += batch) {
      const part = entries.slice(at, at + batch)
      const names = part.map(({ hash }) => this.#name(hash))
      const bytes = part.map(({ vector }) => vectorToBytes(vector))
      const life = jittered(this.#ttlMs, this.#jitter, this.#random)
      const stored = this.#connection.script(storeVectorsScript, names, [life, ...bytes], this.#call)
      await this.#open.try(stored, 0, undefined)
    }
  }

  readonly #name = (hash: string): string => `${this.#keys.base(this.#tenant)}${this.#scope}${suffixOf(hash)}`
}
