import { group, milliseconds, number, type OptionKinds, share, whole } from '../core/option-kinds'
import type { PolicyOptions } from './policy'

type Part<K extends 'retry' | 'budget' | 'breaker'> = NonNullable<PolicyOptions[K]>

/** Of the parts of a policy that users give. */
export const policyKinds = {
  retry: group({
    maxAttempts: whole(1, 10_000),
    baseMs: milliseconds(),
    maxMs: milliseconds(),
  } satisfies OptionKinds<Part<'retry'>>),
  budget: group({
    ratio: number(0, 1),
    minimumPerSecond: number(0, 1_000_000),
    capacity: number(0, 1_000_000),
  } satisfies OptionKinds<Part<'budget'>>),
  breaker: group({
    threshold: share,
    window: whole(1, 1_000_000),
    minimumCalls: whole(1, 1_000_000),
    openMs: milliseconds(),
    maxOpenMs: milliseconds(),
    probeTimeoutMs: milliseconds(),
  } satisfies OptionKinds<Part<'breaker'>>),
} as const
