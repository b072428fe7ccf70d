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
  type DocumentProcessing,
  type Processing,
  type ProcessingOptions,
  type ProcessingShape,
  type ProcessingState,
  type ProcessingValues,
  processing,
  type SetProcessingOptions,
} from './processing'
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
