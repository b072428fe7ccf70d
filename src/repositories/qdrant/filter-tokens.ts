import { type Equality, matchText } from './conditions'
import { keys } from './payload'
import { existenceToken, token } from './tokens'

/** Points of format 2: one clause over the one key of terms, which has an index, however long a list is. */
export const asTokens: Equality = {
  exists(path) {
    const { there, token: wanted } = existenceToken(path)
    const condition = matchText(keys.tokens, [wanted])
    return there ? condition : { must_not: [condition] }
  },

  equals(path, values) {
    return matchText(
      keys.tokens,
      values.map(({ type, value }) => token(path, type, value)),
    )
  },
}
