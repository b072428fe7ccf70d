import { randomFillSync } from 'node:crypto'

/** Randomness as a port, so that a seed replays a whole run. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
  bytes(length: number): Uint8Array
}

export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: (length) => randomFillSync(new Uint8Array(length)),
}

/** A seeded generator (sfc32 over a splitmix-expanded seed): fast, reproducible, not for secrets. */
export function seededRandom(seed: number): Random {
  let s = seed >>> 0
  const mix = (): number => {
    s = (s + 0x9e3779b9) | 0
    let t = s ^ (s >>> 16)
    t = Math.imul(t, 0x21f0aaad)
    t ^= t >>> 15
    t = Math.imul(t, 0x735a2d97)
    return (t ^ (t >>> 15)) >>> 0
  }
  let a = mix()
  let b = mix()
  let c = mix()
  let counter = 1
  const next32 = (): number => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return t >>> 0
  }
  for (let i = 0; i < 12; i++) next32()
  return {
    next: () => next32() / 2 ** 32,
    bytes: (length) => Uint8Array.from({ length }, () => next32() & 0xff),
  }
}
