import { type Random, seededRandom } from '../../core/random'

/** Seeded choices. Each part of a simulation rolls dice of its own, so that one does not disturb the others. */
export class Dice {
  readonly random: Random

  constructor(seed: number, part: string) {
    let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b)
    for (let at = 0; at < part.length; at++) mixed = Math.imul(mixed ^ part.charCodeAt(at), 0x01000193)
    this.random = seededRandom(mixed ^ (mixed >>> 15))
  }

  chance(probability: number): boolean {
    return probability > 0 && this.random.next() < probability
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.random.next() * (high - low + 1))
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random.next() * list.length)]!
  }

  /** A key of `weights`, as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][]
    let left = this.random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      left -= weight
      if (left < 0) return key
    }
    return entries[0]![0]
  }
}
