import { z } from 'zod'
import { callKinds } from '../../core/abort'
import { isHeadwaterError } from '../../core/errors'
import { isPlainObject, type JsonObject } from '../../core/json'
import { checkOptions, type Kind, type OptionKinds, whole } from '../../core/option-kinds'
import { defineEntity, type EntityDeclaration, type ShapeOf } from '../declaration'
import { type EntityTools, withForm } from '../entity-form'
import type { EntityVersionOptions, RestorableRepository } from '../repository'
import type { StandardSchema } from '../standard-schema'
import { invalidArgument } from './invalid-argument'
import { jsonObject } from './json-object'

/** What is given of a user. */
export interface UserInput {
  /** Kept in small letters; no two users of a tenant have the same. */
  readonly email?: string | undefined
  /** What the one who signs them in calls them; unique, too. */
  readonly subject?: string | undefined
  readonly name?: string | undefined
  readonly roles?: readonly string[] | undefined
  readonly status?: 'active' | 'disabled' | undefined
  readonly profile?: JsonObject | undefined
}

export interface UserValues {
  readonly email?: string | undefined
  readonly subject?: string | undefined
  readonly name?: string | undefined
  readonly roles: string[]
  /** 'active' unless it is said. */
  readonly status: 'active' | 'disabled'
  readonly profile: JsonObject
}

export type UserShape = ShapeOf<StandardSchema<UserInput, UserValues>, { readonly softDelete: true }>
export type User = UserShape['row']

export interface UserMethods {
  /** Changes what the patch names of a profile; null takes a property away. Fails as `update` does. */
  patchProfile(id: string, patch: JsonObject, options?: EntityVersionOptions): Promise<User>
}

export type Users = RestorableRepository<UserShape> & UserMethods

const schema: StandardSchema<UserInput, UserValues> = z.object({
  email: z.email().toLowerCase().optional(),
  subject: z.string().min(1).optional(),
  name: z.string().optional(),
  roles: z.array(z.string()).default([]),
  status: z.enum(['active', 'disabled']).default('active'),
  profile: jsonObject,
})

/** The users of a tenant, each with a profile. Who they are is found out elsewhere: there is no password here. */
export const users: EntityDeclaration<UserShape, Users> = withForm(
  defineEntity('users', schema, {
    indexes: [['status'], ['roles'], ['createdAt']],
    unique: [['email'], ['subject']],
    softDelete: true,
  }),
  (tools) => Object.assign(tools.rows as RestorableRepository<UserShape>, methodsOf(tools)),
)

const versionKinds = {
  ...callKinds,
  ifVersion: whole(1, Number.MAX_SAFE_INTEGER),
} satisfies OptionKinds<EntityVersionOptions>
const profileKind: Kind = (value, path) => {
  if (isPlainObject(value)) return value
  throw invalidArgument(path, 'must be an object')
}

/** How often a user whom others keep changing is read and changed anew. */
const attempts = 20

function methodsOf({ rows }: EntityTools<UserShape>): UserMethods {
  return {
    async patchProfile(id, patch, options) {
      const { ifVersion, ...call } = checkOptions(options, versionKinds, '', 'HW_INVALID_ARGUMENT')
      const changes = Object.entries(profileKind(patch, 'patch', 'HW_INVALID_ARGUMENT') as JsonObject)
      for (let attempt = 1; ; attempt++) {
        const user = await rows.get(id, call)
        const profile = { ...user?.profile }
        for (const [name, value] of changes) {
          if (value === null) delete profile[name]
          else profile[name] = value
        }
        try {
          return await rows.update(id, { profile }, { ifVersion: ifVersion ?? user?.version, ...call })
        } catch (error) {
          const moved = isHeadwaterError(error, 'HW_VERSION_CONFLICT') && ifVersion === undefined
          if (!moved || attempt === attempts) throw error
        }
      }
    },
  }
}
