import { runSeed, type SimOptions } from '../../src/testing/simulator'

/** The seed's first violation and all that led to it, as text. */
export async function breach(seed: number, options: SimOptions = {}): Promise<string> {
  const { violations, trace } = await runSeed(seed, { ...options, trace: true })
  const [violation] = violations
  return `seed ${seed} violates ${violation?.invariant}: ${violation?.message}\n${trace.join('\n')}`
}
