import type { LeafType } from '../../filter/parsed'

const plain = /^[A-Za-z0-9]+$/
const encodedKey = /^([snbd])_((?:[A-Za-z0-9]|_[0-9a-f]{2})+)$/

/** The payload key of the leaves of one type at a path: `s:author.name` is `s_author_2ename`. */
export function payloadKey(type: LeafType, path: string): string {
  return `${type}_${encodedPath(path)}`
}

/**
 * Qdrant reads keys as paths of its own, and odd ones fail or find nothing without a word: letters and digits stay,
 * every other byte becomes `_` and two hex digits, so that no two paths meet and every key is safe.
 */
export function encodedPath(path: string): string {
  const known = encodings.get(path)
  if (known !== undefined) return known
  // Keys of metadata are few and come again; those that are not must not fill the memory.
  if (encodings.size >= mostKnown) encodings.clear()
  const encoded = plain.test(path) ? path : encode(path)
  encodings.set(path, encoded)
  return encoded
}

const encodings = new Map<string, string>()
const mostKnown = 1_000

function encode(path: string): string {
  let encoded = ''
  for (const byte of Buffer.from(path, 'utf8')) {
    const character = String.fromCharCode(byte)
    encoded += plain.test(character) ? character : `_${byte.toString(16).padStart(2, '0')}`
  }
  return encoded
}

export function pathOfEncoded(encoded: string): string {
  if (!encoded.includes('_')) return encoded
  const bytes: number[] = []
  for (let i = 0; i < encoded.length; i++) {
    if (encoded[i] === '_') {
      bytes.push(Number.parseInt(encoded.slice(i + 1, i + 3), 16))
      i += 2
    } else bytes.push(encoded.charCodeAt(i))
  }
  return Buffer.from(bytes).toString('utf8')
}

/** The reverse of `payloadKey`: `<type>:<path>` as `Leaves` has it, or undefined for a key of another kind. */
export function leafKeyOf(key: string): string | undefined {
  const match = encodedKey.exec(key)
  if (!match) return undefined
  const [, type, encoded] = match as unknown as [string, string, string]
  return `${type}:${pathOfEncoded(encoded)}`
}
