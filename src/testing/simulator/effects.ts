import type { JsonObject } from '../../core/json'
import type { DocumentInput } from '../../writer/write/document-input'
import { keyOfInput } from './documents'
import type { Effect, Operation } from './history'

export function putEffect(input: DocumentInput): Effect {
  return { document: input.id, what: { kind: 'put', key: keyOfInput(input) }, failed: false }
}

export function patchEffect(document: string, patch: JsonObject): Effect {
  return { document, what: { kind: 'patch', patch }, failed: false }
}

export function deleteEffect(document: string): Effect {
  return { document, what: { kind: 'delete' }, failed: false }
}

export function patchOf({ effects }: Operation): JsonObject {
  const { what } = effects[0]!
  return what.kind === 'patch' ? what.patch : {}
}
