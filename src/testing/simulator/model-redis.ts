import type { RedisScript } from '../../connections/redis/script'
import type { CallOptions } from '../../core/abort'
import { HeadwaterError } from '../../core/errors'
import type { RedisCommands } from '../../repositories/redis/cache'
import {
  beginScript,
  deleteScript,
  deleteTagsScript,
  idLength,
  releaseScript,
  storeScript,
} from '../../repositories/redis/scripts'
import type { Network } from './network'
import type { Scheduler } from './scheduler'
import type { SimProcess } from './sim-process'

interface Held {
  readonly text: string
  /** Virtual ms. */
  readonly until: number
}

/**
 * Redis as seen over a network. It runs no Lua: each script that the cache sends is written down here once more, and
 * the suite of cache repositories holds over both.
 */
export class ModelRedis {
  readonly #network: Pick<Network, 'call'>
  readonly #scheduler: Pick<Scheduler, 'now'>
  readonly #withoutLease: boolean
  readonly #values = new Map<string, Held>()
  /** Tags: members, and until when each counts. */
  readonly #tags = new Map<string, Map<string, number>>()
  /** Given so far: the server's time stands for it. */
  #leases = 0

  constructor(
    network: Pick<Network, 'call'>,
    scheduler: Pick<Scheduler, 'now'>,
    options: { readonly withoutLease: boolean },
  ) {
    this.#network = network
    this.#scheduler = scheduler
    this.#withoutLease = options.withoutLease
  }

  for(process: SimProcess): RedisCommands {
    const send = (what: string, call: CallOptions | undefined, serve: () => unknown): Promise<unknown> =>
      this.#network.call(process, what, call, async () => serve())
    return {
      command: (name, args, call) => send(name, call, () => this.#command(name, args.map(String))),
      script: (script, keys, args, call) => {
        const serve = this.#scripts.get(script)
        if (!serve) throw new HeadwaterError('HW_INTERNAL', 'The model of Redis does not know this script')
        const texts = args.map(String)
        return send(serve.name, call, () => serve.run(keys, texts))
      },
    }
  }

  /** Restarted without its memory. */
  flush(): void {
    this.#values.clear()
    this.#tags.clear()
  }

  #command(name: string, args: readonly string[]): unknown {
    if (name === 'GET') return this.#get(args[0]!)
    if (name === 'MGET') return args.map((key) => this.#get(key))
    if (name !== 'SCAN') throw new HeadwaterError('HW_INTERNAL', `The model of Redis does not know ${name}`)
    const start = args[2]!.slice(0, -1)
    return ['0', [...this.#values.keys()].filter((key) => key.startsWith(start) && this.#get(key) !== null)]
  }

  readonly #scripts = new Map<RedisScript, { name: string; run: (keys: string[], args: string[]) => unknown }>([
    [storeScript, { name: 'store', run: (keys, args) => this.#store(keys, args) }],
    [beginScript, { name: 'begin', run: (keys, args) => this.#begin(keys, args) }],
    [releaseScript, { name: 'release', run: ([lease], [id]) => this.#deleteIf(lease!, (held) => held === id) }],
    [deleteScript, { name: 'delete', run: (keys, args) => this.#delete(keys, args) }],
    [deleteTagsScript, { name: 'deleteTags', run: (keys, args) => this.#deleteTags(keys, args) }],
  ])

  #store(keys: readonly string[], args: readonly string[]): number {
    const [value, copy, lease, floor] = keys as [string, string, string, string]
    const [text, lifeText, staleText, fence, own, base, end, ...tags] = args as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      ...string[],
    ]
    const [life, stale] = [Number(lifeText), Number(staleText)]
    if (own !== '' && this.#get(lease) !== own && !this.#withoutLease) return 0
    if (fence !== '') {
      const known = this.#get(floor)
      if (known !== null && Number(known) > Number(fence)) {
        if (own !== '') this.#values.delete(lease)
        return 0
      }
      this.#set(floor, fence, Math.max(life + stale, this.#left(floor)))
    }
    this.#set(value, text, life)
    this.#values.delete(lease)
    if (stale > 0) this.#set(copy, text, life + stale)
    else this.#values.delete(copy)
    this.#tag(base, text.slice(0, idLength) + end, life + stale, tags)
    return 1
  }

  #begin(keys: readonly string[], args: readonly string[]): unknown[] {
    const [value, copy, lease] = keys as [string, string, string]
    const [id, leaseMs, wantsStale, base, end, ...tags] = args as [string, string, string, string, string, ...string[]]
    const held = this.#get(value)
    if (held !== null) return [1, held]
    if (this.#get(lease) === null) this.#set(lease, `${id}${++this.#leases}`, Number(leaseMs))
    const holder = this.#get(lease)!
    const mine = holder.slice(0, idLength) === id
    if (mine) this.#tag(base, id + end, Number(leaseMs), tags)
    const old = wantsStale === '1' ? this.#get(copy) : null
    if (old !== null) return [2, old, mine ? holder : '']
    return [mine ? 3 : 4, holder]
  }

  #delete(keys: readonly string[], args: readonly string[]): number {
    const [value, copy, lease, floor] = keys as [string, string, string, string]
    const [fence, keepMs] = args as [string, string]
    const there = this.#get(value) === null ? 0 : 1
    for (const key of [value, copy, lease]) this.#values.delete(key)
    if (fence !== '') {
      const highest = Math.max(Number(this.#get(floor) ?? 0), Number(fence))
      this.#set(floor, String(highest), Math.max(Number(keepMs), this.#left(floor)))
    }
    return there
  }

  #deleteTags(keys: readonly string[], args: readonly string[]): [number, number] {
    const [base, most] = [args[0]!, Number(args[1])]
    let [left, gone] = [most, 0]
    for (const key of keys) {
      const members = [...(this.#tags.get(key)?.keys() ?? [])].slice(0, left)
      for (const member of members) {
        const [id, end] = [member.slice(0, idLength), member.slice(idLength)]
        const isItsOwn = (held: string): boolean => held.slice(0, idLength) === id
        gone += this.#deleteIf(`${base}v${end}`, isItsOwn)
        this.#deleteIf(`${base}s${end}`, isItsOwn)
        this.#deleteIf(`${base}l${end}`, isItsOwn)
        this.#tags.get(key)!.delete(member)
      }
      left -= members.length
    }
    return [gone, most - left]
  }

  #tag(base: string, member: string, life: number, tags: readonly string[]): void {
    const { now } = this.#scheduler
    for (const tag of tags) {
      const key = `${base}t${tag}`
      const members = this.#tags.get(key) ?? new Map<string, number>()
      for (const [other, until] of members) if (until <= now) members.delete(other)
      this.#tags.set(key, members.set(member, now + life))
    }
  }

  #deleteIf(key: string, holds: (text: string) => boolean): number {
    const held = this.#get(key)
    if (held === null || !holds(held)) return 0
    this.#values.delete(key)
    return 1
  }

  #get(key: string): string | null {
    const held = this.#values.get(key)
    if (!held) return null
    if (held.until > this.#scheduler.now) return held.text
    this.#values.delete(key)
    return null
  }

  #left(key: string): number {
    return this.#get(key) === null ? 0 : this.#values.get(key)!.until - this.#scheduler.now
  }

  #set(key: string, text: string, ms: number): void {
    this.#values.set(key, { text, until: this.#scheduler.now + ms })
  }
}
