const reserved = new Set(['AND', 'OR', 'NOT'])
// Square brackets and dots have a meaning in the paths of engines, control characters in none.
const forbidden = /[.[\]\p{Cc}]/u

/** What is wrong with one key of metadata, or undefined. */
export function metadataKeyProblem(key: string): string | undefined {
  if (key === '') return 'is empty'
  if (key.length > 128 && [...key].length > 128) return 'is longer than 128 characters'
  if (forbidden.test(key)) return 'contains a dot, a square bracket or a control character'
  if (reserved.has(key)) return 'is a word of the filter language'
  if (key.startsWith('$')) return 'begins with $, which is kept for system fields'
  if (!key.isWellFormed()) return 'contains half of a surrogate pair'
  return undefined
}

/** What is wrong with a dotted path into metadata, or undefined. */
export function metadataPathProblem(path: string): string | undefined {
  const keys = path.split('.')
  if (keys.length > 64) return 'has more than 64 keys'
  for (const key of keys) {
    const problem = metadataKeyProblem(key)
    if (problem !== undefined) return keys.length === 1 ? problem : `has a key that ${problem}`
  }
  return undefined
}

/** False for text that no store takes and that therefore equals nothing stored: NUL, half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}
