import type { Clock } from './clock'
import type { Random } from './random'

/** What tests may put in the system's place. */
export interface CorePorts {
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}
