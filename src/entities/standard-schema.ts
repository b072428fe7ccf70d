import { HeadwaterError, isHeadwaterError } from '../core/errors'

/**
 * Any validator of the Standard Schema (standardschema.dev): zod, valibot, arktype and others. Where it offers its JSON
 * Schema too (Standard JSON Schema), columns are read from that.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a validator answers: the value as it is to be stored, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a value may be that is given to a schema. */
export type InputOf<S> = S extends StandardSchema<infer Input, infer _Output> ? Input : never

/** What a schema makes of it. */
export type OutputOf<S> = S extends StandardSchema<infer _Input, infer Output> ? Output : never

/** The value as the schema has it; HW_INVALID_ENTITY with the path of the first thing that is wrong. */
export async function validated(schema: StandardSchema, value: unknown, at: string): Promise<unknown> {
  let result: SchemaResult<unknown>
  try {
    result = await schema['~standard'].validate(value)
    if (typeof result !== 'object' || result === null)
      throw new HeadwaterError('HW_INVALID_ENTITY', 'it gave no result')
    if (result.issues === undefined) return result.value
  } catch (cause) {
    const why = isHeadwaterError(cause) ? `: ${cause.message}` : ''
    throw new HeadwaterError('HW_INVALID_ENTITY', `${at}: the schema's validator failed${why}`, { path: at, cause })
  }
  const problems = result.issues.slice(0, mostShown).map(({ message, path = [] }) => {
    const place = path.map((step) => String(typeof step === 'object' ? step.key : step))
    return { path: [at, ...place].join('.'), message: String(message) }
  })
  const more = result.issues.length > problems.length ? ` (and ${result.issues.length - problems.length} more)` : ''
  const text = problems.map(({ path, message }) => `${path}: ${message}`).join('; ')
  throw new HeadwaterError('HW_INVALID_ENTITY', `${text || `${at}: refused by the schema`}${more}`, {
    path: problems[0]?.path ?? at,
    details: { issues: problems },
  })
}

const mostShown = 10
