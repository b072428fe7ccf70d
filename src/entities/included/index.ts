export type { EntityReads } from '../entity-form'
export {
  type Agent,
  type AgentInput,
  type AgentMethods,
  type AgentShape,
  type Agents,
  type AgentValues,
  type AliveQuery,
  agent_heartbeats,
  agents,
  type HeartbeatShape,
  type HeartbeatValues,
} from './agents'
export {
  type Configuration,
  configuration,
  configuration_history,
  type HistoryOptions,
  type RevisionShape,
  type RevisionValues,
  type Setting,
  type SettingOptions,
  type SettingSchemas,
  type SettingShape,
  type SettingValues,
  type WatchOptions,
} from './configuration'
export {
  type LevelOptions,
  type Mastery,
  type MasteryLevel,
  type MasteryPageOptions,
  type MasteryShape,
  type MasteryValues,
  mastery,
  mastery_reviews,
  type Review,
  type ReviewOptions,
  type ReviewShape,
  type ReviewValues,
} from './mastery'
export type { Memory, MemoryOptions, ReviewRating } from './memory-model'
export {
  type DocumentProcessing,
  type Processing,
  type ProcessingOptions,
  type ProcessingShape,
  type ProcessingState,
  type ProcessingValues,
  processing,
  type SetProcessingOptions,
} from './processing'
export { type RateLimitShape, type RateLimitValues, rate_limits } from './rate-limits'
export {
  type RelatedDocument,
  type RelatedOptions,
  type RelateOptions,
  type Relation,
  type RelationKind,
  type RelationShape,
  type Relations,
  type RelationValues,
  relations,
} from './relations'
export {
  type User,
  type UserInput,
  type UserMethods,
  type UserShape,
  type Users,
  type UserValues,
  users,
} from './users'
