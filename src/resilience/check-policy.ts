import { refuseUnknown } from '../core/known-options'
import { type PolicyOptions, policyDefaults } from './policy'

/** Refuses a misspelt name in the parts of a policy that users give; `path` is of the options they are among. */
export function checkPolicyOptions(options: Pick<PolicyOptions, 'retry' | 'budget' | 'breaker'>, path: string): void {
  for (const part of ['retry', 'budget', 'breaker'] as const) {
    refuseUnknown(options[part], policyDefaults[part], `${path}.${part}`)
  }
}
