// What `headwater` exports is not exported again; these two were from the beginning.
export type { Clock } from '../core/clock'
export { type Random, seededRandom } from '../core/random'
export { blobReferenceRepositoryContract } from './contracts/blob-references'
export { type BlobFixture, blobRepositoryContract } from './contracts/blobs'
export { type CacheFixture, cacheRepositoryContract } from './contracts/cache'
export { chunkRepositoryContract } from './contracts/chunks'
export { commitRepositoryContract } from './contracts/commits'
export { documentWritesContract } from './contracts/document-writes'
export { documentRepositoryContract } from './contracts/documents'
export { embeddingRepositoryContract } from './contracts/embeddings'
export {
  contractEntities,
  contractEntity,
  entityReferenceContract,
  entityRowRepositoryContract,
} from './contracts/entities'
export { errandRepositoryContract } from './contracts/errands'
export { generationRepositoryContract } from './contracts/generations'
export { jobRepositoryContract } from './contracts/jobs'
export { registryRepositoryContract } from './contracts/registry'
export { type TextFixture, textRepositoryContract } from './contracts/texts'
export { type TruthFixture, truthContract } from './contracts/truth'
export { type VectorFixture, vectorRepositoryContract } from './contracts/vectors'
export { type WordCase, type WordGroup, wordGroups } from './contracts/word-cases'
export { askWords, type WordFixture, type WordResult, wordsContract } from './contracts/words'
export { FakeClock } from './fake-clock'
export { memoryPorts } from './memory-ports'
export type { Fixture, Matchers, TestRunner } from './runner'
export { planSwarm, runSeed, type SimOptions, type SimReport, type SwarmPlan, type Violation } from './simulator'
export type { Damage } from './simulator/damage'
export type { PlannedRebuild } from './simulator/planned-rebuilds'
export type { EngineFaultPlan, OperationKind, TruthFaultPlan } from './simulator/swarm'
export { createTestStore, type Faults, type FaultTarget, type TestStore, type TestStoreOptions } from './test-store'
