import { z } from 'zod'
import { type CallOptions, callKinds } from '../../core/abort'
import { HeadwaterError, isHeadwaterError } from '../../core/errors'
import type { JsonObject } from '../../core/json'
import { anything, checkOptions, milliseconds, type OptionKinds } from '../../core/option-kinds'
import { defineEntity, type EntityDeclaration, type ShapeOf } from '../declaration'
import { type EntityTools, withForm } from '../entity-form'
import type { EntityFilter, EntityPage } from '../query'
import type { EntityRepository } from '../repository'
import type { StandardSchema } from '../standard-schema'
import { jsonObject } from './json-object'

/** What is given of an agent. */
export interface AgentInput {
  /** The name that it is known by, to 512 bytes. */
  readonly id: string
  readonly title?: string | undefined
  /** What it is told to do, and how. */
  readonly configuration?: JsonObject | undefined
  /** What it can do: agents are found by these. */
  readonly capabilities?: readonly string[] | undefined
  readonly status?: string | undefined
  /** What it is at. */
  readonly state?: JsonObject | undefined
}

export interface AgentValues {
  readonly id: string
  readonly title?: string | undefined
  readonly configuration: JsonObject
  readonly capabilities: string[]
  /** 'idle' unless it is said. */
  readonly status: string
  readonly state: JsonObject
}

export type AgentShape = ShapeOf<StandardSchema<AgentInput, AgentValues>, { key: 'id' }>
export type Agent = AgentShape['row']

export interface HeartbeatValues {
  readonly agent: string
  /** By the clock of the process that it came from. */
  readonly at: string
}

export type HeartbeatShape = ShapeOf<StandardSchema<HeartbeatValues>, { key: 'agent' }>

/** Which agents are asked for. */
export interface AliveQuery {
  /** The age of the oldest heartbeat that counts, ms; a minute by default. */
  withinMs?: number | undefined
  filter?: EntityFilter<Agent> | undefined
  /** Heartbeats of a page, 1 to 1,000; 100 by default. Those of agents that the filter leaves out count. */
  limit?: number | undefined
  cursor?: string | undefined
}

export interface AgentMethods {
  /** Says that an agent is there; its version stays. HW_NOT_FOUND. */
  heartbeat(id: string, options?: CallOptions): Promise<void>
  /** Agents that were there lately, the latest first. */
  alive(query?: AliveQuery, options?: CallOptions): Promise<EntityPage<Agent & { readonly seenAt: string }>>
}

export type Agents = EntityRepository<AgentShape> & AgentMethods

const agentSchema: StandardSchema<AgentInput, AgentValues> = z.object({
  id: z.string().min(1),
  title: z.string().optional(),
  configuration: jsonObject,
  capabilities: z.array(z.string()).default([]),
  status: z.string().min(1).default('idle'),
  state: jsonObject,
})

const heartbeatSchema: StandardSchema<HeartbeatValues> = z.object({ agent: z.string(), at: z.iso.datetime() })

const rows = defineEntity('agents', agentSchema, { key: 'id', indexes: [['capabilities'], ['status']] })

/**
 * When each agent was last there. A row of its own, so that a heartbeat neither moves the version of an agent nor gets lost
 * to somebody who changes it meanwhile.
 */
export const agent_heartbeats: EntityDeclaration<HeartbeatShape> = defineEntity('agent_heartbeats', heartbeatSchema, {
  key: 'agent',
  indexes: [['at']],
  references: { agent: { to: rows, onDelete: 'cascade' } },
})

/** Who works here: what each is told and can do, what it is at, and whether it is there. Needs `agent_heartbeats`. */
export const agents: EntityDeclaration<AgentShape, Agents> = withForm(
  rows,
  (tools) => Object.assign(tools.rows, methodsOf(tools)),
  [agent_heartbeats],
)

const aliveKinds = {
  withinMs: milliseconds(1),
  filter: anything,
  limit: anything,
  cursor: anything,
} satisfies OptionKinds<AliveQuery>

function methodsOf({ rows, clock, of }: EntityTools<AgentShape>): AgentMethods {
  const heartbeats = of(agent_heartbeats)
  const isoOf = (ms: number): string => new Date(ms).toISOString()
  return {
    async heartbeat(id, options) {
      try {
        await heartbeats.upsert({ agent: id, at: isoOf(clock.now()) }, options)
      } catch (error) {
        const absent = isHeadwaterError(error, 'HW_CONFLICT') && error.details?.['references'] !== undefined
        if (!absent) throw error
        throw new HeadwaterError('HW_NOT_FOUND', `id: no agent ${JSON.stringify(id)}`, { path: 'id', details: { id } })
      }
    },
    async alive(query, options) {
      const call = checkOptions(options, callKinds, '', 'HW_INVALID_ARGUMENT')
      const { withinMs = 60_000, filter, ...page } = checkOptions(query, aliveKinds, '', 'HW_INVALID_ARGUMENT')
      const since = isoOf(clock.now() - withinMs)
      const beats = await heartbeats.list({ ...page, orderBy: [{ at: 'desc' }] }, call)
      const fresh = beats.items.filter(({ at }) => at >= since)
      if (fresh.length === 0) return { items: [] }
      const asked = { id: { in: fresh.map(({ agent }) => agent) } }
      const wanted = filter === undefined ? asked : { AND: [asked, filter] }
      const found = await rows.list({ filter: wanted, limit: fresh.length }, call)
      const byId = new Map(found.items.map((agent) => [agent.id, agent]))
      const items = fresh.flatMap(({ agent: id, at }) => {
        const agent = byId.get(id)
        return agent ? [{ ...agent, seenAt: at }] : []
      })
      const more = beats.cursor !== undefined && fresh.length === beats.items.length
      return { items, ...(more && { cursor: beats.cursor }) }
    },
  }
}
