export { guards } from './guards'
export { runSeed, type SimOptions, type SimReport } from './simulation'
export { planSwarm, type SwarmPlan } from './swarm'
export type { Violation } from './world'
