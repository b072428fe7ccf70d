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
