import { createHash } from 'node:crypto'

/** A Lua script; the server knows it by its hash once it has seen it. */
export interface RedisScript {
  readonly text: string
  readonly sha: string
}

export function redisScript(text: string): RedisScript {
  return Object.freeze({ text, sha: createHash('sha1').update(text).digest('hex') })
}
